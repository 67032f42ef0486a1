import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createProgress, type ProgressState, type ProgressSurface, renderProgress } from './progress.js';

const state: ProgressState = { label: 'replaying', total: 1_000, done: 600, elapsedMs: 5_000, detail: '2 failed' };

describe('renderProgress', () => {
  it('a known total has bar, share, rate and what is left', () => {
    expect(renderProgress(state, true)).toBe(
      'replaying [############........] 60% 600 of 1,000  120/s  4s left  2 failed',
    );
    expect(renderProgress(state, false)).toBe('replaying 60% 600 of 1,000  120/s  4s left  2 failed');
  });

  it('an unknown total has none of them but the count and the rate', () => {
    const { total: _, ...unknown } = state;
    expect(renderProgress(unknown, true)).toBe('replaying 600  120/s  2 failed');
    expect(renderProgress({ ...unknown, done: 0, detail: '' }, true)).toBe('replaying');
  });

  it('slow work is told by the minute', () => {
    expect(renderProgress({ ...state, done: 1, total: 3, elapsedMs: 30_000 }, false)).toBe(
      'replaying 33% 1 of 3  2/min  1m left  2 failed',
    );
  });

  it('has no NaN and no bar beyond its end, whatever the numbers', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), (done, total, elapsedMs) => {
        const line = renderProgress({ label: 'x', done, total, elapsedMs, detail: '' }, true);
        expect(line).not.toMatch(/NaN|Infinity|undefined/);
        expect(/\[[#.]{20}\]/.test(line)).toBe(true);
        expect(Number(/(\d+)%/.exec(line)?.[1])).toBeLessThanOrEqual(100);
      }),
    );
  });
});

describe('createProgress', () => {
  const run = (kind: 'terminal' | 'plain') => {
    const drawn: string[] = [];
    let clock = 0;
    const show = (text: string) => drawn.push(text);
    const line = { show, clear: () => drawn.push('(cleared)'), around: (write: () => void) => write() };
    const surface: ProgressSurface = kind === 'terminal' ? { kind, line } : { kind, print: show };
    const progress = createProgress({ label: 'x', total: 100 }, surface, () => clock);
    for (let step = 0; step < 50; step += 1) {
      clock += 300;
      progress.advance(1);
      progress.update(`step ${step}`);
    }
    progress.end();
    progress.advance();
    return drawn;
  };

  it('draws at once on a terminal, at most ten times a second, and takes the line away', () => {
    const drawn = run('terminal');
    expect(drawn[0]).toBe('x [....................] 0% 0 of 100');
    expect(drawn).toHaveLength(52);
    expect(drawn.at(-1)).toBe('(cleared)');
  });

  it('without a terminal prints a line every ten seconds', () => {
    expect(run('plain')).toEqual(['x 34% 34 of 100  3/s  20s left  step 32']);
  });
});
