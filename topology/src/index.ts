export { defaultLadder, type LadderShape, ladderEntry, longestLadderDelayMs } from './ladder.js';
export * from './model.js';
export * from './names.js';
export { topologyFor } from './topology.js';
