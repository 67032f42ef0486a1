import { randomFillSync } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

const bytesOfAnId = 16;
/** Drawn in one piece: asking the system for sixteen bytes at a time costs more than the rest of an id. */
const drawn = new Uint8Array(256 * bytesOfAnId);
let used = drawn.length;

/** An id for a task that is still to be submitted: a UUIDv7, so that ids sort by the millisecond of their making. */
export function newTaskId(): string {
  if (used === drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  const random = drawn.subarray(used, used + bytesOfAnId);
  used += bytesOfAnId;
  return uuidv7({ random });
}
