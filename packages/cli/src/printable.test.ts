import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { oneLine, printable, withoutPasswords } from './printable.js';

describe('printable', () => {
  it('keeps text, line feeds, tabs and joined emoji', () => {
    expect(printable('a\tb\r\nc 👩‍👩‍👧')).toBe('a\tb\nc 👩‍👩‍👧');
  });

  it('leaves no control character, whatever comes', () => {
    const hostile = fc.string({
      unit: fc.constantFrom('\u001b', '[', '2', 'J', ']', '\u0007', '\u009b', '\u202e', 'a', '\n'),
    });
    fc.assert(
      fc.property(hostile, (text) => {
        expect(printable(text)).not.toMatch(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u);
        expect(oneLine(text)).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});

it.each([
  ['refused by amqp://warren:s3cret@127.0.0.1:5672/warren', 'refused by amqp://warren:***@127.0.0.1:5672/warren'],
  ['postgres://u:a:b@db/x and amqps://:p@h', 'postgres://u:***@db/x and amqps://:***@h'],
  ['http://127.0.0.1:8080/a@b', 'http://127.0.0.1:8080/a@b'],
  ['amqp://user:sec/r@t@broker:5672/v is', 'amqp://user:***@broker:5672/v is'],
  ['amqp://u:se@cret@one,amqp://u:s3cret@two', 'amqp://u:***@one,amqp://u:***@two'],
  ['the ledger postgres:user:se/cret@db/x', 'the ledger postgres:user:***@db/x'],
  ['postgres://db/x?user=a&password=s3cret&ssl=1', 'postgres://db/x?user=a&password=***&ssl=1'],
  ['https://host:8080/@user/post', 'https://host:8080/@user/post'],
])('withoutPasswords: %s', (text, shown) => {
  expect(withoutPasswords(text)).toBe(shown);
});
