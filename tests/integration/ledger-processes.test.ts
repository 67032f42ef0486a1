import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { newTask } from '../fixtures/task.js';
import { type LedgerHome, ledgerKinds, startLedgerProcess } from './support/ledger.js';

const now = 1_800_000_000_000;

/** Real processes on one database, each with the compiled ledger. */
describe.each(ledgerKinds)('processes that share a ledger on $kind', ({ makeHome }) => {
  let home: LedgerHome;

  beforeEach(async () => {
    home = await makeHome();
  }, 60_000);

  afterEach(async () => {
    await home.dispose();
  }, 60_000);

  /** Runs a script in several processes, which all begin when the last one is ready. */
  async function inProcesses(scripts: readonly string[]): Promise<unknown[][]> {
    const processes = scripts.map((script) => startLedgerProcess(home.url, script));
    await Promise.race([
      Promise.all(processes.map(({ ready }) => ready)),
      // A process that ends before it is ready ends the test with what it complained of.
      Promise.all(processes.map(({ lines }) => lines)),
    ]);
    for (const one of processes) one.begin();
    return await Promise.all(processes.map(({ lines }) => lines));
  }

  it('bring a fresh database up to date at the same moment', async () => {
    const script = `
      await start();
      const ledger = await openLedger(url);
      print(await ledger.queries.count());
      await ledger.close();
    `;

    expect(await inProcesses(Array.from({ length: 6 }, () => script))).toEqual(Array.from({ length: 6 }, () => [{}]));
  }, 60_000);

  it('open it many times over in one process as well', async () => {
    const ledgers = await Promise.all(Array.from({ length: 12 }, () => home.open()));

    const counts = await Promise.all(ledgers.map((ledger) => ledger.queries.count()));

    expect(counts).toEqual(ledgers.map(() => ({})));
  }, 60_000);

  it('claim and complete each task once', async () => {
    const ledger = await home.open();
    const ids = Array.from({ length: 200 }, () => randomUUID());
    await Promise.all(ids.map((id) => ledger.submit({ task: newTask(id), payload: '{}' })));
    const worker = (owner: string) => `
      const ids = ${JSON.stringify(ids)};
      const ledger = await openLedger(url);
      const request = { dispatch: 1, copy: '${owner}', owner: '${owner}', redelivered: false, alone: false };
      await start();
      const answers = await Promise.all(ids.map(async (id) => {
        const claim = await ledger.claim(id, { ...request, now: ${now}, leaseMs: 30000, maxCrashes: 3 });
        if (claim.kind !== 'run') return claim.kind;
        const run = { token: claim.task.token, now: ${now} };
        return (await ledger.complete(id, { ...run, result: JSON.stringify('${owner}'), cost: null })).kind;
      }));
      print(answers);
      await ledger.close();
    `;

    const answers = (await inProcesses(['a', 'b', 'c', 'd'].map(worker))).flat(2);

    expect(answers.filter((answer) => answer === 'done')).toHaveLength(200);
    expect(answers.every((answer) => answer === 'done' || answer === 'held' || answer === 'stale')).toBe(true);
    expect(await ledger.queries.count()).toEqual({ completed: 200 });
    const tokens = (await Promise.all(ids.map((id) => ledger.queries.runs(id)))).flat().map(({ token }) => token);
    expect(tokens).toEqual(ids.map(() => 1));
  }, 120_000);

  it('write without end and without an error', async () => {
    const writer = (owner: string) => `
      const ledger = await openLedger(url);
      const template = ${JSON.stringify(newTask(''))};
      await start();
      for (let round = 0; round < 60; round++) {
        await Promise.all(Array.from({ length: 5 }, async (_, index) => {
          const id = ['${owner}', round, index].join('-');
          await ledger.submit({ task: { ...template, id, fingerprint: id }, payload: '{}' });
          const claim = await ledger.claim(id, {
            dispatch: 1, copy: 'c', owner: '${owner}', redelivered: false, alone: false, now: ${now}, leaseMs: 30000, maxCrashes: 3,
          });
          await ledger.renew(id, { token: claim.task.token, now: ${now + 1}, leaseMs: 30000 });
          await ledger.complete(id, { token: claim.task.token, now: ${now + 2}, result: '{}', cost: null });
          await ledger.leases.acquire('sweeper', '${owner}', ${now}, 0);
        }));
      }
      print('done');
      await ledger.close();
    `;

    expect(await inProcesses(['a', 'b', 'c'].map(writer))).toEqual([['done'], ['done'], ['done']]);

    const ledger = await home.open();
    expect(await ledger.queries.count()).toEqual({ completed: 900 });
  }, 120_000);

  it('keep what was committed when one of them is killed in the middle', async () => {
    const ledger = await home.open();
    const victim = startLedgerProcess(
      home.url,
      `
      const ledger = await openLedger(url);
      const template = ${JSON.stringify(newTask(''))};
      await start();
      for (let round = 0; ; round++) {
        await Promise.all(Array.from({ length: 20 }, (_, index) => {
          const id = ['victim', round, index].join('-');
          return ledger.submit({ task: { ...template, id, fingerprint: id }, payload: '{}' });
        }));
        print(round);
        if (round === 5) process.kill(process.pid, 'SIGKILL');
      }
    `,
    );
    await victim.ready;
    victim.begin();
    await expect(victim.lines).rejects.toThrow('the process ended');

    const { accepted = 0 } = await ledger.queries.count();
    expect(accepted).toBeGreaterThanOrEqual(120);
    expect((await ledger.submit({ task: newTask(randomUUID()), payload: '{}' })).kind).toBe('recorded');
  }, 60_000);
});
