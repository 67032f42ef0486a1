import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { headers, maxHeaderBytes } from './headers.js';
import { encodeBody, type ParsedMessage, parseMessage, type RawMessage, type RawProperties } from './message.js';
import { defaultPolicy } from './policy.js';
import { isReasonCode } from './reason-codes.js';

const id = '018f5d2e-9d1b-7c3a-8f10-6a2b3c4d5e6f';

function raw(body: unknown, properties: RawProperties = {}, addressedTo: string | undefined = 'summarize'): RawMessage {
  const encoded = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return { body: encoded, addressedTo, properties };
}

function task(change: object = {}): object {
  return { task_id: id, task_type: 'summarize', payload: { text: 'x' }, ...change };
}

function withHeaders(given: Record<string, unknown>): RawProperties {
  return { headers: given };
}

/** What was wrong: `code field`; or `taken`. */
function verdict(message: RawMessage): string {
  const parsed = parseMessage(message);
  return parsed.kind === 'message' ? 'taken' : `${parsed.defect.code} ${parsed.defect.field}`;
}

function messageIn(parsed: ParsedMessage) {
  if (parsed.kind === 'defect') throw new Error(`${parsed.defect.field}: ${parsed.defect.message}`);
  return parsed.message;
}

describe('a message', () => {
  it('needs its id, its type and its payload, and no more', () => {
    const message = messageIn(parseMessage(raw(task())));

    expect(message).toMatchObject({ taskId: id, type: { name: 'summarize' }, payload: { text: 'x' } });
    expect(message.options).toEqual({});
    expect(message.ticket).toBeUndefined();
  });

  it('says what else it wants in properties and headers', () => {
    const { options } = messageIn(
      parseMessage(
        raw(task(), {
          messageId: id.toUpperCase(),
          contentType: 'application/json; charset=utf-8',
          contentEncoding: 'utf-8',
          priority: 8,
          expiration: '60000',
          correlationId: 'c',
          replyTo: 'answers',
          headers: {
            [headers.idempotencyKey]: 'key',
            [headers.tenant]: 'acme 研究',
            [headers.group]: 'g',
            [headers.deadline]: '2027-01-15T08:00:00Z',
            [headers.entities]: 'a, b,,c ',
            [headers.traceparent]: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
            'x-death': [{ count: 1 }],
          },
        }),
      ),
    );

    expect(options).toEqual({
      priority: 8,
      expiresMs: 60_000,
      correlationId: 'c',
      replyTo: 'answers',
      idempotencyKey: 'key',
      tenant: 'acme 研究',
      group: 'g',
      deadline: Date.UTC(2027, 0, 15, 8),
      entities: ['a', 'b', 'c'],
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });
  });

  it.each([
    ['epoch milliseconds', '1800000000000', 1_800_000_000_000],
    ['a number', 1_800_000_000_000, 1_800_000_000_000],
    ['an AMQP timestamp', { '!': 'timestamp', value: 1_800_000_000 }, 1_800_000_000_000],
    ['ISO 8601', '2027-01-15T08:00:00.000Z', 1_800_000_000_000],
  ])('gives its deadline as %s', (_, deadline, expected) => {
    const message = messageIn(parseMessage(raw(task(), withHeaders({ [headers.deadline]: deadline }))));
    expect(message.options.deadline).toBe(expected);
  });

  it.each([
    '00000000-0000-0000-0000-000000000000',
    'c232ab00-9414-11ec-b3c8-9f6bdeced846',
    '2ed6657d-e927-568b-95e1-2665a8aea6a2',
    '018F5D2E-9D1B-7C3A-8F10-6A2B3C4D5E6F',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
  ])('has a UUID of any version and case: %s', (task_id) => {
    expect(messageIn(parseMessage(raw(task({ task_id })))).taskId).toBe(task_id.toLowerCase());
  });

  it('carries a ticket when Warren published it', () => {
    const given = { [headers.dispatch]: 3, [headers.attempt]: 2, [headers.copy]: randomUUID() };
    expect(messageIn(parseMessage(raw(task(), withHeaders(given)))).ticket).toEqual({
      dispatch: 3,
      attempt: 2,
      copy: given[headers.copy],
    });
  });

  it.each([
    ['no number', { [headers.dispatch]: '3' }],
    ['nothing that was ever counted', { [headers.dispatch]: 0 }],
    ['more than a counter holds', { [headers.dispatch]: 2 ** 31 }],
    ['a copy of another shape', { [headers.copy]: 'a\0b' }],
    ['an endless copy', { [headers.copy]: 'x'.repeat(65) }],
    ['no copy', { [headers.copy]: undefined }],
  ])('carries no ticket with %s in it', (_, wrong) => {
    const given = { [headers.dispatch]: 3, [headers.attempt]: 2, [headers.copy]: 'c', ...wrong };
    expect(messageIn(parseMessage(raw(task(), withHeaders(given)))).ticket).toBeUndefined();
  });
});

