import { describe, expect, it } from '@jest/globals';
import { createWatchLines, type Happening } from './watch-lines.js';

const at = Date.UTC(2030, 0, 31, 18, 0, 0);
const one = { id: '0197a3f0-1c2d-7e4f-8a5b-6c7d8e9f0a1b', type: 'summarize' };
const other = { id: '0197a3f0-1c2d-7e4f-8a5b-6c7d8e9f0a1c', type: 'research' };
const news = (task: Happening['task'], text: string): Happening => ({ task, at, text });

describe('what task watch prints', () => {
  it('names its task in every line where it is no terminal', () => {
    const lineOf = createWatchLines({ width: undefined, cwd: '/work' });
    expect(lineOf(news(one, 'reading /work/a.md'))).toBe(`18:00:00Z  ${one.id}  summarize  reading /work/a.md`);
    expect(lineOf(news(one, 'completed'))).toBe(`18:00:00Z  ${one.id}  summarize  completed`);
  });

  it('names it once on a terminal, until the news are of another, and wraps them at words', () => {
    const lineOf = createWatchLines({ width: 80, cwd: '/work' });
    const told = [
      lineOf(news(one, 'queued: waits in queue tasks.summarize')),
      lineOf(news(one, 'reading /work/docs/a.md (1 of 2)')),
      lineOf(news(other, 'running on research-worker@a-host-with-a-long-name#1f2e3d4c (attempt 2 of 4)')),
      lineOf(news(one, 'completed: after 2s')),
    ].join('\n');
    expect(told).toBe(
      [
        `${one.id}  summarize`,
        '  18:00:00Z  queued: waits in queue tasks.summarize',
        '  18:00:00Z  reading docs/a.md (1 of 2)',
        `${other.id}  research`,
        '  18:00:00Z  running on research-worker@a-host-with-a-long-name#1f2e3d4c',
        '             (attempt 2 of 4)',
        `${one.id}  summarize`,
        '  18:00:00Z  completed: after 2s',
      ].join('\n'),
    );
    for (const line of told.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('prints no control characters of others', () => {
    const lineOf = createWatchLines({ width: 80, cwd: '/work' });
    expect(lineOf(news({ ...one, type: 'a\u001b[2J' }, 'b\u0007'))).toBe(`${one.id}  a\n  18:00:00Z  b\ufffd`);
  });
});
