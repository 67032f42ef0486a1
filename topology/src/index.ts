export { type Drawing, drawingOf } from './drawing.js';
export { defaultLadder, type LadderShape, ladderEntry, longestLadderDelayMs } from './ladder.js';
export { mermaidDrawing } from './mermaid-drawing.js';
export * from './model.js';
export * from './names.js';
export { type ServiceRole, serviceRoles } from './service-roles.js';
export { textDrawing, textDrawingWidth } from './text-drawing.js';
export { topologyFor } from './topology.js';
export { documentCommand, topologyDocument } from './topology-document.js';
