import { userInfo } from 'node:os';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parkRaw } from '@warren/dead-letters';
import { addDeadLetterCommands } from '@warren/dlq-processor';
import type { ReasonCode, TaskType } from '@warren/tasks';
import { connect } from 'amqplib';
import { z } from 'zod';
import { type Ended, runCommandLine } from './support/command-line.js';
import { type LettersGround, lettersGround, probe } from './support/letters.js';
import { until } from './support/until.js';

let ground: LettersGround;

beforeEach(async () => {
  ground = await lettersGround();
  await ground.startProcessor();
}, 60_000);

afterEach(async () => {
  await ground.dispose();
}, 60_000);

/** The type of every task here, as the command knows it. */
const judged = { ...probe, result: z.object({ answer: z.number() }) };

interface Around {
  /** What a person at a terminal types; without it there is no terminal. */
  readonly answer?: string;
  /** What is on stdin where there is no terminal. */
  readonly input?: string;
  readonly env?: object;
  readonly interruption?: AbortSignal;
  readonly types?: readonly TaskType[];
}

/** One command line, in this process. */
async function warren(
  args: readonly string[],
  { answer, env, input, interruption, types = [judged] }: Around = {},
): Promise<Ended> {
  const addresses = { AMQP_URL: ground.amqpUrl, LEDGER_URL: ground.ledgerUrl };
  const stdin = Object.assign(Readable.from(answer === undefined ? [input ?? ''] : [`${answer}\n`]), {
    isTTY: answer !== undefined,
  });
  return await runCommandLine(['dead-letters', ...args], { ...addresses, ...env }, (program, context, stderr) =>
    addDeadLetterCommands(program, context, {
      stdin,
      stderr,
      findStack: () => undefined,
      types,
      interruption: () => interruption ?? new AbortController().signal,
    }),
  );
}

