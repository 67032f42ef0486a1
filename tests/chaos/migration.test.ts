import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  applyTopology,
  type BrokerConnection,
  connectBroker,
  createDispatcher,
  createPublisher,
  delayBy,
  managementAddress,
  managementClient,
  planOn,
} from '@warren/broker';
import { createIntake, type Intake } from '@warren/intake';
import type { Ledger } from '@warren/ledger';
import { classPriority, priorityClasses } from '@warren/tasks';
import { type QueueProfile, topologyFor } from '@warren/topology';
import { completed, runWorker, type Worker } from '@warren/worker';
import { type FreshVhost, freshVhost } from '../integration/support/broker.js';
import { type LedgerHome, makeSqliteHome } from '../integration/support/ledger.js';
import { testLog } from '../integration/support/test-log.js';
import { until } from '../integration/support/until.js';
import { probe } from '../processes/src/probe.js';

const migrationProcess = fileURLToPath(new URL('../processes/dist/probe-migration.js', import.meta.url));
const input = { journal: '/dev/null', act: { kind: 'finish' } };
const submissionsAtATime = 200;

let vhost: FreshVhost;
let home: LedgerHome;
let ledger: Ledger;
let connection: BrokerConnection;
let intake: Intake;
let workers: Worker[];
/** How often each task's handler ran, by id. */
let runs: Map<string, number>;

beforeEach(async () => {
  vhost = await freshVhost();
  home = await makeSqliteHome();
  ledger = await home.open();
  connection = await connectBroker({ urls: vhost.amqpUrl, name: 'test', log: testLog });
  const publisher = createPublisher(connection);
  const dispatcher = createDispatcher({
    ledger,
    publisher,
    delay: delayBy('ladder'),
    now: Date.now,
    newCopy: randomUUID,
  });
  intake = createIntake({ ledger, dispatcher, types: [probe] });
  workers = [];
  runs = new Map();
}, 60_000);

afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await connection.close();
  await home.dispose();
  await vhost.dispose();
}, 60_000);

async function apply(profile: QueueProfile): Promise<void> {
  const { amqpUrl, managementUrl } = vhost;
  await applyTopology({ amqpUrl, managementUrl, topology: topologyFor({ types: [probe], delay: 'ladder', profile }) });
}

async function startWorker(profile: QueueProfile): Promise<void> {
  const config = {
    amqpUrl: vhost.amqpUrl,
    ledgerUrl: home.url,
    delay: 'ladder',
    profile,
    priorities: 'lanes',
    concurrency: 50,
    name: 'tester',
    drainMs: 5_000,
    logLevel: 'silent',
  } as const;
  const worker = await runWorker({
    type: probe,
    handler: async (_, { taskId }) => {
      runs.set(taskId, (runs.get(taskId) ?? 0) + 1);
      return completed({ name: 'probe', attempt: 1, pid: process.pid });
    },
    config,
    log: testLog,
  });
  workers.push(worker);
}

/** Submits so many tasks, of all classes, and answers their ids. */
async function submit(count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const index = next++;
      const urgency = priorityClasses[index % priorityClasses.length] ?? 'normal';
      const answer = await intake.submit({ type: probe.name, input, options: { priority: classPriority[urgency] } });
      if (answer.kind !== 'accepted') throw new Error(`the submission was ${answer.kind}`);
      ids.push(answer.task.id);
    }
  };
  await Promise.all(Array.from({ length: submissionsAtATime }, lane));
  return ids;
}

/** Runs the migration; ends it by SIGKILL once it tells of this step. Answers its exit code, null after the kill. */
async function migrate(profile: QueueProfile, killAt?: string): Promise<number | null> {
  const child = spawn(process.execPath, [migrationProcess], {
    env: {
      ...process.env,
      AMQP_URL: vhost.amqpUrl,
      MANAGEMENT_URL: vhost.managementUrl,
      LEDGER_URL: home.url,
      PROBE_LEASE_MS: '1000',
      WARREN_PROFILE: profile,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (killAt !== undefined && line.startsWith(`{"step":"${killAt}","role":"tasks.probe"`)) child.kill('SIGKILL');
  });
  const [code] = await once(child, 'exit');
  return code;
}

/** Its lease is over by then: whoever goes on with a migration waits for the end of the one before. */
const leaseEnds = () => sleep(1_100);

async function queuesNow(): Promise<readonly string[]> {
  const management = managementClient(managementAddress(vhost.amqpUrl, vhost.managementUrl));
  const names = (await management.queues(vhost.vhost)).map(({ name }) => name);
  return names.filter((name) => !name.startsWith('delay.')).sort();
}

async function planned(profile: QueueProfile) {
  const { amqpUrl, managementUrl } = vhost;
  return (await planOn({ amqpUrl, managementUrl, types: [probe], delay: 'ladder', profile })).steps;
}

describe('a migration from classic to quorum queues', () => {
  it('loses none of 20,000 tasks and works none twice, under load and killed at every step', async () => {
    await apply('classic');
    const before = await submit(10_000);
    await startWorker('classic');
    const during = submit(10_000);

    for (const step of ['opened', 'rerouted', 'draining', 'closing']) {
      expect([step, await migrate('quorum', step)]).toEqual([step, null]);
      await leaseEnds();
    }
    // Of the roles beside the work there is no consumer here: their queues are empty and nobody has to leave them.
    expect(await migrate('quorum')).toBe(0);

    const ids = [...before, ...(await during)];
    await until(() => runs.size === ids.length);
    expect([...runs.values()].filter((count) => count !== 1)).toEqual([]);
    await until(
      async () => (await ledger.queries.tasks({ states: ['running', 'queued', 'accepted'], limit: 1 })).length === 0,
    );
    expect(await ledger.queries.tasks({ states: ['parked', 'dead-lettered'], limit: 1 })).toEqual([]);
    expect(await queuesNow()).toEqual([
      'dead-letters.g2',
      'submitted.g2',
      'tasks.probe.high',
      'tasks.probe.low',
      'tasks.probe.normal',
      'unroutable.g2',
    ]);
    expect(await planned('quorum')).toEqual([]);
  }, 300_000);
});

describe('a broker that was made anew', () => {
  it('is consumed again once the ledger was told that later generations are gone', async () => {
    await apply('classic');
    await ledger.livingQueues.record('tasks.probe', [{ queue: 'tasks.probe.g7', state: 'receiving' }]);
    expect(await migrate('classic')).toBe(0);
    await startWorker('classic');
    const [id = ''] = await submit(1);
    await until(() => runs.get(id) === 1);
  }, 60_000);
});
