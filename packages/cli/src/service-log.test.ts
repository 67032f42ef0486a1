import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { serviceLogTo } from './service-log.js';

/** What a log line of these words comes to. */
function logged(...words: [fields: object, message: string]): Record<string, unknown> {
  return JSON.parse(textOf(...words));
}

function textOf(...words: [fields: object, message: string]): string {
  let text = '';
  const log = serviceLogTo({ write: (line) => (text += line) }, 'tester');
  log.child({ worker: 'tester@here#1' }).info(...words);
  return text;
}

describe('a line of a service', () => {
  it('says which service and which process', () => {
    expect(logged({ task: 'a' }, 'task claimed')).toMatchObject({
      service: 'tester',
      worker: 'tester@here#1',
      task: 'a',
      msg: 'task claimed',
    });
  });

  it('holds nothing that a task was given or gave, nor what lets somebody in', () => {
    const canary = 'c4nary';
    const names = ['payload', 'input', 'result', 'body', 'headers', 'properties', 'password', 'authorization'];
    for (const name of names) {
      expect(textOf({ [name]: canary }, 'top')).not.toContain(canary);
      expect(textOf({ message: { [name]: { deep: canary } } }, 'one level down')).not.toContain(canary);
    }
  });

  it('holds no password of an address, in whichever field, message or error', () => {
    const url = 'postgres://warren:c4nary@db/warren';
    const error = new Error(`no answer from ${url}`, { cause: new Error(`refused: ${url}?password=c4nary`) });
    const text = textOf({ err: error, where: { deep: [url] } }, `lost ${url}`);
    expect(text).not.toContain('c4nary');
    expect(JSON.parse(text)).toMatchObject({
      where: { deep: ['postgres://warren:***@db/warren'] },
      msg: 'lost postgres://warren:***@db/warren',
    });
    expect(text.endsWith('\n')).toBe(true);
  });

  it('stays the same line, whatever stands between two fields that look like an address together', () => {
    expect(logged({ scheme: 'amqp://', at: 'name@host' }, 'x')).toMatchObject({ scheme: 'amqp://', at: 'name@host' });
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        const line = logged({ before: `amqp://${before}`, after: `${after}@x` }, 'x');
        expect(Object.keys(line)).toEqual(['level', 'time', 'service', 'worker', 'before', 'after', 'msg']);
      }),
    );
  });

  it('holds of an error its kind, code, message and stack, and nothing else that it carries', () => {
    const error = Object.assign(new Error('duplicate key'), { code: '23505', detail: 'Failing row contains (c4nary)' });
    expect(logged({ err: error }, 'x').err).toEqual({
      type: 'Error',
      code: '23505',
      message: 'duplicate key',
      stack: expect.stringContaining('duplicate key'),
    });
    expect(logged({ err: { payload: 'c4nary' } }, 'x').err).toEqual({ type: 'object' });
  });

  it('bounds the message of an error', () => {
    const { err } = logged({ err: new Error('x'.repeat(100_000)) }, 'x');
    expect(JSON.stringify(err).length).toBeLessThan(12_000);
  });
});
