import { type ProgressStep, phaseOf } from './progress-text.js';

/** Between two lines of one phase, at least, in milliseconds. */
const lineEveryMs = 1_000;
/** Phases whose last line is remembered. A handler has a few; one that has more is told of as if each were new. */
const maxPhases = 50;

/** Which steps of a run had a line, and which phase it is in. */
export interface StepsTold {
  readonly phase: string | undefined;
  /** By phase, in milliseconds: when its last line was told. */
  readonly toldAt: ReadonlyMap<string, number>;
}

/** A run of which nothing was told. */
export const nothingTold: StepsTold = { phase: undefined, toldAt: new Map() };

export interface StepTelling {
  /** Whether the step gets a line that stays. */
  readonly isLine: boolean;
  readonly told: StepsTold;
}

/**
 * A phase has a line a second at most. Where a live line shows the present (`isLive`), only a change of phase has one.
 * Pure: `now` is in milliseconds.
 */
export function tellStep(
  step: ProgressStep,
  told: StepsTold,
  { now, isLive }: { now: number; isLive: boolean },
): StepTelling {
  const phase = phaseOf(step);
  const isChange = phase !== told.phase;
  const isDue = now - (told.toldAt.get(phase) ?? Number.NEGATIVE_INFINITY) >= lineEveryMs;
  const isLine = isDue && (isChange || !isLive);
  return { isLine, told: { phase, toldAt: isLine ? remembered(told.toldAt, phase, now) : told.toldAt } };
}

function remembered(toldAt: StepsTold['toldAt'], phase: string, now: number): StepsTold['toldAt'] {
  const others = [...toldAt].filter(([known]) => known !== phase);
  return new Map([...others.slice(-(maxPhases - 1)), [phase, now]]);
}
