import { taskFacts } from '@warren/broker';
import type { Ledger, Letter, Task } from '@warren/ledger';
import { maxErrorMessageChars, type ReasonCode } from '@warren/tasks';
import type { Classification } from './rules.js';
import { type TellParts, tell } from './tell.js';

export interface ParkTaskParts extends TellParts {
  readonly ledger: Pick<Ledger, 'park'> & { readonly letters: Pick<Ledger['letters'], 'decide'> };
}

export interface WhyParked {
  readonly code: ReasonCode;
  /** In words; cut to 2,000 characters. */
  readonly reason: string;
  readonly rule: Classification;
}

/**
 * Parks a task with the letter that was met of it, and tells who waits. False where the ledger refuses: the dispatch is
 * over, or a worker has the task. Throws `LedgerUnavailable`; what was moved by then stands.
 */
export async function parkTask(task: Task, letter: Letter, why: WhyParked, parts: ParkTaskParts): Promise<boolean> {
  const { ledger, log, now } = parts;
  const { code, rule } = why;
  const reason = why.reason.slice(0, maxErrorMessageChars);
  const { dispatch } = task;
  const answer = await ledger.park(task.id, { dispatch, now: now(), code, reason });
  if (answer.kind === 'refused') return false;
  const facts = { ...taskFacts(task), letter: letter.id };
  log.warn(
    { ...facts, from: task.state, to: answer.task.state, code, rule: rule.rule },
    'task parked: it waits for a person',
  );
  log.debug({ ...facts, reason }, 'why the task was parked');
  const note = { state: 'parked', dispatch, code, reason, rule: rule.rule, advice: rule.advice } as const;
  await ledger.letters.decide(letter.id, note, now());
  tell(answer.task, parts);
  return true;
}
