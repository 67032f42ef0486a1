import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { errorOf, type TaskCommands, taskCommands } from './support/task-commands.js';
import { until } from './support/until.js';
import { type WayIn, wayIn } from './support/way-in.js';

let ground: WayIn;
let warren: TaskCommands['warren'];
let submit: TaskCommands['submit'];
let taskOf: TaskCommands['taskOf'];

beforeAll(async () => {
  ground = await wayIn();
  ({ warren, submit, taskOf } = taskCommands(ground));
}, 60_000);
afterAll(() => ground.dispose(), 60_000);

describe('task show, list and cancel', () => {
  it('show says what a task waits for, and how many are before it', async () => {
    const own = await wayIn();
    const env = { AMQP_URL: own.amqpUrl, WARREN_MANAGEMENT_URL: own.managementUrl, LEDGER_URL: own.ledgerUrl };
    try {
      const ids: string[] = [];
      for (const priority of ['5', '5', '8', '2']) {
        const { stdout } = await warren(
          ['publish', 'summarize', '--text', `x ${ids.length}.`, '--priority', priority],
          { env },
        );
        ids.push(stdout.trim());
      }
      const why = async (id: string) => JSON.parse((await warren(['task', 'show', id, '--json'], { env })).stdout).why;
      await until(async () => (await own.ledger.queries.count()).queued === 4);
      const says = await Promise.all(ids.map(why));
      expect(says).toEqual([
        expect.stringContaining('behind 1 other'),
        expect.stringContaining('behind 2 others'),
        expect.stringContaining('is the next'),
        expect.stringContaining('behind 3 others'),
      ]);
      const shown = await warren(['task', 'show', ids[0] ?? ''], { env });
      expect(shown.stdout).toMatch(/STATE +queued: waits in queue tasks\.summarize behind 1 other/);
      expect(shown.stdout).toMatch(/INPUT +{"text":"x 0."}/);
    } finally {
      await own.dispose();
    }
  }, 60_000);

  it('show works without a broker', async () => {
    const id = await submit(['--text', 'Rabbits dig alone.']);
    const shown = await warren(['task', 'show', id], { env: { LEDGER_URL: ground.ledgerUrl } });
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain(id);
  });

  it('an id that is none, and one that nobody knows', async () => {
    const none = await warren(['task', 'show', 'abc', '--json']);
    expect(none.code).toBe(2);
    expect(errorOf(none)).toMatchObject({ field: '<id>' });
    const unknown = await warren(['task', 'show', randomUUID(), '--json']);
    expect(unknown.code).toBe(1);
    expect(errorOf(unknown)).toMatchObject({ code: 'not-found' });
  });

  it('list filters, pages and says that there is more', async () => {
    const tenant = `t-${randomUUID()}`;
    const ids: string[] = [];
    for (const n of [1, 2, 3])
      ids.unshift(await submit(['--text', `listed ${n}.`, '--tenant', tenant, '--group', `g${n}`]));
    const list = async (...args: string[]) => {
      const { stdout } = await warren(['task', 'list', '--tenant', tenant, '--json', ...args]);
      return JSON.parse(stdout).map(({ id }: { id: string }) => id);
    };
    expect(await list()).toEqual(ids);
    expect(await list('--limit', '2')).toEqual(ids.slice(0, 2));
    expect(await list('--limit', '2', '--after', ids[1] ?? '')).toEqual(ids.slice(2));
    expect(await list('--filter', 'group:g1,g2,g3 state:accepted,queued', '--after', ids[0] ?? '')).toEqual(
      ids.slice(1),
    );
    expect(await list('--filter', 'group:g1,g3')).toEqual([ids[0], ids[2]]);
    expect(await list('--filter', 'type:summarize,research state:accepted,queued age:<1h')).toEqual(ids);
    expect(await list('--state', 'parked')).toEqual([]);
    expect(await list('--since', '1h')).toEqual(ids);
    const table = await warren(['task', 'list', '--tenant', tenant, '--limit', '2', '--columns', 'task,group']);
    expect(table).toEqual({
      code: 0,
      stdout: `TASK${' '.repeat(34)}GROUP\n${ids[0]}  g3\n${ids[1]}  g2\n`,
      stderr: `there are more:\n  warren task list --tenant ${tenant} --limit 2 --columns task,group --after ${ids[1]}\n`,
    });
    // What is submitted meanwhile shifts no page.
    await submit(['--text', 'listed late.', '--tenant', tenant]);
    expect(await list('--after', ids[1] ?? '')).toEqual(ids.slice(2));
    expect(await warren(['task', 'list', '--after', randomUUID()])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--after: there is no task'),
    });
    expect(await warren(['task', 'list', '--tenant', 'nobody'])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'no such task\n',
    });
  });

  it('cancel ends what is open, and says what is not', async () => {
    const id = await submit(['--text', 'to be cancelled.']);
    const both = await warren(['task', 'cancel', id, randomUUID(), '--json']);
    expect(both.code).toBe(3);
    expect(JSON.parse(both.stdout).map(({ cancelled }: { cancelled: boolean }) => cancelled)).toEqual([true, false]);
    expect(await taskOf(id)).toMatchObject({ state: 'cancelled', reason: 'by hand' });
    const again = await warren(['task', 'cancel', id]);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('already cancelled') });
  });
});