describe('bad input is named by the part that is at fault', () => {
  const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const payload = (json: string) => `{"task_id":"${id}","task_type":"summarize","payload":${json}}`;

  it.each<[string, string, unknown]>([
    ['nothing', 'malformed body', ''],
    ['no JSON', 'malformed body', 'hello'],
    ['half a JSON', 'malformed body', '{"task_id":'],
    ['two of them', 'malformed body', `${JSON.stringify(task())}${JSON.stringify(task())}`],
    ['no UTF-8', 'malformed body', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ['UTF-16', 'malformed body', Buffer.from(JSON.stringify(task()), 'utf16le')],
    ['a list', 'malformed body', []],
    ['null', 'malformed body', 'null'],
    ['a string', 'malformed body', '"x"'],
    ['no id', 'malformed task_id', task({ task_id: undefined })],
    ['a number for an id', 'malformed task_id', task({ task_id: 7 })],
    ['an id that is no UUID', 'malformed task_id', task({ task_id: 'task-7' })],
    ['an id in braces', 'malformed task_id', task({ task_id: `{${id}}` })],
    ['no type', 'malformed task_type', task({ task_type: undefined })],
    ['an empty type', 'malformed task_type', task({ task_type: '' })],
    ['an endless type', 'malformed task_type', task({ task_type: 'x'.repeat(65) })],
    ['no payload', 'malformed payload', task({ payload: undefined })],
    ['too deep a payload', 'malformed payload', payload(deep(101))],
    ['too deep a payload of tables', 'malformed payload', payload(`${'{"a":'.repeat(101)}1${'}'.repeat(101)}`)],
    ['a payload beyond every stack', 'malformed payload', payload(deep(200_000))],
    ['too large a body', 'policy-violation body', payload(`"${'x'.repeat(defaultPolicy.maxBodyBytes)}"`)],
    ['another type than it was addressed to', 'conflict task_type', task({ task_type: 'research' })],
    ['a type that nobody knows', 'conflict task_type', task({ task_type: 'translate' })],
  ])('a body that holds %s: %s', (_, expected, body) => {
    expect(verdict(raw(body))).toBe(expected);
  });

  it('a type that nobody knows, where the address says none, with those that are known', () => {
    const parsed = parseMessage({ ...raw(task({ task_type: 'translate' })), addressedTo: undefined });
    expect(parsed).toMatchObject({
      kind: 'defect',
      defect: {
        code: 'unsupported-action',
        field: 'task_type',
        message: expect.stringContaining('research, summarize'),
      },
    });
  });

  it.each<[string, string, RawProperties]>([
    ['another id', 'conflict message_id', { messageId: randomUUID() }],
    ['an id that is no text', 'conflict message_id', { messageId: { a: 1 } }],
    ['a content type of text', 'malformed content_type', { contentType: 'text/plain' }],
    ['a content type in Latin-1', 'malformed content_type', { contentType: 'application/json; charset=latin1' }],
    ['a content type that is no text', 'malformed content_type', { contentType: 7 }],
    ['a compressed body', 'malformed content_encoding', { contentEncoding: 'gzip' }],
    ['a priority above 9', 'malformed priority', { priority: 10 }],
    ['a priority between', 'malformed priority', { priority: 1.5 }],
    ['a priority that is no number', 'malformed priority', { priority: 'high' }],
    ['an expiration that is no number', 'malformed expiration', { expiration: 'soon' }],
    ['an expiration of nothing', 'malformed expiration', { expiration: '' }],
    ['an expiration below zero', 'malformed expiration', { expiration: '-1' }],
    ['an expiration beyond all numbers', 'malformed expiration', { expiration: '9'.repeat(400) }],
    ['a reply address with a line break', 'malformed reply_to', { replyTo: 'a\nb' }],
    ['an endless correlation id', 'malformed correlation_id', { correlationId: 'x'.repeat(256) }],
    [
      'a correlation id that takes more bytes than AMQP has',
      'malformed correlation_id',
      { correlationId: 'ä'.repeat(128) },
    ],
    ['a reply address that takes more bytes than AMQP has', 'malformed reply_to', { replyTo: '研'.repeat(86) }],
  ])('properties with %s: %s', (_, expected, properties) => {
    expect(verdict(raw(task(), properties))).toBe(expected);
  });

  const endless: unknown[] = [];
  endless.push(endless);

  it.each<[string, string, Record<string, unknown>]>([
    ['more than fits', 'policy-violation headers', { a: 'x'.repeat(maxHeaderBytes) }],
    [
      'many small ones',
      'policy-violation headers',
      Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`h${n}`, n])),
    ],
    [
      'a value beyond every stack',
      'policy-violation headers',
      { a: JSON.parse(deep(3_000)), b: 'x'.repeat(maxHeaderBytes) },
    ],
    ['a value that holds itself', 'policy-violation headers', { a: endless }],
    ['an empty key', `malformed ${headers.idempotencyKey}`, { [headers.idempotencyKey]: '' }],
    ['an endless key', `malformed ${headers.idempotencyKey}`, { [headers.idempotencyKey]: 'x'.repeat(256) }],
    ['a NUL in a key', `malformed ${headers.idempotencyKey}`, { [headers.idempotencyKey]: 'a\0b' }],
    ['half a character in a tenant', `malformed ${headers.tenant}`, { [headers.tenant]: 'a\uD83D' }],
    ['bytes for a tenant', `malformed ${headers.tenant}`, { [headers.tenant]: Buffer.from('acme') }],
    ['a list for a group', `malformed ${headers.group}`, { [headers.group]: ['g'] }],
    ['no time for a deadline', `malformed ${headers.deadline}`, { [headers.deadline]: 'tomorrow' }],
    [
      'a table for a deadline',
      `malformed ${headers.deadline}`,
      { [headers.deadline]: { '!': 'timestamp', value: 'x' } },
    ],
    ['a deadline beyond all times', `malformed ${headers.deadline}`, { [headers.deadline]: '9'.repeat(30) }],
    ['too many entities', `malformed ${headers.entities}`, { [headers.entities]: 'a,'.repeat(17) }],
    ['an entity that is no name', `malformed ${headers.entities}.1`, { [headers.entities]: ['a', 7] }],
    ['a trace that is none', `malformed ${headers.traceparent}`, { [headers.traceparent]: 'x' }],
  ])('headers with %s: %s', (_, expected, given) => {
    expect(verdict(raw(task(), withHeaders(given)))).toBe(expected);
  });

  it.each<[string, string, RawProperties]>([
    [
      'a deadline',
      'ISO 8601 (2030-01-31T18:00:00Z), epoch milliseconds, or an AMQP timestamp',
      withHeaders({ [headers.deadline]: 'soon' }),
    ],
    ['entities', 'up to 16 names in a list, or in one text with commas', withHeaders({ [headers.entities]: 7 })],
    ['a key', 'text of 1 to 255 characters', withHeaders({ [headers.idempotencyKey]: 7 })],
    ['an expiration', 'milliseconds as digits', { expiration: 'soon' }],
    ['a priority', 'a whole number from 0 to 9', { priority: 'high' }],
  ])('%s in another form is told which are taken', (_, forms, properties) => {
    const parsed = parseMessage(raw(task(), properties));
    expect(parsed).toMatchObject({ kind: 'defect', defect: { message: expect.stringContaining(forms) } });
  });

  it('in the forms of the body as well', () => {
    const parsed = parseMessage(raw(task({ task_id: 'task-7' })));
    expect(parsed).toMatchObject({ defect: { field: 'task_id', message: 'has to be a UUID, as text' } });
  });

  it('and is not quoted: what somebody sent has no business in a log', () => {
    for (const body of ['{"password": hunter2}', 'hunter2', '{"a":"hunter2', '["hunter2",]', '{"hunter2"}']) {
      const parsed = parseMessage(raw(body));
      expect(parsed).toMatchObject({
        defect: { message: expect.stringMatching(/^is not JSON(: at character \d+)?$/) },
      });
    }
  });

  it('in few words, however long the names in it are', () => {
    const parsed = parseMessage(raw(task({ task_type: 'x' }), { contentType: 'x'.repeat(100_000) }));
    const endlessType = parseMessage({ ...raw(task({ task_type: 'y'.repeat(100_000) })), addressedTo: undefined });
    expect(JSON.stringify([parsed, endlessType]).length).toBeLessThan(3_000);
  });

  it('but not what is merely unusual', () => {
    // Publishers count as the wire does: JSON would take six bytes for each of these.
    expect(verdict(raw(task(), withHeaders({ note: '\u0001'.repeat(maxHeaderBytes - 100) })))).toBe('taken');
    expect(verdict(raw(task(), { correlationId: 'ä'.repeat(127), replyTo: '研'.repeat(85) }))).toBe('taken');
    expect(verdict(raw(task({ extra: 1, payload: null })))).toBe('taken');
    expect(verdict(raw(`\uFEFF ${JSON.stringify(task())}\n`))).toBe('taken');
    expect(verdict(raw(payload(deep(100))))).toBe('taken');
    expect(verdict(raw(task(), { contentType: 'application/vnd.acme+json', contentEncoding: '' }))).toBe('taken');
    expect(verdict(raw(task(), { priority: 0, messageId: '', headers: undefined }))).toBe('taken');
    expect(verdict(raw(task(), withHeaders({ unknown: true, 'x-tenant-id': '7' })))).toBe('taken');
  });

  it('a payload that reaches for the prototype stays a payload, and no schema takes it', () => {
    const parsed = messageIn(
      parseMessage(
        raw(payload('{"text":"x","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}')),
      ),
    );

    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    expect(parsed.type.input.safeParse(parsed.payload).success).toBe(false);
    expect(verdict(raw('{"__proto__":{"task_id":"x"},"constructor":1}'))).toBe('malformed task_id');
  });
});