async function parked(code: ReasonCode = 'not-found', tenant = 'acme'): Promise<string> {
  const task = await ground.submit({ tenant });
  await ground.failNext({ code, message: `because of ${code}` });
  await until(async () => (await ground.task(task.id)).state === 'parked');
  await ground.untilLetter(task.id, 'parked');
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
    expect(await listed('--filter', 'code:not-found,refused tenant:other state:parked')).toEqual([second]);
    const page = await warren(['list', '--json', '--limit', '1']);
    expect(page.stderr).toMatch(/^there are more:\n {2}warren dead-letters list --json --limit 1 --after \S+@\d+\n$/);
    const [letter] = JSON.parse(page.stdout);
    expect(letter).toMatchObject({ letterId: letter.id, taskId: second });
    const nobodys = await warren(['list', '--filter', 'escalated:plattform']);
    expect(nobodys.stderr).toContain('nothing is escalated to plattform, nor to anybody else');
    await warren(['escalate', first, '--to', 'platform']);
    const slip = await warren(['list', '--filter', 'escalated:plattform']);
    expect(slip.stderr).toContain('nothing is escalated to plattform, but to platform');
    const { stdout } = await warren(['list']);
    expect(stdout).toMatch(/^ID +TYPE +STATE +CODE +AGE +REASON\n/);
    expect(stdout).toMatch(new RegExp(`${second}  probe  parked +refused`));
  }, 30_000);

  it.each([
    [['list', '--state', 'running'], '--state'],
    [['list', '--filter', 'state:running'], '--filter'],
    [['list', '--after', 'nobody'], '--after'],
    [['escalate', 'x', '--to', 'yes'], '--to'],
    [['escalate', 'x', '--to', ' '], '--to'],
    [['complete', 'x', 'y', '--note', 'n', '--result', '{}'], '--result'],
    [['complete', 'x', '--note', 'n', '--result', '{'], '--result'],
    [['replay', 'x', '--rps', '0'], '--rps'],
    [['cancel', 'x', '--by', ''], '--by'],
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
    expect(code).toBe(1);
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
    expect(await warren(['replay', id])).toEqual({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`${id} +replayed`)),
      stderr: `what becomes of it:\n  warren task watch ${id}\n`,
    });
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

    const done = await warren(['cancel', ...filter, '--note', 'too late'], { answer: 'y' });
    expect(done.code).toBe(0);
    // By the ids that lists show.
    for (const id of ids) expect(done.stdout).toMatch(new RegExp(`^${id} +cancelled$`, 'm'));
    expect(await states(...ids)).toEqual(['cancelled', 'cancelled']);
    expect((await ground.task(ids[0] ?? '')).reason).toBe('too late');
    expect(await warren(['cancel', ...filter, '--yes'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('nothing to do'),
    });
  }, 30_000);

  it('asks for one alone as well where a filter found it, and says what kinds there are', async () => {
    const id = await parked();
    expect(await warren(['replay', '--code', 'not-found'], { answer: '' })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/1 {2}probe {2}not-found\n.*replay 1 dead letter\? \[y\/N\]/s),
    });
    expect(await states(id)).toEqual(['parked']);
  }, 30_000);

  it('replay no faster than --rps, and say who did it and why', async () => {
    const ids = [await parked(), await parked(), await parked()];
    const startedAt = performance.now();
    const { code } = await warren([
      'replay',
      '--state',
      'parked',
      '--yes',
      '--rps',
      '5',
      '--by',
      'bob',
      '--note',
      'up',
    ]);
    expect(code).toBe(0);
    // The first is begun at once, each other one a fifth of a second after the one before.
    expect(performance.now() - startedAt).toBeGreaterThan(400);
    expect((await states(...ids)).every((state) => state === 'accepted' || state === 'queued')).toBe(true);
    const { stdout } = await warren(['show', ids[0] ?? '']);
    expect(stdout).toMatch(/BY HAND +replayed by bob at \S+: up\n/);
    expect(stdout).toMatch(/STATE +replayed by hand/);
  }, 30_000);

  it('begin nothing more once they are interrupted, and say how much is left', async () => {
    const ids = [await parked(), await parked()];
    const interruption = AbortSignal.abort();
    expect(await warren(['replay', ...ids, '--yes'], { interruption })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        new RegExp(`0 replayed, 2 not tried\\n.*\\n.*warren dead-letters replay ${ids.join(' ')} --yes\\n`),
      ),
    });
    const byFilter = await warren(['escalate', '--to', 'ann', '--code', 'not-found', '--yes'], { interruption });
    expect(byFilter.stderr).toMatch(
      /warren dead-letters escalate --code not-found --yes --to ann --limit 2 --filter escalated:no\n/,
    );
    expect(await states(...ids)).toEqual(['parked', 'parked']);
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
    const ids = [await parked(), await parked(), await parked()];
    const longest = ['cancel', '--state', 'parked', '--limit', '1'];
    expect(await warren([...longest, '--yes'])).toMatchObject({
      code: 0,
      stderr: `2 dead letters beyond the limit; the next ones:\n  warren dead-letters ${longest.join(' ')} --yes\n`,
    });
    expect(await states(...ids)).toEqual(['cancelled', 'parked', 'parked']);
    await parked();
    const { stdout, stderr } = await warren([...longest, '--dry-run']);
    expect(stderr).toContain('would cancel the longest parked 1 of 3 dead letters (see --limit)');
    expect(stdout).toContain(ids[1]);
  }, 30_000);

  it('come to those that wait, whatever fails again meanwhile', async () => {
    const [first = '', second = ''] = [await parked(), await parked()];
    const next = ['replay', '--code', 'not-found', '--limit', '1', '--yes'];
    await warren(next);
    await ground.failNext({ code: 'not-found', message: 'still not there' });
    await until(async () => (await ground.task(first)).state === 'parked');
    await ground.untilLetter(first, 'parked');
    const { stdout } = await warren(next);
    expect(stdout).toContain(second);
    expect(stdout).not.toContain(first);
  }, 30_000);

  it('say what comes next after several', async () => {
    await parked();
    await parked();
    const { stderr } = await warren(['replay', '--code', 'not-found', '--yes']);
    expect(stderr).toMatch(/fails again comes first in "warren dead-letters list"/);
  }, 30_000);

  it('name the letter where the id is one that a message gave itself', async () => {
    const claimedId = '0197a3f0-1c2d-7e4f-8a5b-6c7d8e9f0a1b';
    const { id } = await parkRaw(
      { ledger: ground.ledger, now: Date.now },
      {
        body: Buffer.from(JSON.stringify({ task_id: claimedId, task_type: 'nobodys', payload: {} })),
        properties: {},
        routingKey: 'nobodys',
        sourceQueue: 'submitted',
        code: 'unsupported-action',
        reason: 'task_type: nobody knows it',
      },
    );
    const { code, stderr } = await warren(['cancel', claimedId, '--note', 'a slip']);
    expect(code).toBe(1);
    expect(stderr).toContain(`warren dead-letters cancel ${id} --note 'a slip'\n`);
  }, 30_000);

  it.each([
    ['', 'must not be empty'],
    ['x'.repeat(501), 'at most 500 characters'],
  ])('refuse the note %j by its flag', async (note, problem) => {
    for (const verb of ['replay', 'cancel', 'complete']) {
      const { code, stderr } = await warren([verb, 'some-id', '--note', note]);
      expect(code).toBe(2);
      expect(stderr).toContain('--note: ');
      expect(stderr).toContain(problem);
    }
  });

  it('tell once what a note said', async () => {
    const id = await parked();
    await warren(['cancel', id, '--by', 'ann']);
    const { stdout } = await warren(['show', id]);
    expect(stdout).toMatch(/STATE +cancelled: by hand\n/);
    expect(stdout).toMatch(/BY HAND +cancelled by ann at \S+\n/);
  }, 30_000);
});

