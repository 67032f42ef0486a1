import { describe, expect, it } from '@jest/globals';
import { finalStates, isFinal, type TaskState, transitions } from '@warren/tasks';
import fc from 'fast-check';
import * as dispatchRules from './dispatch-rules.js';
import type { Decision, Effect, Task } from './task.js';

/**
 * The rules of dispatch and lease against a model of everything around them: a broker that delivers at least once, in
 * any order, early, twice or not at all; workers that die, stall or lose their connection; a processor and a sweeper
 * that die between any two steps. What the model knows and the ledger can't know (which message belongs to which move,
 * which run really crashed) is the oracle.
 *
 * A longer run: WARREN_PROPERTY_RUNS=200000. The same run again: WARREN_PROPERTY_SEED=<seed that a failure printed>.
 */
const numRuns = Number(process.env.WARREN_PROPERTY_RUNS ?? 3_000);
const seed = process.env.WARREN_PROPERTY_SEED === undefined ? {} : { seed: Number(process.env.WARREN_PROPERTY_SEED) };

describe('dispatch and lease, in any interleaving', () => {
  it(
    'one completion, no wrong poison, and never a task that nothing will move',
    () => {
      fc.assert(anyInterleaving(dispatchRules), { numRuns, ...seed });
    },
    // Far above what it takes: the soak sets more runs, and a slow machine is no failure.
    60_000 + numRuns * 100,
  );

  it.each(mutants())('would notice when it goes wrong: %s', (_name, rules) => {
    const details = fc.check(anyInterleaving(rules), { numRuns: 20_000, seed: 1, endOnFailure: true });
    expect(details.failed).toBe(true);
  }, 120_000);
});

// --- the world -------------------------------------------------------------------------------------------------------

type Rules = typeof dispatchRules;

const leaseMs = 30_000;
/** Workers renew at a third of the lease; time passes in these steps. */
const renewalMs = leaseMs / 3;
const maxCrashes = 3;
const maxAttempts = 3;
const crashesBeforeAlone = 2;
const prefetch = 3;
const epoch = 1_800_000_000_000;

interface World {
  readonly rules: Rules;
  now: number;
  copies: number;
  readonly tasks: Map<string, Task>;
  readonly history: Map<string, History>;
  /** Queue `tasks.<type>`, as a multiset: priorities, requeues and lanes allow any order. */
  work: Message[];
  delayed: { readonly message: Message; readonly due: number }[];
  /** Queue `dead-letters`: letters, and tickets that the broker itself dead-lettered. */
  dead: Message[];
  /** Copy names that the client library sent twice, so that two messages bear one name. */
  readonly resent: Set<string>;
  readonly processes: readonly Process[];
}

interface Message {
  readonly taskId: string;
  readonly dispatch: number;
  readonly copy: string;
  readonly kind: 'ticket' | 'letter';
  readonly redelivered: boolean;
  /** Which move of its task it was published for: the model's own count. */
  readonly generation: number;
}

/** What really happened to a task. */
interface History {
  generation: number;
  completions: number;
  /** The token after which the present allowance of crashes began. */
  allowanceToken: number;
  readonly runs: Map<number, Run>;
}

interface Run {
  outcome: 'running' | Extract<Effect, { kind: 'run-ended' }>['outcome'];
  /** Its process died under it. */
  crashed: boolean;
  /** Its process did not renew for a while, so nobody could tell it from a dead one. */
  stalled: boolean;
  /** It told the ledger that it ended or that it lives, and was refused. */
  reported: boolean;
}

interface Process {
  readonly role: 'worker' | 'processor' | 'producer';
  /** How far its clock is ahead, in milliseconds. */
  readonly skewMs: number;
  stalled: boolean;
  jobs: Job[];
}

/** One message on its way through one process; each phase is the step that comes next. */
interface Job {
  readonly taskId: string;
  readonly message: Message | undefined;
  /** The broker still counts the message as delivered to this channel. */
  attached: boolean;
  phase: Phase;
}

type Phase =
  | { readonly kind: 'arrived' }
  | { readonly kind: 'running'; readonly token: number }
  | { readonly kind: 'publish'; readonly task: Task; readonly to: 'work' | 'delayed' | 'dead'; readonly due: number; readonly generation: number; readonly note: boolean }
  | { readonly kind: 'note'; readonly dispatch: number; readonly generation: number }
  | { readonly kind: 'ack' };

interface Submission {
  readonly delayMs: number;
  readonly expiresMs: number | null;
  readonly deadlineMs: number | null;
}

const actionWeights = {
  step: 12,
  deliver: 6,
  complete: 2,
  fail: 2,
  snooze: 1,
  release: 1,
  'time passes': 4,
  'message comes due': 3,
  'message comes early': 1,
  'worker crashes': 2,
  'other process crashes': 1,
  'connection is cut': 2,
  'worker stalls': 1,
  'worker wakes': 1,
  'broker expires a message': 1,
  'message is lost': 1,
  'publish is sent twice': 1,
  'sweep owed': 2,
  'sweep waiting': 1,
  'sweep undecided': 1,
  replay: 1,
  cancel: 1,
} as const;
type ActionName = keyof typeof actionWeights;

interface Action {
  readonly name: ActionName;
  readonly pick: number;
  readonly choice: number;
}

function anyInterleaving(rules: Rules) {
  const names = fc.oneof(
    ...Object.entries(actionWeights).map(([name, weight]) => ({ weight, arbitrary: fc.constant(name as ActionName) })),
  );
  const action = fc.record({ name: names, pick: fc.nat(99), choice: fc.nat(99) });
  const submission = fc.record({
    delayMs: fc.constantFrom(0, 0, 2 * leaseMs),
    expiresMs: fc.constantFrom(null, null, 4 * leaseMs),
    deadlineMs: fc.constantFrom(null, null, null, 10 * leaseMs),
  });
  return fc.property(
    fc.array(submission, { minLength: 1, maxLength: 3 }),
    fc.array(fc.constantFrom(0, renewalMs / 4), { minLength: 3, maxLength: 3 }),
    fc.array(action, { maxLength: 150, size: 'max' }),
    fc.record({ loseEverything: fc.boolean(), handlersFail: fc.boolean() }),
    (submissions, skews, actions, ending) => {
      const world = newWorld(rules, submissions, skews);
      for (const one of actions) {
        act(world, one);
        checkHolders(world);
      }
      comeToRest(world, ending);
    },
  );
}
