import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRunGate } from './run-gate.js';

describe('the run gate', () => {
  it('never lets anybody in beside one that is alone, and lets everybody in at last', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }),
        async (scheduler, kinds) => {
          const gate = createRunGate();
          const inside: boolean[] = [];
          let finished = 0;
          const runs = kinds.map(async (alone, index) => {
            await scheduler.schedule(Promise.resolve(), `arrive ${index}`);
            const leave = await (alone ? gate.enterAlone() : gate.enter());
            inside.push(alone);
            expect(inside.length === 1 || !inside.includes(true)).toBe(true);
            await scheduler.schedule(Promise.resolve(), `work ${index}`);
            inside.splice(inside.indexOf(alone), 1);
            leave();
            leave();
            finished++;
          });
          await scheduler.waitFor(Promise.all(runs));
          expect(finished).toBe(kinds.length);
        },
      ),
    );
  });

  it('lets nobody overtake the one that waits to be alone', async () => {
    const gate = createRunGate();
    const order: string[] = [];
    const leaveFirst = await gate.enter();
    const alone = gate.enterAlone().then((leave) => {
      order.push('alone');
      leave();
    });
    const late = gate.enter().then((leave) => {
      order.push('late');
      leave();
    });
    leaveFirst();
    await Promise.all([alone, late]);
    expect(order).toEqual(['alone', 'late']);
  });
});
