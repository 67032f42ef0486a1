import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { StepOrder } from './follow-steps.js';
import type { ProgressStep } from './progress-text.js';

const reading = (done: number): ProgressStep => ({ message: `reading ${done}.md`, done, total: 1_000 });
const composing: ProgressStep = { message: 'composing the answer' };

describe('StepOrder', () => {
  it('takes a step once, whichever way it came', () => {
    const order = new StepOrder();
    expect([order.isNewEvent(reading(1)), order.isNewInLedger(reading(1)), order.isNewEvent(reading(1))]).toEqual([
      true,
      false,
      false,
    ]);
    order.startRun();
    expect(order.isNewInLedger(reading(1))).toBe(true);
  });

  it('takes all from the ledger where no event comes', () => {
    const order = new StepOrder();
    expect([reading(1), reading(5), composing].map((step) => order.isNewInLedger(step))).toEqual([true, true, true]);
  });

  it('goes back to no phase because of the ledger', () => {
    const order = new StepOrder();
    order.isNewEvent(reading(8));
    order.isNewEvent(composing);
    expect(order.isNewInLedger(reading(9))).toBe(false);
  });

  it('counts in rising order, whichever events get lost and however far the ledger is behind', () => {
    const look = fc.record({ isLost: fc.boolean(), ledgerBehind: fc.option(fc.nat({ max: 20 }), { nil: undefined }) });
    fc.assert(
      fc.property(fc.array(look, { minLength: 1, maxLength: 60 }), (looks) => {
        const order = new StepOrder();
        const shown: number[] = [];
        let furthestLook = 0;
        for (const [done, { isLost, ledgerBehind }] of looks.entries()) {
          if (!isLost && order.isNewEvent(reading(done))) shown.push(done);
          if (ledgerBehind === undefined) continue;
          // The ledger itself never goes back.
          furthestLook = Math.max(furthestLook, done - ledgerBehind);
          if (order.isNewInLedger(reading(furthestLook))) shown.push(furthestLook);
        }
        expect(shown).toEqual(shown.toSorted((a, b) => a - b));
      }),
    );
  });
});