describe('dead-letters list, page after page', () => {
  it('prints the command for the next page, which neither skips nor repeats a letter', async () => {
    const ids = [await parked(), await parked('refused', 'it\'s "acme"'), await parked()];
    const listed = async (args: readonly string[]): Promise<{ ids: string[]; next: string | undefined }> => {
      const { code, stdout, stderr } = await warren(['list', ...args, '--columns', 'id']);
      expect(code).toBe(0);
      return {
        ids: stdout.trim().split('\n').slice(1),
        next: /^ {2}warren dead-letters list (.*)$/m.exec(stderr)?.[1],
      };
    };
    const first = await listed(['--filter', 'type:probe age:<1h', '--limit', '1']);
    expect(first.ids).toEqual([ids[2]]);
    expect(first.next).toMatch(/^--filter 'type:probe age:<1h' --limit 1 --columns id --after \S+@\d+$/);

    // What came first is met again: it moves to the front, and the pages behind it stay what they were.
    await warren(['replay', ids[2] ?? '']);
    await ground.failNext({ code: 'not-found', message: 'again' });
    await until(async () => (await ground.task(ids[2] ?? '')).state === 'parked');
    const after = first.next?.split(' ').at(-1) ?? '';
    const second = await listed(['--limit', '1', '--after', after]);
    expect(second.ids).toEqual([ids[1]]);
    const last = await listed(['--after', ids[1] ?? '']);
    expect(last).toEqual({ ids: [ids[0]], next: undefined });
    expect(await warren(['list', '--after', ids[0] ?? ''])).toMatchObject({
      stdout: '',
      stderr: 'no more dead letters\n',
    });
  }, 30_000);
});

describe('dead-letters escalate', () => {
  it('leaves it parked, says to whom, and is found by that; the next escalation counts, a replay ends it', async () => {
    const [id, other] = [await parked(), await parked()];
    const escalated = await warren(['escalate', id, '--to', 'bob', '--note', 'it is his file', '--by', 'ann']);
    expect(escalated).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`${id} +escalated`)) });
    expect(await states(id)).toEqual(['parked']);
    const listed = async (...flags: string[]) => {
      const { stdout } = await warren(['list', '--json', ...flags]);
      return JSON.parse(stdout).map(({ taskId }: { taskId: string }) => taskId);
    };
    expect(await listed('--state', 'escalated')).toEqual([id]);
    expect(await listed('--filter', 'escalated:bob,carol')).toEqual([id]);
    expect(await listed('--filter', 'escalated:no')).toEqual([other]);
    expect(await listed()).toEqual([other, id]);
    expect((await warren(['list'])).stdout).toContain(`${id}  probe  escalated  not-found`);

    await warren(['escalate', '--filter', 'escalated:yes', '--to', 'carol', '--yes', '--by', 'bob']);
    const { stdout } = await warren(['show', id]);
    expect(stdout).toMatch(/STATE +parked, escalated to carol \d+\w+ ago/);
    expect(stdout).toMatch(
      /BY HAND +escalated by ann to bob at \S+: it is his file\nBY HAND +escalated by bob to carol at \S+\n/,
    );

    await warren(['replay', id, '--by', 'carol']);
    const { letter, actsByHand } = JSON.parse((await warren(['show', id, '--json'])).stdout);
    expect(letter).toMatchObject({ state: 'replayed', escalatedTo: null });
    expect(actsByHand.map(({ act, by }: { act: string; by: string }) => `${act} ${by}`)).toEqual([
      'escalate ann',
      'escalate bob',
      'replay carol',
    ]);
    expect(await warren(['escalate', id, other, '--to', 'dave', '--yes'])).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('it is replayed; only what is parked waits for somebody'),
    });
  }, 30_000);
});

