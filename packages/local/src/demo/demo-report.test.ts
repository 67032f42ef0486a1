import { describe, expect, it } from '@jest/globals';
import { receivedLetter } from '../../../../tests/fixtures/letter.js';
import { newTask } from '../../../../tests/fixtures/task.js';
import { type DemoOutcome, reportText } from './demo-report.js';

const parked: DemoOutcome = {
  label: 'summarize a file that is not there',
  task: newTask('0192f0c0-0000-7000-8000-000000000001', { state: 'parked', reasonCode: 'not-found' }),
  runs: [],
  result: undefined,
  advice: 'Put what it names in its place, where the worker may read it, and replay it, or cancel it. '.repeat(3),
};

const text = (width?: number) =>
  reportText([parked], [receivedLetter()], { hint: (command) => `bin/${command}`, width }).split('\n');
const widest = (lines: readonly string[]) => Math.max(...lines.map(({ length }) => length));

describe('reportText', () => {
  it.each([
    [60, 50, 60],
    [80, 70, 80],
    [200, 90, 100],
    [undefined, 70, 80],
  ])('on a terminal of %p cells wraps prose to no more, and to 100 at most', (width, least, most) => {
    const prose = text(width).filter((line) => !line.includes('dead-letters show'));
    expect(widest(prose)).toBeGreaterThan(least);
    expect(widest(prose)).toBeLessThanOrEqual(most);
  });

  it('leaves the commands whole that are to be pasted', () => {
    expect(text(40)).toContain(`    bin/warren dead-letters show ${parked.task.id}`);
  });
});
