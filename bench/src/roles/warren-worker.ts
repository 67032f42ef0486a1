import { setTimeout as sleep } from 'node:timers/promises';
import { openLedger } from '@warren/ledger';
import { runWorker } from '@warren/worker';
import { pino } from 'pino';
import { measuredTask, prefetch } from '../measured-task.js';
import { clock, readRoleSettings, tell, tellHeap, told } from './role.js';

const { amqpUrl, ledgerUrl, count, heapAt, oneByOne, profile } = readRoleSettings();
let handled = 0;
let allHandled = () => {};
const handling = new Promise<void>((resolve) => {
  allHandled = resolve;
});
const worker = await runWorker({
  type: measuredTask,
  handler: async () => {
    const handledAt = clock();
    handled += 1;
    if (oneByOne) tell({ handledAt });
    if (heapAt.includes(handled)) tellHeap();
    if (handled === count) allHandled();
    return { kind: 'completed', result: { done: true } };
  },
  config: {
    amqpUrl,
    ledgerUrl,
    delay: 'ladder',
    profile,
    priorities: 'lanes',
    concurrency: prefetch,
    name: 'bench',
    drainMs: 10_000,
    logLevel: 'warn',
  },
  log: pino({ level: 'warn' }),
});
const ledger = await openLedger(ledgerUrl);
tell({ ready: true });
await handling;
// The last results are committed a moment after their handlers ran.
while ((await ledger.queries.tasks({ states: ['running', 'queued', 'accepted'], limit: 1 })).length > 0) await sleep(2);
tell({ doneAt: clock() });
await told();
await worker.stop();
await ledger.close();
process.disconnect();
