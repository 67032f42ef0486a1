import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { addDeadLetterCommands } from '@warren/dlq-processor';
import { openLedger } from '@warren/ledger';
import { addTaskCommands } from '@warren/producer';
import { z } from 'zod';
import { type Ended, runCommandLine } from './support/command-line.js';
import { errorOf, type TaskCommands, taskCommands } from './support/task-commands.js';
import { until } from './support/until.js';
import { type WayIn, wayIn } from './support/way-in.js';

/** What a command says where something is not as its person thought: the place, the id, or how far it came. */

/** `warren task …` and `warren dead-letters …`, which find a ledger by its variable alone. */
function warrenAt(LEDGER_URL: string, args: readonly string[]): Promise<Ended> {
  const stderr = new Writable({ write: (_chunk, _encoding, done) => done() });
  const stdin = Object.assign(Readable.from(['']), { isTTY: false });
  const findStack = () => undefined;
  return runCommandLine(args, { LEDGER_URL }, (program, context) => {
    addTaskCommands(program, context, { findStack, stdin });
    addDeadLetterCommands(program, context, { findStack, stdin, stderr });
  });
}

describe('a ledger that is not what LEDGER_URL says', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'warren-guidance-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const id = randomUUID();
  const looks = [
    ['task', 'list'],
    ['task', 'show', id],
    ['task', 'watch', id],
    ['task', 'result', id],
    ['task', 'cancel', id],
    ['dead-letters', 'list'],
    ['dead-letters', 'show', id],
    ['dead-letters', 'cancel', id],
  ];

  it.each(looks)('%s %s makes none where none is, and says so', async (...args) => {
    const file = path.join(folder, 'ledger.db');
    const ended = await warrenAt(`sqlite://${file}`, [...args, '--json']);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(errorOf(ended)).toMatchObject({
      code: 'not-found',
      message: `there is no ledger at ${file}`,
      next: expect.stringMatching(/^check LEDGER_URL; "warren up --detach"/),
    });
    expect(existsSync(file)).toBe(false);
  });

  it.each(['mysql://me:s3cret@host/db', 'postgress://me:s3cret@host/db', 'postgres:me:s3cret@host'])(
    '%s is bad input that says what to write',
    async (url) => {
      const ended = await warrenAt(url, ['task', 'list', '--json']);
      expect(ended).toMatchObject({ code: 2, stdout: '' });
      expect(errorOf(ended)).toMatchObject({
        field: 'LEDGER_URL',
        message: expect.stringMatching(/^LEDGER_URL: the ledger's address/),
        next: 'write sqlite:///path/to/ledger.db or postgres://user:password@host/db',
      });
      expect(ended.stderr).not.toContain('s3cret');
    },
  );

  it('an empty one holds no tasks yet; a type that nobody knows is told of', async () => {
    const file = path.join(folder, 'ledger.db');
    await (await openLedger(file)).close();
    expect(await warrenAt(file, ['task', 'list'])).toEqual({ code: 0, stdout: '', stderr: 'no tasks yet\n' });
    expect((await warrenAt(file, ['task', 'list', '--state', 'parked'])).stderr).toBe('no such task\n');
    const note = 'no task type nosuch here; there are research, summarize\n';
    for (const args of [
      ['task', 'list', '--filter', 'type:nosuch'],
      ['task', 'list', '--type', 'nosuch'],
      ['dead-letters', 'list', '--type', 'nosuch'],
      ['dead-letters', 'cancel', '--filter', 'type:nosuch', '--yes'],
    ]) {
      const { code, stderr } = await warrenAt(file, args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(note) });
    }
    expect(await warrenAt(file, ['task', 'list', '--type', 'nosuch', '--json'])).toMatchObject({
      stdout: '[]\n',
      stderr: '',
    });
  });
});

