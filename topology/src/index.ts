export { versionAtLeast } from './broker-version.js';
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
export { type Drawing, drawingOf } from './drawing.js';
export { defaultLadder, type LadderShape, ladderEntry, longestLadderDelayMs } from './ladder.js';
export { mermaidDrawing } from './mermaid-drawing.js';
export * from './model.js';
export * from './names.js';
export * from './queue-name.js';
export { type ServiceRole, serviceRoles } from './service-roles.js';
export { textDrawing, textDrawingWidth } from './text-drawing.js';
export { topologyFor } from './topology.js';
export { documentCommand, topologyDocument } from './topology-document.js';
