import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  applyTopology,
  type BrokerConnection,
  connectBroker,
  createDispatcher,
  createEventPublisher,
  createPublisher,
  type Delay,
  type Dispatcher,
  delayBy,
  managementAddress,
  managementClient,
  type Publisher,
  readyCounts,
} from '@warren/broker';
import { consumeLetters, createSweeper, defaultRules, type Sweeper, type SweeperSettings } from '@warren/dead-letters';
import { createIntake, type Intake } from '@warren/intake';
import { type Ledger, openLedger, type Task } from '@warren/ledger';
import type { SubmissionOptions, TaskState } from '@warren/tasks';
import { queueNames, topologyFor, workQueue } from '@warren/topology';
import { freshVhost } from '../../integration/support/broker.js';
import { testLog } from '../../integration/support/test-log.js';
import { until } from '../../integration/support/until.js';
import { type ProbeInput, probe } from '../../processes/src/probe.js';

const processes = fileURLToPath(new URL('../../processes/dist/', import.meta.url));

/** Everything that a task of type `probe` needs, on a virtual host and a ledger of its own. */
export interface House {
  readonly amqpUrl: string;
  /** Of the whole broker, with user and password. */
  readonly managementUrl: string;
  readonly ledgerUrl: string;
  readonly ledger: Ledger;
  readonly connection: BrokerConnection;
  readonly publisher: Publisher;
  readonly dispatcher: Dispatcher;
  readonly delay: Delay;
  readonly intake: Intake;
  readonly journal: Journal;
  submit(act: ProbeInput['act'], options?: { name?: string } & SubmissionOptions): Promise<Task>;
  /** A path that does not exist yet; {@link open} makes it, and tasks that wait for it go on. */
  gate(): string;
  open(gate: string): void;
  /** A worker process. Resolves when it consumes. `env` adds to its environment. */
  startWorker(env?: Record<string, string>): Promise<WorkerProcess>;
  /** The DLQ processor in this process; stopped with the house. */
  startProcessor(): Promise<void>;
  sweeper(settings?: Partial<SweeperSettings>, owner?: string): Sweeper;
  untilState(taskId: string, state: TaskState): Promise<Task>;
  /** Every queue of the virtual host that is not empty, ready and unacked together, as the queues themselves count. */
  expectEmptyQueues(): Promise<void>;
  depth(queue: string): Promise<number>;
  close(): Promise<void>;
}

export interface WorkerProcess {
  readonly pid: number;
  readonly process: ChildProcess;
  /** Its log, a line each. */
  readonly log: readonly string[];
  kill(signal: NodeJS.Signals): void;
  /** Resolves with its exit code, or null when a signal ended it. */
  readonly exited: Promise<number | null>;
}

/** What the handlers did, a line each: `<name> <event> <pid>`. */
export interface Journal {
  readonly path: string;
  lines(): readonly string[];
  /** How often `<name> <event>` is in it. */
  count(name: string, event: 'started' | 'finished'): number;
  until(name: string, event: 'started' | 'finished', times?: number): Promise<void>;
}

export interface HouseOptions {
  /** Default: a vhost on the run's broker. */
  readonly broker?: { readonly amqpUrl: string; readonly managementUrl: string };
  /** Default: an SQLite file. */
  readonly ledgerUrl?: string;
}

