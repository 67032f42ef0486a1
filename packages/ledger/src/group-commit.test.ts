import { describe, expect, it } from '@jest/globals';
import { createGroupCommit } from './group-commit.js';

class Gone extends Error {}

/** Commits numbers, each of which weighs what it says; negative ones fail alone, and everything fails while `gone`. */
function createNumbers(maxBatch = 100, maxBatchBytes = 1_000) {
  const batches: number[][] = [];
  const state = { gone: false };
  const commits = createGroupCommit<number>({
    maxBatch,
    maxBatchBytes,
    bytesOf: Math.abs,
    isCommon: (error) => error instanceof Gone,
    commit: async (batch) => {
      await new Promise(setImmediate);
      if (state.gone) throw new Gone('gone');
      if (batch.some((number) => number < 0)) throw new Error('negative');
      batches.push([...batch]);
    },
  });
  return { batches, commits, state };
}

describe('a group commit', () => {
  it('commits together what came in one turn, and what came while it was busy', async () => {
    const { batches, commits } = createNumbers();
    const first = [commits.submit(1), commits.submit(2)];
    await new Promise(setImmediate);
    const second = [commits.submit(3), commits.submit(4)];

    await Promise.all([...first, ...second]);

    expect(batches).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('takes no more at once than it may, in order', async () => {
    const { batches, commits } = createNumbers(2);
    await Promise.all([1, 2, 3, 4, 5].map(commits.submit));
    expect(batches).toEqual([[1, 2], [3, 4], [5]]);
  });

  it('takes no more bytes at once than it may, in order, and one that is heavier alone', async () => {
    const { batches, commits } = createNumbers(100, 10);
    await Promise.all([4, 6, 1, 11, 12, 3, 3, 3, 3].map(commits.submit));
    expect(batches).toEqual([[4, 6], [1], [11], [12], [3, 3, 3], [3]]);
  });

  it('fails one operation and not its neighbours', async () => {
    const { batches, commits } = createNumbers();
    const settled = await Promise.allSettled([1, -2, 3].map(commits.submit));
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(batches).toEqual([[1], [3]]);
  });

  it('fails all of a batch when the database is gone, and goes on when it is back', async () => {
    const { batches, commits, state } = createNumbers();
    state.gone = true;
    const settled = await Promise.allSettled([1, 2].map(commits.submit));
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);

    state.gone = false;
    await commits.submit(3);
    expect(batches).toEqual([[3]]);
  });

  it('is idle when everything is settled', async () => {
    const { batches, commits } = createNumbers(1);
    const submitted = [1, 2, 3].map(commits.submit);

    await commits.idle();

    expect(batches).toEqual([[1], [2], [3]]);
    await Promise.all(submitted);
    await commits.idle();
  });
});
