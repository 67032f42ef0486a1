import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { type Ledger, openLedger } from '@warren/ledger';
import { addTaskCommands } from '@warren/producer';
import { z } from 'zod';
import { newLetter } from '../fixtures/letter.js';
import { newTask } from '../fixtures/task.js';
import { type Ended, runCommandLine } from './support/command-line.js';
import { confirm } from './support/ledger.js';

let folder: string;
let ledger: Ledger;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'warren-list-'));
  ledger = await openLedger(join(folder, 'ledger.db'));
});

afterEach(async () => {
  await ledger.close();
  rmSync(folder, { recursive: true, force: true });
});

async function warren(args: readonly string[]): Promise<string> {
  const { code, stdout } = await ran(args);
  expect(code).toBe(0);
  return stdout;
}

async function ran(args: readonly string[]): Promise<Ended> {
  return await runCommandLine(args, { LEDGER_URL: join(folder, 'ledger.db') }, (program, context) =>
    addTaskCommands(program, context, { findStack: () => undefined }),
  );
}

const listed = z.array(z.looseObject({ id: z.string(), state: z.string(), why: z.string() }));

it('task list --json says of each task why it waits, in the words of task show', async () => {
  const now = Date.now();
  const [waiting, parked] = [randomUUID(), randomUUID()];
  for (const id of [waiting, parked]) {
    await ledger.submit({ task: newTask(id, {}, now), payload: '{}' });
    await confirm(ledger, id, now);
  }
  await ledger.park(parked, { dispatch: 1, now, code: 'not-found', reason: 'there is no such file' });

  const tasks = listed.parse(JSON.parse(await warren(['task', 'list', '--json'])));
  const whys = Object.fromEntries(tasks.map(({ id, why }) => [id, why]));
  expect(whys).toEqual({
    [waiting]: 'waits in queue tasks.summarize',
    [parked]: 'waits for a person because not-found: there is no such file',
  });
  const shown = z.object({ why: z.string() }).parse(JSON.parse(await warren(['task', 'show', parked, '--json'])));
  expect(shown.why).toBe(whys[parked]);
});

it('task list --json says on stderr that there are more than its page holds', async () => {
  const now = Date.now();
  for (const at of [now - 1, now]) await ledger.submit({ task: newTask(randomUUID(), {}, at), payload: '{}' });
  const [first] = await ledger.queries.tasks({ limit: 2 });
  const { stdout, stderr } = await ran(['task', 'list', '--json', '--limit', '1']);
  expect(listed.parse(JSON.parse(stdout))).toMatchObject([{ id: first?.id }]);
  expect(stderr).toBe(`there are more:\n  warren task list --json --limit 1 --after ${first?.id}\n`);
  expect((await ran(['task', 'list', '--json', '--limit', '2'])).stderr).toBe('');
});

it("a dead letter's id is no task's, and whose letter it is is said", async () => {
  const now = Date.now();
  const taskId = randomUUID();
  await ledger.submit({ task: newTask(taskId, {}, now), payload: '{}' });
  const { letter: ofTask } = await ledger.letters.receive(newLetter({ taskId }), now);
  const { letter: ofNone } = await ledger.letters.receive(newLetter({ taskId: null }), now);
  for (const [id, why, next] of [
    [ofTask.id, `of task ${taskId}`, `warren task show ${taskId}`],
    [ofNone.id, 'of a message that became no task', `warren dead-letters show ${ofNone.id}`],
  ] as const) {
    const { code, stderr } = await ran(['task', 'show', id]);
    expect(code).toBe(1);
    expect(stderr).toContain(`that is a dead letter, ${why}`);
    expect(stderr).toContain(next);
  }
});