export async function openHouse(options: HouseOptions = {}): Promise<House> {
  const folder = mkdtempSync(join(tmpdir(), 'warren-chaos-'));
  const vhost = options.broker ? undefined : await freshVhost();
  const amqpUrl = options.broker?.amqpUrl ?? vhost?.amqpUrl ?? '';
  const managementUrl = options.broker?.managementUrl ?? vhost?.managementUrl ?? '';
  const ledgerUrl = options.ledgerUrl ?? `sqlite://${join(folder, 'ledger.db')}`;
  const delay = delayBy('ladder');
  await applyTopology({
    amqpUrl,
    managementUrl,
    topology: topologyFor({ types: [probe], delay: delay.mechanism, profile: 'classic' }),
  });
  const ledger = await openLedger(ledgerUrl);
  const connection = await connectBroker({ urls: amqpUrl, name: 'house', log: testLog });
  const publisher = createPublisher(connection);
  const events = createEventPublisher(connection, { log: testLog });
  const dispatcher = createDispatcher({ ledger, publisher, delay, now: Date.now, newCopy: randomUUID });
  const intake = createIntake({ ledger, dispatcher, types: [probe] });
  const journal = createJournal(join(folder, 'journal'));
  const closers: (() => Promise<void>)[] = [];

  return {
    amqpUrl,
    managementUrl,
    ledgerUrl,
    ledger,
    connection,
    publisher,
    dispatcher,
    delay,
    intake,
    journal,
    async submit(act, { name, ...submission } = {}) {
      const input = { name: name ?? act.kind, journal: journal.path, act };
      const answer = await intake.submit({ type: 'probe', input, options: submission });
      if (answer.kind === 'rejected') throw new Error(`${answer.defect.field}: ${answer.defect.message}`);
      return answer.task;
    },
    gate: () => join(folder, `gate-${randomUUID()}`),
    open: (gate) => writeFileSync(gate, ''),
    async startWorker(env = {}) {
      const worker = await startProcess('probe-worker.js', { AMQP_URL: amqpUrl, LEDGER_URL: ledgerUrl, ...env });
      closers.push(async () => {
        worker.kill('SIGKILL');
        await worker.exited;
      });
      return worker;
    },
    async startProcessor() {
      const letters = consumeLetters({
        ledger,
        connection,
        dispatcher,
        publisher,
        events,
        types: [probe],
        queuesOf: async (role: string) => [role],
        rules: defaultRules,
        prefetch: 20,
        now: Date.now,
        random: Math.random,
        log: testLog,
      });
      await letters.ready;
      closers.push(() => letters.stop());
    },
    sweeper: (settings = {}, owner = randomUUID()) =>
      createSweeper({
        ledger,
        dispatcher,
        publisher,
        events,
        queuesOf: async (role: string) => [role],
        readyCounts: (queues) => readyCounts(amqpUrl, queues),
        types: [probe],
        owner,
        settings: {
          intervalMs: 50,
          owedAfterMs: 0,
          quietMs: 0,
          emptyMs: 0,
          overtakenMarginMs: 0,
          leaseMs: 5_000,
          batch: 200,
          ...settings,
        },
        now: Date.now,
        log: testLog,
      }),
    async untilState(taskId, state) {
      let task: Task | undefined;
      await until(async () => {
        task = await ledger.queries.task(taskId);
        return task?.state === state;
      });
      if (!task) throw new Error(`task ${taskId} is not in the ledger`);
      return task;
    },
    async expectEmptyQueues() {
      const client = managementClient(managementAddress(amqpUrl, managementUrl));
      const name = decodeURIComponent(new URL(amqpUrl).pathname.slice(1));
      // The broker's statistics lag behind by up to an interval: what matters is that they come to rest at zero.
      await until(async () => {
        const queues = await client.queues(name);
        return queues.every((queue) => queue.messages_ready + queue.messages_unacknowledged === 0);
      });
      const counts = await readyCounts(amqpUrl, [workQueue(probe.name), ...Object.values(queueNames)]);
      for (const [queue, count] of counts) if (count > 0) throw new Error(`queue ${queue} holds ${count} messages`);
    },
    async depth(queue) {
      return (await readyCounts(amqpUrl, [queue])).get(queue) ?? 0;
    },
    async close() {
      for (const close of closers.reverse()) await close();
      await publisher.close();
      await connection.close();
      await ledger.close().catch(() => undefined);
      await vhost?.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function createJournal(path: string): Journal {
  const lines = () => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []);
  const count = (name: string, event: string) => lines().filter((line) => line.startsWith(`${name} ${event} `)).length;
  return {
    path,
    lines,
    count,
    until: (name, event, times = 1) => until(() => count(name, event) >= times),
  };
}

/** Starts a compiled process of tests/processes and waits for its line `"msg":"ready"`. */
export async function startProcess(file: string, env: Record<string, string>): Promise<WorkerProcess> {
  const started = spawnProcess(file, env);
  await started.ready;
  return started;
}

/** The same, without the wait: `ready` rejects when the process ends before. */
export function spawnProcess(
  file: string,
  env: Record<string, string>,
): WorkerProcess & { readonly ready: Promise<void> } {
  const child = spawn(process.execPath, [join(processes, file)], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: string[] = [];
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const ready = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        log.push(line);
        if (line.includes('"msg":"ready"')) resolve();
      });
    }
    exited.then((code) => reject(new Error(`${file} ended with ${code} before it was ready:\n${log.join('\n')}`)));
  });
  // Who does not wait for it need not hear of it.
  ready.catch(() => undefined);
  if (child.pid === undefined) throw new Error(`${file} has no pid`);
  return { pid: child.pid, process: child, log, kill: (signal) => child.kill(signal), exited, ready };
}
