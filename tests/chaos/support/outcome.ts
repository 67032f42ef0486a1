import { expect } from '@jest/globals';
import type { Task } from '@warren/ledger';
import { nothingSwept } from '../../integration/support/sweep-report.js';
import { until } from '../../integration/support/until.js';
import type { Crew } from './crew.js';
import { allQueues, type Hand } from './hand.js';
import type { House } from './house.js';

/** What a worker and a processor log about a message whose dispatch is over. */
export const staleMessage = 'stale message acknowledged';
export const staleLetter = 'stale letter acknowledged';

/** Everybody goes home; then every queue holds exactly what is named here, unacked messages having gone back to theirs. */
export async function expectDepths(crew: Crew, hand: Hand, expected: Readonly<Record<string, number>>): Promise<void> {
  await crew.dismiss();
  await until(async () => (await Promise.all(allQueues.map(hand.consumers))).every((count) => count === 0));
  expect(await hand.depths()).toEqual(expected);
}

/** After everything: no message anywhere, no debt, and nothing that a sweeper would do. */
export async function expectRest(house: House, crew: Crew, hand: Hand): Promise<void> {
  await expectDepths(crew, hand, {});
  expect(await house.ledger.sweeps.owedCount()).toBe(0);
  const report = await house.sweeper({ leaseMs: 0 }).sweepOnce();
  expect(report).toEqual({ ...nothingSwept, settled: expect.any(Number) });
}

/** One completion, one result, and these runs in this order. */
export async function expectCompletedOnce(house: House, taskId: string, outcomes: readonly string[]): Promise<Task> {
  const task = await house.untilState(taskId, 'completed');
  const runs = await house.ledger.queries.runs(taskId);
  expect(runs.map(({ outcome }) => outcome)).toEqual(outcomes);
  expect(await house.ledger.queries.result(taskId)).toBeDefined();
  expect(task).toMatchObject({ lease: null, owed: null });
  return task;
}

/**
 * One completion after runs that were broken off, however many and whichever word the ledger heard first: the worker
 * lived and said so, so nobody's crash is counted. Resolves with how many runs there were.
 */
export async function expectCompletedAgain(house: House, taskId: string): Promise<number> {
  const task = await house.untilState(taskId, 'completed');
  const broken = /^(released|superseded)$/;
  // The worker's word on a run that was taken over may come after the completion.
  await until(async () => (await house.ledger.queries.task(taskId))?.lostTokens.length === 0);
  const runs = await house.ledger.queries.runs(taskId);
  expect(runs.map(({ attempt }) => attempt)).toEqual(runs.map(() => 1));
  expect(runs.slice(0, -1).map(({ outcome }) => outcome)).toEqual(
    runs.slice(1).map(() => expect.stringMatching(broken)),
  );
  expect(runs.at(-1)?.outcome).toBe('completed');
  expect(await house.ledger.queries.result(taskId)).toBeDefined();
  expect(task).toMatchObject({ lease: null, owed: null, attempt: 1 });
  return runs.length;
}
