import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { wrapAdvice } from './wrap-advice.js';

const name = 'bin/warren';

describe('wrapAdvice', () => {
  it('wraps the prose around a command, and never inside of it', () => {
    const text = 'its log shows why; "warren down", then "warren up --detach" starts it anew';
    expect(wrapAdvice(text, { name, width: 44, lead: ' next: ' })).toBe(
      [
        ' next: its log shows why; "bin/warren down",',
        '       then "bin/warren up --detach" starts',
        '       it anew',
      ].join('\n'),
    );
  });

  it('keeps whole what quotes an argument, and a command that is wider than a line', () => {
    const command = '`warren task submit summarize --text "Rabbits dig. Warrens last." --wait`';
    expect(wrapAdvice(`try ${command} once more`, { name, width: 40 })).toBe(
      `try\n${command.replace('warren', name)}\nonce more`,
    );
  });

  it('leaves a command on a line of its own as it is, and its indentation', () => {
    const text =
      'All of it stays on record:\n  warren dead-letters list --filter "type:summarize"\nto look at it again';
    expect(wrapAdvice(text, { name, width: 24 })).toBe(
      'All of it stays on\nrecord:\n  bin/warren dead-letters list --filter "type:summarize"\nto look at it again',
    );
  });

  it('where there is no terminal names commands and wraps nothing', () => {
    expect(wrapAdvice('start one with "warren up --detach"\nor wait', { name, width: undefined, lead: '  ' })).toBe(
      '  start one with "bin/warren up --detach"\n  or wait',
    );
  });

  it('breaks no command, loses no word, and makes no line wider that could be broken', () => {
    const word = fc.stringMatching(/^[a-z]{1,9}$/);
    const command = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => `"warren ${words.join(' ')}"`);
    const pieces = fc.array(fc.oneof(word, command), { minLength: 1 });
    fc.assert(
      fc.property(pieces, fc.integer({ min: 45, max: 90 }), (some, width) => {
        const named = some.map((piece) => piece.replace('"warren', `"${name}`));
        const lines = wrapAdvice(some.join(' '), { name, width }).split('\n');
        expect(lines.join(' ')).toBe(named.join(' '));
        for (const line of lines) {
          expect(line.split('"').length % 2).toBe(1);
          expect(stringWidth(line)).toBeLessThanOrEqual(width);
        }
      }),
    );
  });
});
