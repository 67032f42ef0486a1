import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createTurns } from './turns.js';

describe('turns', () => {
  it('let nobody in beside one that is alone, keep the order around it, and let everybody in at last', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
        async (scheduler, kinds) => {
          const turns = createTurns();
          const inside = new Set<number>();
          const finished: number[] = [];
          const all = kinds.map((alone, index) =>
            turns[alone ? 'alone' : 'beside'](async () => {
              inside.add(index);
              if ([...inside].some((member) => kinds[member])) expect(inside.size).toBe(1);
              if (alone) expect(finished.toSorted((a, b) => a - b)).toEqual([...Array(index).keys()]);
              await scheduler.schedule(Promise.resolve());
              inside.delete(index);
              finished.push(index);
            }),
          );
          await scheduler.waitFor(Promise.all(all));
          await turns.idle();
          expect(finished).toHaveLength(kinds.length);
        },
      ),
    );
  });

  it('go on after work that failed, and hand its error to whoever brought it', async () => {
    const turns = createTurns();
    const failing = async () => {
      throw new Error('no');
    };
    const [beside, alone] = [turns.beside(failing), turns.alone(failing)];
    let went = false;
    const next = turns.beside(async () => {
      went = true;
    });
    await expect(beside).rejects.toThrow('no');
    await expect(alone).rejects.toThrow('no');
    await next;
    expect(went).toBe(true);
    await turns.idle();
  });

  it('let those that are not alone go side by side', async () => {
    const turns = createTurns();
    const arrived: (() => void)[] = [];
    const meet = () =>
      new Promise<void>((resolve) => {
        arrived.push(resolve);
        if (arrived.length === 2) for (const go of arrived) go();
      });
    await Promise.all([turns.beside(meet), turns.beside(meet)]);
  });
});
