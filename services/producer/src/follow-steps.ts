import { type ProgressStep, phaseOf } from './progress-text.js';

/** Steps, and phases, of a run that are remembered. Of an older one it is forgotten that it was told. */
const maxRemembered = 10_000;

/**
 * Which steps of a run are news. Events bring each of them in order, or get lost; the ledger brings the newest only, a
 * little later. So nothing is news that the ledger says once an event has told of more.
 */
export class StepOrder {
  readonly #told = new Set<string>();
  /** By phase, how far events said that it was. The phase of the last event comes last. */
  readonly #heard = new Map<string, number>();

  startRun(): void {
    this.#told.clear();
    this.#heard.clear();
  }

  isNewEvent(step: ProgressStep): boolean {
    const phase = phaseOf(step);
    this.#heard.delete(phase);
    this.#heard.set(phase, step.done ?? 0);
    forgetOldest(this.#heard);
    return this.#isNew(step);
  }

  isNewInLedger(step: ProgressStep): boolean {
    return !this.#isBehind(step) && this.#isNew(step);
  }

  #isBehind(step: ProgressStep): boolean {
    const phase = phaseOf(step);
    const heard = this.#heard.get(phase);
    if (heard === undefined) return false;
    return phase !== [...this.#heard.keys()].at(-1) || (step.done ?? 0) < heard;
  }

  #isNew({ message, done, total }: ProgressStep): boolean {
    const key = JSON.stringify([message, done, total]);
    if (this.#told.has(key)) return false;
    this.#told.add(key);
    forgetOldest(this.#told);
    return true;
  }
}

function forgetOldest(kept: { readonly size: number; keys(): Iterator<string>; delete(key: string): boolean }): void {
  if (kept.size > maxRemembered) kept.delete(kept.keys().next().value ?? '');
}
