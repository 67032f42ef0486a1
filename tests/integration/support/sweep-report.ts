import type { SweepReport } from '@warren/dead-letters';

/** What a sweeper tells of a round in which there was nothing to do. */
export const nothingSwept: SweepReport = {
  active: true,
  owed: 0,
  queueEmpty: 0,
  overtaken: 0,
  letters: 0,
  failed: 0,
  parked: 0,
  told: 0,
  settled: 0,
};
