import { type Dispatcher, PublishError, type PublishFailure, type TaskFacts, taskFacts } from '@warren/broker';
import { type Ledger, LedgerUnavailable, type Letter, type Task } from '@warren/ledger';
import type { ReasonCode } from '@warren/tasks';
import { parkTask, type WhyParked } from './park-task.js';
import { maxCopiesMet } from './processor.js';
import { classify, unclassified } from './rules.js';
import { inputOf } from './task-input.js';
import { letterAbout } from './task-letter.js';
import { type TellParts, tell } from './tell.js';

export interface PublishOrParkParts extends TellParts {
  readonly ledger: Pick<Ledger, 'park' | 'recover'> & {
    readonly queries: Pick<Ledger['queries'], 'payload'>;
    readonly letters: Pick<Ledger['letters'], 'receive' | 'decide'>;
  };
  readonly dispatcher: Pick<Dispatcher, 'dispatch' | 'republish'>;
}

/** What came of one publish that the sweeper makes good. */
export type PublishOutcome =
  | 'published'
  /** It never could be, or was in vain too often: its task waits for a person. */
  | 'parked'
  /** It is this one's own: others may go through. */
  | 'failed'
  /** It is the broker's: nothing else would go through either. */
  | 'unreachable';

/** Publishes on behalf of tasks, and parks those for which that leads nowhere. Each throws `LedgerUnavailable` alone. */
export interface PublishOrPark {
  /** What the task owes. */
  payDebt(task: Task): Promise<PublishOutcome>;
  /** What its present dispatch published once, and was lost. */
  publishAgain(task: Task): Promise<PublishOutcome>;
  /** The same of a dead letter: it counts as met, so that one that is never decided does not go round for ever. */
  publishLetterAgain(task: Task): Promise<PublishOutcome>;
  /** No queue takes it any more. */
  parkUnroutable(task: Task): Promise<PublishOutcome>;
}

export function createPublishOrPark(parts: PublishOrParkParts): PublishOrPark {
  const { dispatcher, ledger, log, now } = parts;
  return {
    payDebt: (task) => publish(task, dispatcher.dispatch),
    publishAgain: (task) => publish(task, dispatcher.republish),
    publishLetterAgain: (task) =>
      orFail(task, async () => {
        const letter = await meet(task);
        if (letter.unfinished <= maxCopiesMet) return await publish(task, dispatcher.republish);
        const reason = `its letter was met or published ${letter.unfinished} times and no decision came of it; its own error: ${letter.reason}`;
        return await park(task, letter, { code: 'unknown', reason, rule: unclassified });
      }),
    parkUnroutable: (task) =>
      orFail(task, async () => {
        // Its worker is gone with its queue: given up like any lost run, it goes to the unroutable ones by itself.
        if (task.lease !== null) return await publishRecovered(task, task.lease.copy);
        const reason = `task type "${task.type}" is unknown here, and its queue is gone`;
        const rule = classify({ code: 'unroutable', origin: 'unroutable' });
        return await park(task, await meet(task), { code: 'unroutable', reason, rule });
      }),
  };

  async function publishRecovered(task: Task, copy: string): Promise<PublishOutcome> {
    const answer = await ledger.recover(task.id, { dispatch: task.dispatch, now: now(), copy });
    if (answer.kind === 'refused') return 'failed';
    log.info({ ...taskFacts(task), from: task.state, to: answer.task.state }, 'task given up with its lost run');
    tell(answer.task, parts);
    return await publish(answer.task, dispatcher.dispatch);
  }

  function publish(task: Task, how: Dispatcher['dispatch']): Promise<PublishOutcome> {
    return orFail(task, async () => {
      const payload = await inputOf(task, ledger);
      try {
        await how(task, payload);
        log.debug(factsOf(task), 'published by the sweeper');
        return 'published';
      } catch (error) {
        if (!(error instanceof PublishError)) throw error;
        const code = codeOf(error.failure);
        if (code === undefined) return notNow(task, error);
        const reason = `it can't be published: ${error.message}`;
        return await park(task, await meet(task), { code, reason, rule: classify({ code, origin: 'failed' }) });
      }
    });
  }

  /** One bad row must not keep all others from being swept. */
  async function orFail(task: Task, work: () => Promise<PublishOutcome>): Promise<PublishOutcome> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof LedgerUnavailable) throw error;
      log.error({ err: error, ...factsOf(task) }, 'a task could not be swept: the others go on');
      return 'failed';
    }
  }

  function notNow(task: Task, error: PublishError): PublishOutcome {
    log.warn({ err: error, ...factsOf(task) }, 'a publish is owed and still fails');
    return isBrokersOwn(error.failure) ? 'unreachable' : 'failed';
  }

  async function meet(task: Task): Promise<Letter> {
    const payload = (await ledger.queries.payload(task.id)) ?? 'null';
    return (await ledger.letters.receive(letterAbout(task, payload), now())).letter;
  }

  async function park(task: Task, letter: Letter, why: WhyParked): Promise<PublishOutcome> {
    return (await parkTask(task, letter, why, parts)) ? 'parked' : 'failed';
  }
}

function factsOf(task: Task): TaskFacts & Pick<Task, 'state' | 'owed'> {
  return { ...taskFacts(task), state: task.state, owed: task.owed };
}

/** Of a message that no broker will ever take. */
function codeOf({ kind }: PublishFailure): ReasonCode | undefined {
  switch (kind) {
    case 'invalid':
      return 'invalid-input';
    case 'too-large':
      return 'policy-violation';
    default:
      return undefined;
  }
}

/** A confirm that does not come, or a channel that closes, may be one queue's or one message's trouble. */
function isBrokersOwn(failure: PublishFailure): boolean {
  switch (failure.kind) {
    case 'connection-lost':
    case 'closed':
    case 'blocked':
    case 'overloaded':
      return true;
    case 'timed-out':
      return failure.waitedFor === 'connection' || failure.waitedFor === 'channel';
    case 'invalid':
    case 'too-large':
    case 'nacked':
    case 'unroutable':
    case 'channel-lost':
      return false;
  }
}
