import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { applyTopology, connectBroker, createDispatcher, createPublisher, delayBy, readyCount } from '@warren/broker';
import { dlqProcessorConfigFrom, startDlqProcessor } from '@warren/dlq-processor';
import { createIntake } from '@warren/intake';
import { type Ledger, openLedger, type Task } from '@warren/ledger';
import { headers, taskTypes } from '@warren/tasks';
import { exchangeNames, queueNames, topologyFor, workQueue } from '@warren/topology';
import { connect } from 'amqplib';
import { pino } from 'pino';
import { clearMemoryAlarm, raiseMemoryAlarm } from './support/alarm.js';
import { type FreshVhost, freshVhost, startOwnBroker } from './support/broker.js';
import { projectRoot } from './support/services.js';
import { until } from './support/until.js';

let broker: FreshVhost;
let folder: string;
let ledger: Ledger;
const log = pino({ level: 'silent' });

beforeEach(async () => {
  broker = await freshVhost();
  folder = mkdtempSync(join(tmpdir(), 'warren-dlq-'));
  ledger = await openLedger(join(folder, 'ledger.db'));
}, 60_000);

afterEach(async () => {
  await ledger.close();
  await broker.dispose();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

function config(env: Record<string, string> = {}) {
  return dlqProcessorConfigFrom({
    AMQP_URL: broker.amqpUrl,
    LEDGER_URL: join(folder, 'ledger.db'),
    WARREN_DELAY: 'ladder',
    WARREN_SWEEP_INTERVAL_MS: '50',
    WARREN_SWEEP_LEASE_MS: '5000',
    ...env,
  });
}

describe('the dlq-processor', () => {
  it('decides letters and sweeps until it is stopped, and then lets go of everything', async () => {
    const { amqpUrl, managementUrl } = broker;
    const ladder = { unitMs: 100, levels: 1 };
    await applyTopology({
      amqpUrl,
      managementUrl,
      topology: topologyFor({ types: taskTypes, delay: 'ladder', profile: 'classic', ladder }),
    });
    const service = await startDlqProcessor({ config: config(), log });
    const connection = await connectBroker({ urls: amqpUrl, name: 'test', log });
    const publisher = createPublisher(connection);
    const nonsense = (text: string) =>
      publisher.publish({
        exchange: exchangeNames.dead,
        routingKey: 'summarize.normal',
        body: Buffer.from(text),
        properties: { messageId: randomUUID() },
      });
    await nonsense('one');
    await until(async () => (await ledger.letters.count()).parked === 1);
    const sweeps = () => ledger.leases.acquire('sweeper', 'test', Date.now(), 1);
    await until(async () => !(await sweeps()));

    await service.stop();
    expect(await sweeps()).toBe(true);
    await nonsense('two');
    expect(await readyCount(amqpUrl, queueNames.deadLetters)).toBe(1);
    expect(await ledger.letters.count()).toEqual({ parked: 1 });
    await publisher.close();
    await connection.close();
  }, 60_000);

  it('does not start where the topology was never applied, and says so', async () => {
    const starting = startDlqProcessor({ config: config(), log, readyWithinMs: 200 });
    await expect(starting).rejects.toThrow(/queue ".*" could not be consumed within 200 ms .*warren topology apply/);
  }, 60_000);

  it('does not start without its broker, and names the address', async () => {
    const unreachable = config({ AMQP_URL: 'amqp://127.0.0.1:1/warren' });
    await expect(startDlqProcessor({ config: unreachable, log })).rejects.toThrow(/127\.0\.0\.1:1/);
  }, 60_000);
});

describe('SIGTERM during a memory alarm of the broker', () => {
  it('ends it in time: its letters are acked, and what they owe is published after', async () => {
    const alarmed = await startOwnBroker();
    const { amqpUrl, managementUrl } = alarmed;
    const topology = topologyFor({ types: taskTypes, delay: 'ladder', profile: 'classic' });
    await applyTopology({ amqpUrl, managementUrl, topology });
    const failed = await failThree(amqpUrl);
    const hand = await connect(amqpUrl);
    const started: ServiceProcess[] = [];
    try {
      await raiseMemoryAlarm(alarmed);
      // Longer than a publish takes before it fails, so that what is in hand comes to its end.
      const blocked = startProcess({ AMQP_URL: amqpUrl, WARREN_DRAIN_MS: '15000' });
      started.push(blocked);
      await blocked.says('RabbitMQ blocks publishers');
      for (const { id } of failed) await until(async () => (await stateOf(id)) === 'retry-scheduled');
      blocked.signal('SIGTERM');
      expect(await blocked.exited).toBe(0);
      // The alarm goes on, and still the broker has heard of every ack and of the end of the consumers.
      const channel = await hand.createChannel();
      expect(await channel.checkQueue(queueNames.deadLetters)).toMatchObject({ messageCount: 0, consumerCount: 0 });
      expect(await ledger.sweeps.owedCount()).toBeGreaterThan(0);

      await clearMemoryAlarm(alarmed);
      const next = startProcess({ AMQP_URL: amqpUrl, WARREN_SWEEP_OWED_AFTER_MS: '0' });
      started.push(next);
      // A publish whose confirm did not come may have happened all the same: then there is a copy, which its dispatch absorbs.
      const arrived = new Set<string>();
      await until(async () => {
        const message = await channel.get(workQueue('summarize'), { noAck: true });
        if (message) arrived.add(`${message.properties.messageId} ${message.properties.headers?.[headers.dispatch]}`);
        return arrived.size >= failed.length;
      });
      expect([...arrived].sort()).toEqual(failed.map(({ id }) => `${id} 3`).sort());
      next.signal('SIGTERM');
      expect(await next.exited).toBe(0);
      expect(await ledger.sweeps.owedCount()).toBe(0);
    } finally {
      for (const { signal } of started) signal('SIGKILL');
      await hand.close();
      await clearMemoryAlarm(alarmed);
      await alarmed.discard();
    }
  }, 120_000);
});

async function stateOf(taskId: string): Promise<string | undefined> {
  return (await ledger.queries.task(taskId))?.state;
}

/** Tasks whose first attempt failed as it may; their letters are in the queue, and nothing else is. */
async function failThree(amqpUrl: string): Promise<readonly Task[]> {
  const connection = await connectBroker({ urls: amqpUrl, name: 'test', log });
  const publisher = createPublisher(connection);
  const delay = delayBy('ladder');
  const dispatcher = createDispatcher({ ledger, publisher, delay, now: Date.now, newCopy: randomUUID });
  const intake = createIntake({ ledger, dispatcher: { dispatch: async () => {} } });
  const failed: Task[] = [];
  for (let count = 0; count < 3; count++) {
    const answer = await intake.submit({ type: 'summarize', input: { text: `text ${count}` } });
    if (answer.kind !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(answer)}`);
    const { id } = answer.task;
    const run = { dispatch: 1, copy: 'c', redelivered: false, owner: 'w', leaseMs: 60_000, maxCrashes: 3, alone: true };
    await ledger.claim(id, { ...run, now: Date.now() });
    const failure = { code: 'network', message: 'connection reset' } as const;
    const answered = await ledger.fail(id, { token: 1, now: Date.now(), failure });
    if (answered.kind !== 'done') throw new Error('the failure was refused');
    await dispatcher.dispatch(answered.task, '{}');
    failed.push(answered.task);
  }
  await publisher.close();
  await connection.close();
  return failed;
}

interface ServiceProcess {
  /** Resolves when its log says so, rejects when it ends before. */
  says(text: string): Promise<void>;
  signal(name: NodeJS.Signals): void;
  readonly exited: Promise<number | null>;
}

/** The service as it ships, on the test's ledger. */
function startProcess(env: Record<string, string>): ServiceProcess {
  const main = join(projectRoot, 'services', 'dlq-processor', 'dist', 'main.js');
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH ?? '', LEDGER_URL: join(folder, 'ledger.db'), WARREN_DELAY: 'ladder', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  return {
    exited,
    signal: (name) => child.kill(name),
    says: (text) =>
      until(() => {
        if (child.exitCode !== null) throw new Error(`it ended without saying "${text}":\n${lines.join('\n')}`);
        return lines.some((line) => line.includes(text));
      }),
  };
}
