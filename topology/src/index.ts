export { versionAtLeast } from './broker-version.js';
export {
  bootFile,
  bootFileCommand,
  bootVhost,
  type Definitions,
  definitionsOf,
  definitionsText,
} from './definitions.js';
export * from './differences.js';
export { type Diagnosis, diagnose } from './doctor/diagnose.js';
export type { BrokerFacts, HeldFact, Known, ManagementFact, PolicyFact } from './doctor/facts.js';
export {
  type CheckName,
  checkNames,
  type Finding,
  type FindingCode,
  type Severity,
  severities,
  severityOf,
} from './doctor/finding.js';
export { dotDrawing } from './dot-drawing.js';
export { type Drawing, drawingOf } from './drawing.js';
export { generationsOn, nextGeneration } from './generations.js';
export {
  type Held,
  type HeldBinding,
  type HeldExchange,
  type HeldPolicy,
  type HeldQueue,
  isOurBinding,
  isOurQueue,
} from './held.js';
export { defaultLadder, type LadderShape, ladderEntry, ladderOf, longestLadderDelayMs } from './ladder.js';
export * from './lanes.js';
export { type Depth, type Live, liveOn, standingGenerations } from './live.js';
export { mermaidDrawing } from './mermaid-drawing.js';
export { migrationsOn, type RoleMigration } from './migration.js';
export * from './model.js';
export * from './names.js';
export { planTopology } from './plan.js';
export * from './plan-step.js';
export { overriddenPolicies } from './policies-in-force.js';
export * from './queue-name.js';
export { replacementsOn, withoutReplacements } from './replacements.js';
export { type ServiceRole, serviceRoles } from './service-roles.js';
export { svgDrawing } from './svg-drawing.js';
export { textDrawing, textDrawingWidth } from './text-drawing.js';
export { topologyFor } from './topology.js';
export { documentCommand, topologyDocument } from './topology-document.js';
export * from './users.js';
