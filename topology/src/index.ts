export * from './differences.js';
export { type Drawing, drawingOf } from './drawing.js';
export { generationsOn, nextGeneration } from './generations.js';
export type { Held, HeldBinding, HeldExchange, HeldPolicy, HeldQueue } from './held.js';
export {
  defaultLadder,
  defaultLadder,
  type LadderShape,
  type LadderShape,
  ladderEntry,
  ladderEntry,
  ladderOf,
  longestLadderDelayMs,
  longestLadderDelayMs,
} from './ladder.js';
export * from './lanes.js';
export { mermaidDrawing } from './mermaid-drawing.js';
export * from './model.js';
export * from './names.js';
export { planTopology } from './plan.js';
export * from './plan-step.js';
export { overriddenPolicies } from './policies-in-force.js';
export * from './queue-name.js';
export { withoutReplacements } from './replacements.js';
export { type ServiceRole, serviceRoles } from './service-roles.js';
export { textDrawing, textDrawingWidth } from './text-drawing.js';
export { topologyFor } from './topology.js';
export { documentCommand, topologyDocument } from './topology-document.js';