describe('dead-letters complete', () => {
  it('completes a task with a result, and says to everybody that a person did it', async () => {
    const id = await parked('refused');
    const { code, stdout } = await warren(['complete', id, '--note', 'by telephone', '--by', 'ann', '--result', '-'], {
      input: '{"answer":42}',
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(new RegExp(`${id} +completed`)) });
    expect(await ground.task(id)).toMatchObject({ state: 'completed', reason: 'by hand, by ann: by telephone' });
    expect((await ground.ledger.queries.result(id))?.result).toBe('{"answer":42}');
    expect((await warren(['show', id])).stdout).toMatch(
      /STATE +completed: by telephone\n(?:.*\n)*BY HAND +completed by ann at \S+\n/,
    );
    expect((await warren(['list', '--state', 'completed'])).stdout).toContain(id);
    expect(await warren(['complete', id, '--note', 'again'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/could not complete .*it is completed; only a parked task/),
    });
    expect(await warren(['replay', id])).toMatchObject({ code: 1 });
  }, 30_000);

  it('takes a note without a result for several, and its name from whoever runs it', async () => {
    const ids = [await parked(), await parked()];
    expect(await warren(['complete', '--code', 'not-found', '--note', 'typed them in', '--dry-run'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('would complete 2 dead letters; nothing was changed'),
    });
    expect(await states(...ids)).toEqual(['parked', 'parked']);
    expect(await warren(['complete', '--code', 'not-found', '--note', 'typed them in', '--yes'])).toMatchObject({
      code: 0,
    });
    expect(await states(...ids)).toEqual(['completed', 'completed']);
    const { actsByHand } = JSON.parse((await warren(['show', ids[0] ?? '', '--json'])).stdout);
    expect(actsByHand).toEqual([
      { act: 'complete', by: userInfo().username, note: 'typed them in', to: null, at: expect.any(Number) },
    ]);
    expect(await ground.ledger.queries.result(ids[0] ?? '')).toBeUndefined();
  }, 30_000);

  it('refuses a result that its type does not have, naming the field, and one whose type nobody knows', async () => {
    const id = await parked('refused');
    const refused = await warren(['complete', id, '--note', 'n', '--result', '{"answer":"many"}', '--json']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(JSON.parse(refused.stderr).error).toMatchObject({
      code: 'invalid-input',
      field: 'result.answer',
      message: expect.stringContaining('result.answer: has to be a number, not text'),
    });
    const unknown = await warren(['complete', id, '--note', 'n', '--result', '{"answer":1}'], { types: [] });
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('nobody here knows type probe') });
    expect(await states(id)).toEqual(['parked']);
  }, 30_000);

  it('closes a message that was no task, which has no place for a result', async () => {
    const { id } = await parkRaw(
      { ledger: ground.ledger, now: Date.now },
      {
        body: Buffer.from('{'),
        properties: {},
        routingKey: '',
        sourceQueue: 'submitted',
        code: 'malformed',
        reason: 'body: is not JSON',
      },
    );
    expect(await warren(['complete', id, '--note', 'n', '--result', '1'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('it is no task'),
    });
    expect(await warren(['complete', id, '--note', 'told the sender', '--by', 'ann'])).toMatchObject({ code: 0 });
    expect((await warren(['show', id])).stdout).toMatch(
      /STATE +completed: told the sender\n.*BY HAND +completed by ann/s,
    );
  }, 30_000);

  it('replies to a submitter who waits for it, and is done without a broker as well', async () => {
    const connection = await connect(ground.amqpUrl);
    const channel = await connection.createChannel();
    const { queue: replies } = await channel.assertQueue('');
    const reply = async () => {
      let body = '';
      await until(async () => {
        const message = await channel.get(replies, { noAck: true });
        if (message) body = message.content.toString();
        return message !== false;
      });
      return JSON.parse(body);
    };
    const task = await parkedFor(replies);
    expect(await reply()).toMatchObject({ task_id: task, state: 'parked' });
    await warren(['complete', task, '--note', 'done', '--by', 'ann', '--result', '{"answer":1}']);
    expect(await reply()).toEqual({
      task_id: task,
      state: 'completed',
      code: null,
      reason: 'by hand, by ann: done',
      result: { answer: 1 },
    });
    const lonely = await parkedFor(replies);
    const away = { env: { AMQP_URL: 'amqp://127.0.0.1:1' } };
    expect(await warren(['complete', lonely, '--note', 'done'], away)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('waits for a reply, which could not be sent'),
    });
    expect(await states(lonely)).toEqual(['completed']);
    await connection.close();
  }, 40_000);

  async function parkedFor(replyTo: string): Promise<string> {
    const { id } = await ground.submit({ replyTo });
    await ground.failNext({ code: 'refused', message: 'no' });
    await ground.untilLetter(id, 'parked');
    return id;
  }
});
