import { expect, it } from '@jest/globals';
import { createLiveLine } from './live-line.js';

it('leaves room for the cursor and for the ^C that a terminal echoes: a line that wrapped could not be erased', () => {
  const written: string[] = [];
  createLiveLine({ write: (text) => written.push(text), isTTY: true, columns: 20 }).show('x'.repeat(30));
  expect(written).toEqual([`\r${'x'.repeat(16)}…\u001b[K`]);
});
