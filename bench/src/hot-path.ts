import { workQueue } from '@warren/topology';
import { measuredTask } from './measured-task.js';
import { type Role, startRole } from './processes.js';
import { bareQueue, type LedgerKind, type Site } from './site.js';
import { median, percentile, rounded } from './statistics.js';

/** Rounds, alternating between the ways: whatever else the machine does then meets all of them alike. */
const rounds = 5;
const tasksPerRound = 10_000;
const tasksOneByOne = 500;

/** One ledger's figures beside those of the bare client in the same run. */
export interface HotPathFigures {
  readonly ledger: LedgerKind;
  readonly tasksPerSecond: number;
  readonly bareTasksPerSecond: number;
  readonly ratio: number;
  /** Of the bare client when it sends Warren's message and its event, and records nothing: what no ledger could exceed. */
  readonly dressedTasksPerSecond: number;
  readonly latencyP50Ms: number;
  readonly bareLatencyP50Ms: number;
  readonly latencyP50Ratio: number;
  /** Each round's tasks per second, in order. */
  readonly rounds: readonly number[];
}

/** A way for tasks from their publish to their ack. */
interface Way {
  readonly publisher: Role;
  readonly consumer: Role;
  readonly queue: string;
  readonly ledger: LedgerKind | undefined;
  readonly dressed?: boolean;
}

const bare: Way = { publisher: 'bare-publisher', consumer: 'bare-consumer', queue: bareQueue, ledger: undefined };
const dressed: Way = { ...bare, queue: workQueue(measuredTask.name), dressed: true };
const ways: readonly Way[] = [
  bare,
  dressed,
  ...(['sqlite', 'postgres'] as const).map((ledger): Way => {
    return { publisher: 'warren-publisher', consumer: 'warren-worker', queue: workQueue(measuredTask.name), ledger };
  }),
];

/** Tasks a second, and the time from publish to handler, of Warren with each ledger and of the bare client. */
export async function measureHotPath(site: Site, tell: (line: string) => void): Promise<readonly HotPathFigures[]> {
  const speeds = new Map<Way, number[]>(ways.map((way) => [way, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const way of ways) {
      const speed = await throughput(site, way, tasksPerRound);
      speeds.get(way)?.push(rounded(speed, 0));
      tell(`round ${round} of ${rounds}: ${nameOf(way)} ${Math.round(speed)} tasks/s`);
    }
  }
  const delays = new Map<Way, number>();
  for (const way of ways) {
    const measured = await latencies(site, way, tasksOneByOne);
    delays.set(way, percentile(measured, 0.5));
    tell(`one by one: ${nameOf(way)} p50 ${percentile(measured, 0.5).toFixed(2)} ms`);
  }
  return ways.flatMap((way) => figuresOf(way, speeds, delays));
}

function figuresOf(
  way: Way,
  speeds: ReadonlyMap<Way, readonly number[]>,
  delays: ReadonlyMap<Way, number>,
): HotPathFigures[] {
  if (way.ledger === undefined) return [];
  const [speed, bareSpeed] = [median(speeds.get(way) ?? []), median(speeds.get(bare) ?? [])];
  const [delay, bareDelay] = [delays.get(way) ?? Number.NaN, delays.get(bare) ?? Number.NaN];
  return [
    {
      ledger: way.ledger,
      tasksPerSecond: speed,
      bareTasksPerSecond: bareSpeed,
      ratio: rounded(speed / bareSpeed, 3),
      dressedTasksPerSecond: median(speeds.get(dressed) ?? []),
      latencyP50Ms: rounded(delay, 3),
      bareLatencyP50Ms: rounded(bareDelay, 3),
      latencyP50Ratio: rounded(delay / bareDelay, 2),
      rounds: speeds.get(way) ?? [],
    },
  ];
}

/** From the first publish to the last task that is done, one publishing and one working process. */
async function throughput(site: Site, way: Way, count: number): Promise<number> {
  const { sender, worker } = await startBoth(site, way, count, false);
  sender.tell();
  const startedAt = await sender.next('startedAt');
  const doneAt = await worker.next('doneAt');
  await Promise.all([sender.end(), worker.end()]);
  return count / ((doneAt - startedAt) / 1_000);
}

/** Milliseconds from each publish to the first line that handles it, one task at a time. */
async function latencies(site: Site, way: Way, count: number): Promise<readonly number[]> {
  const { sender, worker } = await startBoth(site, way, count, true);
  sender.tell();
  const measured: number[] = [];
  while (measured.length < count) {
    const sentAt = await sender.next('sentAt');
    measured.push((await worker.next('handledAt')) - sentAt);
    sender.tell();
  }
  await worker.next('doneAt');
  await Promise.all([sender.end(), worker.end()]);
  return measured;
}

async function startBoth(site: Site, way: Way, count: number, oneByOne: boolean) {
  const { consumer, dressed = false, ledger, publisher, queue } = way;
  const ledgerUrl = ledger === undefined ? '' : site.ledgerUrl(ledger);
  const settings = { amqpUrl: site.amqpUrl, ledgerUrl, queue, count, oneByOne, dressed };
  const worker = await startRole(consumer, settings);
  return { worker, sender: await startRole(publisher, settings) };
}

function nameOf({ dressed, ledger }: Way): string {
  if (ledger !== undefined) return `Warren on ${ledger}`;
  return dressed ? "bare amqplib with Warren's message and event" : 'bare amqplib';
}
