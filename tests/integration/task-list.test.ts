import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { type Ledger, openLedger } from '@warren/ledger';
import { addTaskCommands } from '@warren/producer';
import { z } from 'zod';
import { newTask } from '../fixtures/task.js';
import { runCommandLine } from './support/command-line.js';

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
  const { code, stdout } = await runCommandLine(args, { LEDGER_URL: join(folder, 'ledger.db') }, (program, context) =>
    addTaskCommands(program, context, { findStack: () => undefined }),
  );
  expect(code).toBe(0);
  return stdout;
}

const listed = z.array(z.looseObject({ id: z.string(), state: z.string(), why: z.string() }));

it('task list --json says of each task why it waits, in the words of task show', async () => {
  const now = Date.now();
  const [waiting, parked] = [randomUUID(), randomUUID()];
  for (const id of [waiting, parked]) {
    await ledger.submit({ task: newTask(id, {}, now), payload: '{}' });
    await ledger.published(id, { dispatch: 1, now });
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
