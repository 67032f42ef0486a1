import { describe, expect, it } from '@jest/globals';
import { headers, taskTypes } from '@warren/tasks';
import { brokerLetterKey, queueNames, submittedLetterKey } from '@warren/topology';
import fc from 'fast-check';
import { type LetterQueue, readLetter } from './met-letter.js';

const id = '0190f3a2-4b5c-7def-8123-456789abcdef';
const ticket = { [headers.dispatch]: 3, [headers.attempt]: 2, [headers.copy]: 'c1' };
const body = Buffer.from(JSON.stringify({ task_id: id, task_type: 'summarize', payload: { text: 'hello' } }));

function read(
  given: Record<string, unknown>,
  { queue = queueNames.deadLetters, routingKey = 'summarize.normal', content = body }: Partial<Options> = {},
) {
  return readLetter({ content, routingKey, properties: { headers: given } }, queue, taskTypes);
}

interface Options {
  queue: LetterQueue;
  routingKey: string;
  content: Buffer;
}

describe('a letter', () => {
  it("is a worker's where it carries a reason code", () => {
    const given = { ...ticket, [headers.reasonCode]: 'timeout', [headers.error]: 'no answer' };
    expect(read(given)).toMatchObject({
      kind: 'task',
      origin: 'failed',
      code: 'timeout',
      reason: 'no answer',
      ticket: { dispatch: 3, attempt: 2, copy: 'c1' },
      sourceQueue: 'tasks.summarize',
    });
  });

  it('is of unknown cause where the code is none of ours', () => {
    expect(read({ ...ticket, [headers.reasonCode]: 'bad luck' })).toMatchObject({ origin: 'failed', code: 'unknown' });
  });

  it("is the broker's where the message's time in its work queue ran out", () => {
    const death = [{ queue: 'tasks.summarize', reason: 'expired', count: 1 }];
    expect(read({ ...ticket, 'x-death': death }, { routingKey: 'summarize.broker' })).toMatchObject({
      origin: 'expired',
      code: 'expired',
    });
  });

  it("is the broker's where its key says so, whatever code its headers carry", () => {
    const death = [{ queue: 'tasks.summarize', reason: 'expired', count: 1 }];
    const forged = { ...ticket, [headers.reasonCode]: 'timeout', 'x-death': death };
    expect(read(forged, { routingKey: brokerLetterKey('summarize') })).toMatchObject({ origin: 'expired' });
  });

  const odd = [[{ queue: 7 }], ['odd'], [{ queue: 'tasks.summarize', reason: null }], 'odd', 7, undefined];

  it.each(odd)('speaks for no task where it left the way in, whatever its sender wrote: %j', (foreign) => {
    const own = { queue: 'submitted', reason: 'expired', count: 1, 'routing-keys': ['summarize'] };
    const deaths = Array.isArray(foreign) ? [own, ...foreign] : foreign;
    const forged = { ...ticket, [headers.reasonCode]: 'timeout', 'x-death': deaths };
    expect(read(forged, { routingKey: submittedLetterKey })).toMatchObject({
      kind: 'raw',
      code: Array.isArray(foreign) ? 'expired' : 'unknown',
      sourceQueue: 'submitted',
      routingKey: Array.isArray(foreign) ? 'summarize' : submittedLetterKey,
    });
  });

  it('is read entry by entry: what a stranger wrote behind the broker hides nothing', () => {
    const deaths = [{ queue: 'tasks.summarize', reason: 'expired' }, { queue: 7 }, 'odd'];
    const given = { ...ticket, 'x-death': deaths };
    expect(read(given, { routingKey: brokerLetterKey('summarize') })).toMatchObject({ origin: 'expired' });
  });

  it('is not taken for expired because it waited in the delay ladder before', () => {
    const given = {
      ...ticket,
      'x-first-death-reason': 'expired',
      'x-first-death-queue': 'delay.level-03',
      'x-death': [
        { queue: 'tasks.summarize', reason: 'rejected', count: 1 },
        { queue: 'delay.level-03', reason: 'expired', count: 1 },
      ],
    };
    expect(read(given, { routingKey: 'summarize.broker' })).toMatchObject({ origin: 'rejected', code: 'unknown' });
  });

  it('is unroutable where it comes from that queue, whatever its key', () => {
    expect(read(ticket, { queue: queueNames.unroutable, routingKey: '0.1.1.summarize.normal' })).toMatchObject({
      kind: 'task',
      origin: 'unroutable',
      code: 'unroutable',
    });
  });

  it('is raw where its body can not be read, and says why', () => {
    expect(read(ticket, { content: Buffer.from('{oops') })).toMatchObject({
      kind: 'raw',
      code: 'malformed',
      reason: expect.stringContaining('body: is not JSON'),
      sourceQueue: 'tasks.summarize',
    });
  });

  it('is raw where it names no dispatch', () => {
    expect(read({})).toMatchObject({ kind: 'raw', code: 'invalid-state' });
  });

  it('is read without an error, whatever it holds', () => {
    const anything = fc.record({
      content: fc.uint8Array(),
      routingKey: fc.string(),
      given: fc.dictionary(fc.string(), fc.anything()),
    });
    fc.assert(
      fc.property(anything, ({ content, routingKey, given }) => {
        expect(['raw', 'task']).toContain(read(given, { content: Buffer.from(content), routingKey }).kind);
      }),
    );
  });
});