describe('whatever arrives', () => {
  it('is read or has a defect with a code, a field and words of bounded length', () => {
    const anything = fc.anything({ withBigInt: true, withNullPrototype: true, withDate: true, withObjectString: true });
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((json) => Buffer.from(json)),
      fc
        .record({
          task_id: fc.oneof(fc.uuid(), anything),
          task_type: fc.oneof(fc.constant('summarize'), anything),
          payload: fc.jsonValue(),
        })
        .map((value) => Buffer.from(safeJson(value))),
    );
    const properties = fc.record(
      {
        messageId: anything,
        contentType: anything,
        contentEncoding: anything,
        priority: anything,
        expiration: anything,
        correlationId: anything,
        replyTo: anything,
        headers: fc.dictionary(fc.oneof(fc.constantFrom(...Object.values(headers)), fc.string()), anything),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        body,
        properties,
        fc.option(fc.constantFrom('summarize', 'x'), { nil: undefined }),
        (bytes, given, addressedTo) => {
          const parsed = parseMessage({ body: bytes, properties: given, addressedTo });
          if (parsed.kind === 'message') return;
          const { code, field, message } = parsed.defect;
          expect(
            isReasonCode(code) && field !== '' && field.length < 200 && message !== '' && message.length < 2_000,
          ).toBe(true);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('is read as it was encoded', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.jsonValue(), (taskId, payload) => {
        const body = encodeBody(taskId, 'summarize', JSON.stringify(payload));
        const message = messageIn(parseMessage({ body, addressedTo: 'summarize', properties: { messageId: taskId } }));
        expect(message.taskId).toBe(taskId);
        expect(JSON.stringify(message.payload)).toBe(JSON.stringify(payload));
      }),
    );
  });

  function safeJson(value: unknown): string {
    try {
      return JSON.stringify(value) ?? '';
    } catch {
      return '';
    }
  }
});
