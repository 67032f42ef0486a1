import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { summarize, TaskFailure } from '@warren/tasks';
import { exchangeNames } from '@warren/topology';
import { completed, type Handler, runWorker, type Worker } from '@warren/worker';
import { pino } from 'pino';
import { errorOf, type TaskCommands, taskCommands } from './support/task-commands.js';
import { until } from './support/until.js';
import { type WayIn, wayIn } from './support/way-in.js';

let ground: WayIn;
let warren: TaskCommands['warren'];
let taskOf: TaskCommands['taskOf'];

beforeAll(async () => {
  ground = await wayIn();
  ({ warren, taskOf } = taskCommands(ground));
}, 60_000);
afterAll(() => ground.dispose(), 60_000);

describe('with a worker', () => {
  const summary = {
    title: 'Rabbits',
    summary: 'Rabbits dig.',
    sentences: [{ text: 'Rabbits dig.', start: 0, end: 12, line: 3, score: 1 }],
    keywords: [{ word: 'rabbits', score: 1 }],
    headings: [],
    source: { kind: 'text', name: 'text', bytes: 12, sentences: 1 },
  } as const;

  let worker: Worker | undefined;
  afterAll(() => worker?.stop(), 60_000);

  async function work(handler: Handler<unknown, unknown>): Promise<void> {
    await worker?.stop();
    const { amqpUrl, ledgerUrl } = ground;
    const config = {
      amqpUrl,
      ledgerUrl,
      delay: 'ladder',
      profile: 'classic',
      priorities: 'lanes',
      concurrency: 2,
      name: 'tester',
      drainMs: 0,
      logLevel: 'silent',
    } as const;
    worker = await runWorker({ type: summarize, handler, config, log: pino({ level: 'silent' }) });
  }

  it('--wait shows the steps on stderr and the result on stdout', async () => {
    await work(async (_input, context) => {
      context.progress({ message: 'digging', done: 1, total: 2 });
      return completed(summary, { bytesRead: 12 });
    });
    const waited = await warren(['publish', 'summarize', '--text', 'Rabbits dig.', '--wait', '--timeout', '30s']);
    expect(waited.code).toBe(0);
    expect(waited.stdout).toContain('Rabbits\n\n    3  Rabbits dig.\n\nkeywords  rabbits');
    expect(waited.stderr).toMatch(/completed: after \w+, on the first attempt/);

    const json = await warren(['publish', 'summarize', '--text', 'Rabbits dig on.', '--wait', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      state: 'completed',
      attempt: 1,
      result: summary,
      cost: { bytesRead: 12 },
    });
    expect(json.stderr).toBe('');
  }, 60_000);

  it('--wait ends without any event', async () => {
    await ground.channel.deleteExchange(exchangeNames.events);
    await work(async () => completed(summary));
    const waited = await warren(['publish', 'summarize', '--text', 'Quiet rabbits dig.', '--wait', '--json']);
    expect(waited.code).toBe(0);
    await worker?.stop();
    worker = undefined;
    await ground.applyTopology();
  }, 60_000);

  it('--wait ends with 1, the code, the reason and what to look at, when the task is parked', async () => {
    await work(async () => {
      throw new TaskFailure('not-found', 'rabbits.md does not exist');
    });
    const id = randomUUID();
    const waiting = warren(['publish', 'summarize', '--text', 'x y.', '--id', id, '--wait', '--json']);
    await until(async () => (await ground.task(id))?.state === 'dead-lettered');
    const { dispatch } = await taskOf(id);
    await ground.ledger.park(id, { dispatch, now: Date.now(), code: 'not-found', reason: 'rabbits.md does not exist' });
    const ended = await waiting;
    expect(ended.code).toBe(1);
    expect(JSON.parse(ended.stdout)).toMatchObject({ state: 'parked', code: 'not-found' });
    expect(errorOf(ended)).toEqual({
      code: 'not-found',
      message: `task ${id} is parked: waits for a person because not-found: rabbits.md does not exist`,
      next: `warren dead-letters show ${id}\nwarren dead-letters replay ${id}`,
    });
    const shown = await warren(['task', 'show', id]);
    expect(shown.stdout).toMatch(/tester#\w+ .*failed +not-found: rabbits\.md does not exist/);
    await worker?.stop();
    worker = undefined;
  }, 60_000);

  it('--wait --timeout and Ctrl-C say that the task goes on', async () => {
    const late = await warren(['publish', 'summarize', '--text', 'late.', '--wait', '--timeout', '100ms', '--json']);
    expect(late.code).toBe(1);
    expect(errorOf(late)).toMatchObject({ code: 'timeout', next: expect.stringContaining('warren task watch') });
    const stop = new AbortController();
    const id = randomUUID();
    const args = ['publish', 'summarize', '--text', 'later.', '--id', id, '--wait', '--json'];
    const waiting = warren(args, { interruption: stop.signal });
    await until(async () => (await ground.task(id)) !== undefined);
    stop.abort();
    const stopped = await waiting;
    expect(stopped.code).toBe(1);
    expect(errorOf(stopped)).toMatchObject({ code: 'interrupted', next: `warren task watch ${id}` });
  }, 60_000);

  it('a cancelled task ends the waiting with 1', async () => {
    const id = randomUUID();
    const waiting = warren(['publish', 'summarize', '--text', 'cancelled.', '--id', id, '--wait', '--json']);
    await until(async () => (await ground.task(id)) !== undefined);
    expect(await warren(['task', 'cancel', id, '--note', 'nobody wants it'])).toMatchObject({ code: 0 });
    const ended = await waiting;
    expect(ended.code).toBe(1);
    expect(errorOf(ended).message).toBe(`task ${id} is cancelled: nobody wants it`);
  }, 60_000);

  it('result prints the result as JSON, or says why there is none', async () => {
    const [done] = await ground.ledger.queries.tasks({ states: ['completed'], limit: 1 });
    const printed = await warren(['task', 'result', done?.id ?? '']);
    expect(JSON.parse(printed.stdout)).toEqual(summary);
    const [open] = await ground.ledger.queries.tasks({ states: ['queued'], limit: 1 });
    const none = await warren(['task', 'result', open?.id ?? '', '--json']);
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(errorOf(none).message).toMatch(/has no result: it is queued, waits in queue tasks\.summarize/);
  });

  it('watch follows one task to its end, and all of them until it is interrupted', async () => {
    const id = randomUUID();
    await warren(['publish', 'summarize', '--text', 'watched.', '--id', id]);
    const stop = new AbortController();
    const watchingAll = warren(['task', 'watch', '--json'], { interruption: stop.signal });
    const watching = warren(['task', 'watch', id, '--json']);
    await work(async () => completed(summary));
    const states = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .filter((event) => event.id === id && event.state)
        .map(({ state }) => state);
    const ended = await watching;
    expect(ended.code).toBe(0);
    expect(states(ended.stdout).at(-1)).toBe('completed');
    // What was before stands under the time when it happened.
    const [found] = (await warren(['task', 'watch', id, '--json'])).stdout.split('\n');
    expect(JSON.parse(found ?? '')).toMatchObject({ state: 'completed', at: (await taskOf(id)).finishedAt });
    await until(async () => (await ground.ledger.queries.count()).queued === undefined);
    stop.abort();
    const all = await watchingAll;
    expect(all.code).toBe(0);
  }, 60_000);
});
