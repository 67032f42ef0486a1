import { workQueue } from '@warren/topology';
import { measuredTask } from './measured-task.js';
import { startRole } from './processes.js';
import type { Site } from './site.js';
import { rounded } from './statistics.js';

const early = 20_000;
const late = 200_000;

/** A process' heap after a forced collection, early and late in a long run. */
export interface MemoryFigures {
  readonly process: 'publisher' | 'worker';
  readonly earlyTask: number;
  readonly lateTask: number;
  readonly earlyMiB: number;
  readonly lateMiB: number;
  readonly ratio: number;
}

/** Grows with the number of tasks only where something is kept that should not be. */
export async function measureMemory(site: Site): Promise<readonly MemoryFigures[]> {
  const settings = {
    amqpUrl: site.amqpUrl,
    ledgerUrl: site.ledgerUrl('sqlite'),
    queue: workQueue(measuredTask.name),
    count: late,
    oneByOne: false,
    heapAt: [early, late],
  };
  const worker = await startRole('warren-worker', settings);
  const sender = await startRole('warren-publisher', settings);
  sender.tell();
  const heaps = { publisher: await twoOf(sender), worker: await twoOf(worker) };
  await worker.next('doneAt');
  await Promise.all([sender.end(), worker.end()]);
  return (['publisher', 'worker'] as const).map((process) => {
    const [first, last] = heaps[process];
    return {
      process,
      earlyTask: early,
      lateTask: late,
      earlyMiB: rounded(first / 2 ** 20, 1),
      lateMiB: rounded(last / 2 ** 20, 1),
      ratio: rounded(last / first, 3),
    };
  });
}

async function twoOf(role: { next(field: 'heapUsed'): Promise<number> }): Promise<[first: number, last: number]> {
  return [await role.next('heapUsed'), await role.next('heapUsed')];
}
