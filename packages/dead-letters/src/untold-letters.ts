import { type Ledger, type LetterPlace, type LetterState, openLetterStates, type TaskPlace } from '@warren/ledger';
import { noteOfParked } from './processor.js';

export interface UntoldLettersParts {
  readonly ledger: {
    readonly sweeps: Pick<Ledger['sweeps'], 'untold'>;
    readonly letters: Pick<Ledger['letters'], 'tellParked' | 'settleFinished'>;
  };
  readonly now: () => number;
  /** Since when a task must have been parked, in milliseconds: until then whoever parked it tells its letter. */
  readonly quietMs: number;
  /** Looked at together. */
  readonly batch: number;
}

/**
 * Letters that whoever moved their tasks did not tell of it. A round looks at one part of each kind, and at the next one at
 * once where it had something to tell; the round after it goes on behind.
 */
export interface UntoldLetters {
  /** Parks the letters of parked tasks. Answers how many. */
  tellParked(): Promise<number>;
  /** Settles the letters of tasks that reached their end. Answers how many. */
  settleFinished(): Promise<number>;
}

export function createUntoldLetters({ batch, ledger, now, quietMs }: UntoldLettersParts): UntoldLetters {
  let lastParked: TaskPlace | undefined;
  const lastOpen = new Map<LetterState, LetterPlace>();
  return { tellParked, settleFinished };

  async function tellParked(): Promise<number> {
    let told = 0;
    for (;;) {
      const { last, tasks } = await ledger.sweeps.untold(now() - quietMs, batch, lastParked);
      lastParked = last;
      for (const task of tasks) if (await ledger.letters.tellParked(task, noteOfParked(task))) told += 1;
      if (tasks.length === 0 || last === undefined) return told;
    }
  }

  async function settleFinished(): Promise<number> {
    let settled = 0;
    for (const state of openLetterStates) settled += await settleIn(state);
    return settled;
  }

  async function settleIn(state: LetterState): Promise<number> {
    let settled = 0;
    for (;;) {
      const part = await ledger.letters.settleFinished(state, now(), batch, lastOpen.get(state));
      if (part.last) lastOpen.set(state, part.last);
      else lastOpen.delete(state);
      settled += part.settled;
      if (part.settled === 0 || part.last === undefined) return settled;
    }
  }
}
