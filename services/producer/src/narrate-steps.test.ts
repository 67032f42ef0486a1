import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nothingTold, tellStep } from './narrate-steps.js';

/** A research task over a large folder: a step every 3 ms. */
const run = (isLive: boolean): string[] => {
  const phases = ['reading', 'extracting', 'indexing', 'searching', 'composing'];
  const steps = phases.flatMap((phase) =>
    Array.from({ length: 849 }, (_, n) => ({ message: `${phase} ${n}.md`, done: n, total: 849 })),
  );
  let told = nothingTold;
  return steps.flatMap((step, index) => {
    const telling = tellStep(step, told, { now: index * 3, isLive });
    told = telling.told;
    return telling.isLine ? [step.message] : [];
  });
};

describe('tellStep', () => {
  it('tells a change of phase and nothing else where a live line shows the rest', () => {
    expect(run(true)).toEqual(['reading 0.md', 'extracting 0.md', 'indexing 0.md', 'searching 0.md', 'composing 0.md']);
  });

  it('elsewhere tells a line a second of each phase', () => {
    const lines = run(false);
    expect(lines.slice(0, 4)).toEqual(['reading 0.md', 'reading 334.md', 'reading 668.md', 'extracting 0.md']);
    expect(lines).toHaveLength(15);
  });

  it('tells a phase that comes and goes once a second at most, however often it does', () => {
    const step = fc.record({
      message: fc.constantFrom('reading a', 'reading b', 'calling c'),
      afterMs: fc.nat({ max: 700 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), fc.boolean(), (steps, isLive) => {
        const lastAt = new Map<string, number>();
        let [told, now] = [nothingTold, 0];
        for (const { message, afterMs } of steps) {
          now += afterMs;
          const telling = tellStep({ message }, told, { now, isLive });
          told = telling.told;
          if (!telling.isLine) continue;
          const [phase = ''] = message.split(' ');
          expect(now - (lastAt.get(phase) ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(1_000);
          lastAt.set(phase, now);
        }
      }),
    );
  });
});
