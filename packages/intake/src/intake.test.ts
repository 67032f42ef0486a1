import { describe, expect, it } from '@jest/globals';
import { defineTaskType, encodeBody, parseMessage } from '@warren/tasks';
import { queueNames, topologyFor, workQueue } from '@warren/topology';
import { z } from 'zod';
import { checkSubmission, createIntake } from './intake.js';
import { newTaskId } from './task-id.js';

const type = defineTaskType({
  name: 'echo',
  summary: 'says it again',
  input: z.object({ text: z.string() }),
  result: z.null(),
  policy: { maxBodyBytes: 1_000 },
});
const types = [type];
/** Types whose schema says little or nothing, so that the rules around it are seen. */
const anything = [
  defineTaskType({ ...type, name: 'anything', input: z.json(), policy: { maxBodyBytes: 1024 * 1024 } }),
  defineTaskType({ ...type, name: 'strict', input: z.strictObject({}) }),
];
const submission = (text: string, options = {}) => ({ type: 'echo', input: { text }, options });

describe('checkSubmission', () => {
  /** What the worker is asked to take. */
  function isTakenByWorkers(text: string): boolean {
    const body = encodeBody(newTaskId(), type.name, JSON.stringify({ text }));
    return parseMessage({ body, addressedTo: type.name, properties: {} }, types).kind === 'message';
  }

  it.each(['x', 'é'])('takes just what a worker takes, to the byte, in texts of "%s"', (letter) => {
    const verdicts = Array.from({ length: 200 }, (_, more) => letter.repeat(400 + (letter === 'x' ? 400 : 0) + more));
    const taken = verdicts.filter((text) => checkSubmission(submission(text), types).kind === 'checked');
    expect(taken).toEqual(verdicts.filter(isTakenByWorkers));
    expect([taken.length > 0, taken.length < verdicts.length]).toEqual([true, true]);
  });

  it.each([
    ...Object.values(queueNames),
    workQueue('echo'),
    workQueue('another-type'),
    topologyFor({ types, delay: 'ladder', profile: 'classic' }).queues.at(-1)?.name ?? '',
  ])('refuses queue %s for a reply: Warren would take it for something else', (replyTo) => {
    expect(checkSubmission(submission('x', { replyTo }), types)).toMatchObject({
      kind: 'defect',
      defect: { code: 'invalid-input', field: 'reply_to', message: expect.stringContaining(replyTo) },
    });
  });

  it.each([
    ['lists', 100, 'checked'],
    ['lists', 101, 'malformed payload'],
    // Far beyond what the schema and the encoder could go down into.
    ['lists', 200_000, 'malformed payload'],
    ['tables', 101, 'malformed payload'],
  ])('of an input of %s, %i deep in each other: %s', (kind, levels, verdict) => {
    const [open, close] = kind === 'lists' ? ['[', ']'] : ['{"a":', '}'];
    const input: unknown = JSON.parse(`${open.repeat(levels)}1${close.repeat(levels)}`);
    const checked = checkSubmission({ type: 'anything', input }, anything);
    expect(checked.kind === 'defect' ? `${checked.defect.code} ${checked.defect.field}` : checked.kind).toBe(verdict);
    const body = encodeBody(newTaskId(), 'anything', `${open.repeat(levels)}1${close.repeat(levels)}`);
    const parsed = parseMessage({ body, addressedTo: 'anything', properties: {} }, anything);
    expect(parsed.kind === 'defect' ? `${parsed.defect.code} ${parsed.defect.field}` : 'checked').toBe(verdict);
  });

  it('finds an end of an input that holds itself', () => {
    const input: Record<string, unknown> = {};
    input.left = input;
    input.right = input;
    expect(checkSubmission({ type: 'anything', input }, anything)).toMatchObject({ defect: { field: 'payload' } });
  });

  it.each<[unknown, string]>([
    [{ a: [1, { big: 12_345_678_901_234_567_890n }] }, 'payload.a.1.big'],
    [7n, 'payload'],
  ])('refuses a bigint, which JSON would make another number of, by its field', (input, field) => {
    const loose = [defineTaskType({ ...type, name: 'loose', input: z.unknown() })];
    expect(checkSubmission({ type: 'loose', input }, loose)).toMatchObject({
      kind: 'defect',
      defect: { code: 'invalid-input', field },
    });
  });

  it('names a field in few words, however long its sender made it', () => {
    const checked = checkSubmission({ type: 'strict', input: { ['x'.repeat(100_000)]: 1 } }, anything);
    expect(checked).toMatchObject({ defect: { code: 'invalid-input', field: 'payload' } });
    expect(JSON.stringify(checked).length).toBeLessThan(2_000);
  });

  it('takes any other queue for a reply', () => {
    expect(checkSubmission(submission('x', { replyTo: 'amq.gen-JzTY20BRgKO' }), types).kind).toBe('checked');
  });
});

describe('the outbox', () => {
  function intakeWith(owed: number, dispatch: () => Promise<void>) {
    return createIntake({
      types,
      outboxLimit: 10,
      ledger: {
        submit: async ({ task }) => ({ kind: 'recorded', task }),
        sweeps: { owedCount: async () => owed },
      },
      dispatcher: { dispatch },
    });
  }
  const refused = { kind: 'rejected', defect: { code: 'overloaded' } };

  it('that is full takes nothing from a process that has not published yet, nor from one that can not', async () => {
    expect(await intakeWith(10, async () => undefined).submit(submission('x'))).toMatchObject(refused);
    const broken = intakeWith(9, () => Promise.reject(new Error('no broker')));
    expect(await broken.submit(submission('x'))).toMatchObject({ kind: 'accepted', published: false });
  });

  it('is not asked about while publishing goes well', async () => {
    let asked = 0;
    const intake = createIntake({
      types,
      ledger: {
        submit: async ({ task }) => ({ kind: 'recorded', task }),
        sweeps: { owedCount: async () => asked++ },
      },
      dispatcher: { dispatch: async () => undefined },
    });
    for (const text of ['a', 'b', 'c']) await intake.submit(submission(text));
    expect(asked).toBe(1);
  });
});
