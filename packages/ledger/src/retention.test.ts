import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { batchOf, type RetentionLimits, retentionRules } from './retention.js';

const now = 1_800_000_000_000;
const unlimited: RetentionLimits = { completedMs: 0, cancelledMs: 0, lettersMs: 0, maxTasks: 0, maxLetters: 0 };
const amount = fc.nat({ max: 10 ** 12 });
const anyLimits = fc.record({
  completedMs: amount,
  cancelledMs: amount,
  lettersMs: amount,
  maxTasks: amount,
  maxLetters: amount,
});

describe('what retention lets go', () => {
  it('is nothing at all without a limit', () => {
    expect(retentionRules(unlimited, now)).toEqual([]);
  });

  it('is said once for each state that is final or closed, and for no other', () => {
    const rules = retentionRules({ completedMs: 1, cancelledMs: 1, lettersMs: 1, maxTasks: 1, maxLetters: 1 }, now);
    expect(rules.map(({ of, state }) => `${of} ${state}`).toSorted()).toEqual([
      'letters cancelled',
      'letters completed',
      'letters replayed',
      'letters settled',
      'tasks cancelled',
      'tasks completed',
      'tasks discarded',
    ]);
  });

  it('is what has been kept for longer than its limit, however the limits are set', () => {
    fc.assert(
      fc.property(anyLimits, amount, (limits, ago) => {
        for (const { of, state, keepNewest, endedBefore } of retentionRules(limits, now)) {
          const ofTasks = state === 'completed' ? limits.completedMs : limits.cancelledMs;
          const keptMs = of === 'letters' ? limits.lettersMs : ofTasks;
          const goes = endedBefore !== null && now - ago < endedBefore;
          expect(goes).toBe(keptMs > 0 && ago > keptMs);
          expect(keepNewest ?? 0).toBe(of === 'letters' ? limits.maxLetters : limits.maxTasks);
        }
      }),
    );
  });
});

describe('a batch', () => {
  const candidates = fc
    .array(fc.record({ attempts: fc.nat(30), acts: fc.nat(30) }), { maxLength: 20 })
    .map((all) => all.map((one, index) => ({ id: `${index}`, ...one })));
  const maxRows = fc.integer({ min: 10, max: 60 });

  it('never has more rows than it may', () => {
    fc.assert(
      fc.property(fc.constantFrom('tasks', 'letters'), candidates, maxRows, (of, all, max) => {
        const batch = batchOf(of, all, max);
        const parts = batch.kind === 'whole' ? batch.candidates : [batch];
        const rows = parts.reduce((sum, { acts, attempts }) => sum + acts + attempts, 0);
        const own = batch.kind === 'whole' ? batch.candidates.length * (of === 'tasks' ? 4 : 1) : 0;
        expect(rows + own).toBeLessThanOrEqual(max);
      }),
    );
  });

  it('takes from the beginning, and always something', () => {
    fc.assert(
      fc.property(fc.constantFrom('tasks', 'letters'), candidates, maxRows, (of, all, max) => {
        const batch = batchOf(of, all, max);
        if (batch.kind === 'whole') {
          expect(batch.candidates).toEqual(all.slice(0, batch.candidates.length));
          expect(batch.candidates.length > 0).toBe(all.length > 0);
        } else {
          expect(batch.id).toBe('0');
          expect(batch.attempts + batch.acts).toBeGreaterThan(0);
        }
      }),
    );
  });

  it('comes to an end with a task of any size', () => {
    let task = { id: 'large', attempts: 1_000, acts: 500 };
    let batches = 1;
    for (;;) {
      const batch = batchOf('tasks', [task], 100);
      if (batch.kind === 'whole') break;
      task = { ...task, attempts: task.attempts - batch.attempts, acts: task.acts - batch.acts };
      batches += 1;
    }
    expect(batches).toBe(16);
  });
});
