import { Readable, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { buildProgram, runCli } from '@warren/cli';
import { parkRaw } from '@warren/dead-letters';
import { addDeadLetterCommands } from '@warren/dlq-processor';
import type { ReasonCode } from '@warren/tasks';
import { type LettersGround, lettersGround } from './support/letters.js';
import { until } from './support/until.js';

let ground: LettersGround;

beforeEach(async () => {
  ground = await lettersGround();
  await ground.startProcessor();
}, 60_000);

afterEach(async () => {
  await ground.dispose();
}, 60_000);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command line, in this process. `answer`: what a person at a terminal types; without it there is no terminal. */
async function warren(
  args: readonly string[],
  { answer, env }: { answer?: string; env?: object } = {},
): Promise<Ended> {
  const [stdout, stderr] = [sink(), sink()];
  const stdin = Object.assign(Readable.from(answer === undefined ? [] : [`${answer}\n`]), {
    isTTY: answer !== undefined,
  });
  const { program, context } = buildProgram({
    version: '0',
    stdout,
    stderr,
    env: { AMQP_URL: ground.amqpUrl, LEDGER_URL: ground.ledgerUrl, ...env },
    now: () => performance.now(),
  });
  addDeadLetterCommands(program, context, { stdin, stderr, findStack: () => undefined });
  const code = await runCli(program, ['dead-letters', ...args], {
    stdout,
    stderr,
    env: {},
    exit: () => undefined,
    listenerCount: () => 0,
    emit: () => false,
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function sink() {
  const chunks: string[] = [];
  const writable = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return Object.assign(writable, { text: () => chunks.join('') });
}

async function parked(code: ReasonCode = 'not-found', tenant = 'acme'): Promise<string> {
  const task = await ground.submit({ tenant });
  await ground.failNext({ code, message: `because of ${code}` });
  await until(async () => (await ground.task(task.id)).state === 'parked');
  await until(async () => (await ground.ledger.letters.find(task.id))?.state === 'parked');
  return task.id;
}

async function states(...ids: readonly string[]): Promise<string[]> {
  return await Promise.all(ids.map(async (id) => (await ground.task(id)).state));
}

describe('dead-letters list', () => {
  it('shows what waits for a person, newest first, and finds it by every filter', async () => {
    const first = await parked('not-found', 'acme');
    const second = await parked('refused', 'other');
    const listed = async (...flags: string[]) => {
      const { code, stdout } = await warren(['list', '--json', ...flags]);
      expect(code).toBe(0);
      return JSON.parse(stdout).map(({ taskId }: { taskId: string }) => taskId);
    };
    expect(await listed()).toEqual([second, first]);
    expect(await listed('--code', 'refused,conflict')).toEqual([second]);
    expect(await listed('--tenant', 'acme')).toEqual([first]);
    expect(await listed('--type', 'other')).toEqual([]);
    expect(await listed('--older-than', '1h')).toEqual([]);
    expect(await listed('--filter', 'code:not-found tenant:acme age:<1h')).toEqual([first]);
    expect(await listed('--limit', '1')).toEqual([second]);
    expect(await listed('--state', 'retrying,replayed')).toEqual([]);
    expect(await listed('--state', 'all')).toEqual([second, first]);
    const { stdout } = await warren(['list']);
    expect(stdout).toMatch(/^ID +TYPE +STATE +CODE +AGE +REASON\n/);
    expect(stdout).toContain(`${second}  probe  parked  refused`);
  }, 30_000);

  it.each([
    [['list', '--state', 'running'], '--state'],
    [['list', '--code', 'bad-luck'], '--code'],
    [['list', '--older-than', 'soon'], '--older-than'],
    [['list', '--limit', '0'], '--limit'],
    [['list', '--type', 'a', '--filter', 'type:b'], '--type'],
    [['replay'], '<id>'],
    [['replay', 'x', '--code', 'timeout'], '<id>'],
  ])('refuses %j and names the flag', async (args, field) => {
    const { code, stderr, stdout } = await warren([...args, '--json']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(JSON.parse(stderr).error.field).toBe(field);
  });

  it('says what to set where it finds neither ledger nor stack', async () => {
    const { code, stderr } = await warren(['list'], { env: { AMQP_URL: '', LEDGER_URL: '' } });
    expect(code).toBe(2);
    expect(stderr).toContain('LEDGER_URL is not set');
  });
});

describe('dead-letters show', () => {
  it('tells everything about a task by its id', async () => {
    const id = await parked();
    const { code, stdout } = await warren(['show', id]);
    expect(code).toBe(0);
    for (const part of [
      id,
      'not-found (rule not-found)',
      'because of not-found',
      'attempt 1 at',
      'on w, failed',
      'acme',
    ]) {
      expect(stdout).toContain(part);
    }
    const { letter, task, runs, advice } = JSON.parse((await warren(['show', id, '--json'])).stdout);
    expect(task).toMatchObject({ id, state: 'parked' });
    expect(JSON.parse(letter.body.text)).toMatchObject({ task_id: id });
    expect(runs).toHaveLength(1);
    expect(advice).toContain('submit it anew');
  }, 30_000);

  it('shows bytes that are no text, and an unknown id as an error', async () => {
    const body = Buffer.from([0xff, 0xfe]);
    const { id } = await parkRaw(
      { ledger: ground.ledger, now: Date.now },
      {
        body,
        properties: {},
        routingKey: '',
        sourceQueue: 'submitted',
        code: 'malformed',
        reason: 'body: is not UTF-8',
      },
    );
    expect((await warren(['show', id])).stdout).toContain('2 bytes that are no text');
    const { letter } = JSON.parse((await warren(['show', id, '--json'])).stdout);
    expect(letter.body).toEqual({ base64: body.toString('base64'), text: null });
    expect(await warren(['show', 'nobody'])).toMatchObject({ code: 1, stdout: '' });
  }, 30_000);
});

describe('dead-letters replay and cancel', () => {
  it('replay one by its id without asking', async () => {
    const id = await parked();
    const { code, stdout } = await warren(['replay', id]);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`${id} +replayed`)) });
    const message = await ground.nextMessage();
    expect(message.properties.messageId).toBe(id);
    message.ack();
    expect(await warren(['replay', id])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('could not replay'),
    });
  }, 30_000);

  it('ask once for many: no changes nothing, yes does it, and no terminal needs --yes', async () => {
    const ids = [await parked(), await parked()];
    const filter = ['--code', 'not-found'];
    const refused = await warren(['cancel', ...filter], { answer: 'n' });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('cancel 2 dead letters? [y/N]') });
    expect(await warren(['cancel', ...filter])).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    expect(await warren(['cancel', ...filter, '--dry-run'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('would cancel 2 dead letters; nothing was changed'),
    });
    expect(await states(...ids)).toEqual(['parked', 'parked']);

    expect(await warren(['cancel', ...filter, '--reason', 'too late'], { answer: 'y' })).toMatchObject({ code: 0 });
    expect(await states(...ids)).toEqual(['cancelled', 'cancelled']);
    expect((await ground.task(ids[0] ?? '')).reason).toBe('too late');
    expect(await warren(['cancel', ...filter, '--yes'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('nothing to do'),
    });
  }, 30_000);

  it('say with exit code 3 that a part was done', async () => {
    const id = await parked();
    const { code, stderr, stdout } = await warren(['replay', id, 'nobody', '--yes']);
    expect(code).toBe(3);
    expect(stderr).toContain('1 replayed, 1 refused');
    expect(stdout).toMatch(/nobody +refused +there is no dead letter/);
    expect(await warren(['cancel', id, 'nobody', '--yes'])).toMatchObject({ code: 1 });
  }, 30_000);

  it('touch no more than --limit says', async () => {
    const ids = [await parked(), await parked()];
    expect(await warren(['cancel', '--state', 'parked', '--limit', '1', '--yes'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('only the newest 1 are touched'),
    });
    expect((await states(...ids)).sort()).toEqual(['cancelled', 'parked']);
  }, 30_000);
});