describe('an id that became no task', () => {
  let ground: WayIn;
  beforeAll(async () => {
    ground = await wayIn();
    await ground.startProducer();
  }, 60_000);
  afterAll(() => ground.dispose(), 60_000);

  it('is found by every command that is asked about it, as the letter of its message', async () => {
    const claimed = randomUUID();
    const body = { task_id: claimed.toUpperCase(), task_type: 'sumarize', payload: { text: 'Rabbits dig.' } };
    await ground.publish({ body, key: 'sumarize' });
    await until(async () => (await ground.letters()).some(({ state }) => state === 'parked'));
    const [letter] = await ground.letters();
    for (const verb of ['show', 'result', 'watch']) {
      const ended = await warrenAt(ground.ledgerUrl, ['task', verb, claimed, '--json']);
      expect(ended.code).toBe(1);
      expect(errorOf(ended)).toEqual({
        code: 'not-found',
        field: '<id>',
        message: expect.stringMatching(
          new RegExp(`^task ${claimed}: its message was refused on the way in, unsupported-action: .*"sumarize"`),
        ),
        next: `warren dead-letters show ${letter?.id}`,
      });
    }
    const cancelled = await warrenAt(ground.ledgerUrl, ['task', 'cancel', claimed, '--json']);
    expect(errorOf(cancelled)).toMatchObject({ next: `warren dead-letters show ${letter?.id}` });
    const shown = await warrenAt(ground.ledgerUrl, ['dead-letters', 'show', claimed]);
    expect(shown.stdout).toMatch(new RegExp(`^LETTER +${letter?.id}\n`));
    expect(shown.stdout).toMatch(new RegExp(`^CLAIMED ID +${claimed}$`, 'm'));
    expect(shown.stdout).toMatch(new RegExp(`^ +warren dead-letters cancel ${letter?.id}$`, 'm'));
  }, 30_000);

  it('and one that nobody ever named sends to the list', async () => {
    const ended = await warrenAt(ground.ledgerUrl, ['task', 'cancel', randomUUID(), '--json']);
    expect(errorOf(ended)).toMatchObject({
      message: expect.stringContaining('there is no such task'),
      next: expect.stringContaining('"warren task list"'),
    });
  });
});

describe('task show, of a task that was ended while it waited for its next attempt', () => {
  it('says that this attempt never ran', async () => {
    const ground = await wayIn();
    try {
      const { submit } = taskCommands(ground);
      const id = await submit(['--text', 'Rabbits are tried again.']);
      const now = Date.now();
      const claim = { dispatch: 1, copy: 'c', redelivered: false, owner: 'w', leaseMs: 60_000, maxCrashes: 3, now };
      const claimed = await ground.ledger.claim(id, { ...claim, alone: true });
      if (claimed.kind !== 'run') throw new Error(`not claimed: ${claimed.kind}`);
      const failure = { code: 'network', message: 'no way' } as const;
      await ground.ledger.fail(id, { token: claimed.task.token, now, failure });
      const failed = await ground.task(id);
      await ground.ledger.retry(id, { dispatch: failed?.dispatch ?? 0, now, dueAt: now + 3_600_000 });
      const attempt = async () => {
        const { stdout } = await warrenAt(ground.ledgerUrl, ['task', 'show', id]);
        return /^ATTEMPT +(.*)$/m.exec(stdout)?.[1];
      };
      expect(await attempt()).toBe('2');
      await warrenAt(ground.ledgerUrl, ['task', 'cancel', id]);
      expect(await attempt()).toBe('2, which never ran');
    } finally {
      await ground.dispose();
    }
  }, 60_000);
});

describe('task submit --from, interrupted', () => {
  let ground: WayIn;
  let warren: TaskCommands['warren'];
  let folder: string;
  beforeAll(async () => {
    ground = await wayIn();
    ({ folder, warren } = taskCommands(ground));
  }, 60_000);
  afterAll(() => ground.dispose(), 60_000);

  const summary = z.object({ accepted: z.number(), rejected: z.number() });

  it('says how to go on behind the lines that were done, so that each is done once', async () => {
    const lines = Array.from({ length: 200 }, (_, n) =>
      n % 7 === 0 ? '' : JSON.stringify({ text: `Hare ${n} runs.` }),
    );
    lines[1] = '{"text":5}';
    const file = path.join(folder, 'my hares.jsonl');
    writeFileSync(file, lines.join('\n'));
    const interruption = new AbortController();
    const flags = ['--tenant', 'hares', '--rps', '40', '--json'];
    const first = warren(['publish', 'summarize', '--from', file, ...flags], { interruption: interruption.signal });
    await until(async () => (await ground.ledger.queries.tasks({ tenants: ['hares'], limit: 5 })).length === 5);
    interruption.abort();
    const ended = await first;
    expect(ended.code).toBe(3);
    const { next } = z.object({ next: z.string() }).parse(errorOf(ended));
    const [, from = '', quoted, rest = ''] = /`tail -n \+(\d+) ('.*') \| warren (publish .*)`$/.exec(next) ?? [];
    expect(quoted).toBe(`'${file}'`);
    expect(rest).toBe('publish summarize --json --tenant hares --rps 40 --from -');
    const input = lines.slice(Number(from) - 1).join('\n');
    const second = await warren(rest.replace('--rps 40 ', '').split(' '), { input });
    const [before, after] = [ended, second].map(({ stdout }) => summary.parse(JSON.parse(stdout)));
    expect(before?.rejected).toBe(1);
    const good = lines.filter((line) => line.includes('Hare')).length;
    expect((before?.accepted ?? 0) + (after?.accepted ?? 0)).toBe(good);
    expect(await ground.ledger.queries.tasks({ tenants: ['hares'], limit: 1_000 })).toHaveLength(good);
  }, 60_000);
});
