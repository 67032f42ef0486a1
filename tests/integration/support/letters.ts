import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  applyTopology,
  type BrokerConnection,
  type Consumer,
  connectBroker,
  consume,
  copyInQueue,
  createDispatcher,
  createEventPublisher,
  createPublisher,
  type Delivery,
  type Dispatcher,
  delayBy,
  type EventPublisher,
  type Publisher,
  readyCounts,
} from '@warren/broker';
import {
  consumeLetters,
  createOperations,
  createSweeper,
  defaultRules,
  defaultSweeperSettings,
  type LetterConsumers,
  type LetterConsumersParts,
  type Operations,
  type Sweeper,
  type SweeperParts,
} from '@warren/dead-letters';
import { createIntake, type Submission } from '@warren/intake';
import { type Ledger, type Letter, openLedger, type Task } from '@warren/ledger';
import { defineTaskType, type Failure, headers, type TaskType } from '@warren/tasks';
import { type DelayMechanism, type Topology, topologyFor, workQueue } from '@warren/topology';
import { connect, type Options } from 'amqplib';
import { z } from 'zod';
import { freshVhost } from './broker.js';
import { testLog } from './test-log.js';
import { until } from './until.js';

/** A type whose attempts follow each other quickly. */
export const probe = defineTaskType({
  name: 'probe',
  summary: 'stands for any work',
  input: z.unknown(),
  result: z.unknown(),
  policy: { maxAttempts: 3, backoff: { baseMs: 40, factor: 2, maxMs: 100 }, leaseMs: 5_000 },
});

/** A type that everybody knows, but no queue is bound for. */
export const homeless = defineTaskType({
  name: 'homeless',
  summary: 'has no queue',
  input: z.unknown(),
  result: z.unknown(),
});

const types: readonly TaskType[] = [probe, homeless];
const ladder = { unitMs: 10, levels: 12 };
const startWithinMs = 30_000;

/** Broker, ledger and what stands between them, as a processor and a worker have them. */
export interface LettersGround {
  readonly amqpUrl: string;
  readonly ledgerUrl: string;
  readonly topology: Topology;
  readonly connection: BrokerConnection;
  readonly ledger: Ledger;
  readonly publisher: Publisher;
  readonly dispatcher: Dispatcher;
  /** One that notes its confirms by another clock. */
  dispatcherBy(now: () => number): Dispatcher;
  readonly operations: Operations;
  /** Takes a task in; rejects unless it is accepted. */
  submit(options?: Submission['options'], type?: TaskType): Promise<Task>;
  /** Records a task and publishes nothing, like an intake that dies in between. */
  recordOnly(): Promise<Task>;
  /** The next message of queue `tasks.probe`. The consumer starts with the first call, unless it has been started. */
  nextMessage(): Promise<Delivery>;
  /** Starts that consumer, and resolves when it consumes: what is published from now on waits in no queue. */
  startWorker(): Promise<void>;
  /** What a worker does whose handler fails: claims, records the failure, publishes the dead letter, acks. */
  failNext(failure: Failure): Promise<Task>;
  /** Gives up the channel of `nextMessage`: what is not acked returns to the queue. */
  dropWorker(): Promise<void>;
  startProcessor(parts?: Partial<LetterConsumersParts>): Promise<LetterConsumers>;
  sweeper(parts?: Partial<SweeperParts>): Sweeper;
  task(id: string): Promise<Task>;
  letter(idOrTaskId: string): Promise<Letter>;
  untilLetter(taskId: string, state: Letter['state']): Promise<Letter>;
  /** Letters about messages that are no task. */
  rawLetters(): Promise<readonly Letter[]>;
  /** Until the processor has acked everything: nothing ready, nothing undecided. */
  untilNoLetters(): Promise<void>;
  /** Past Warren's own publisher, which refuses what a stranger may send. */
  publishByHand(exchange: string, key: string, body: Buffer, options?: Options.Publish): Promise<void>;
  /** Messages ready, by queue: `dead-letters`, `unroutable` and `tasks.probe`. */
  depths(): Promise<Record<string, number>>;
  dispose(): Promise<void>;
}

export interface LettersGroundOptions {
  /** Of queue `tasks.probe`. Default: that of every type. */
  readonly queueTtlMs?: number;
  /** Default: the ladder, which every broker has. */
  readonly mechanism?: DelayMechanism;
}

export async function lettersGround(options: LettersGroundOptions = {}): Promise<LettersGround> {
  const { mechanism = 'ladder', queueTtlMs = probe.policy.queueTtlMs } = options;
  const { amqpUrl, managementUrl, dispose: disposeVhost } = await freshVhost();
  const topology = topologyFor({
    types: [{ ...probe, policy: { ...probe.policy, queueTtlMs } }],
    delay: mechanism,
    profile: 'classic',
    ladder,
  });
  await applyTopology({ amqpUrl, managementUrl, topology });
  const folder = mkdtempSync(join(tmpdir(), 'warren-letters-'));
  const ledgerUrl = join(folder, 'ledger.db');
  const ledger = await openLedger(ledgerUrl);
  const connection = await connectBroker({ urls: amqpUrl, name: 'test', log: testLog });
  const publisher = createPublisher(connection);
  const events: EventPublisher = createEventPublisher(connection, { log: testLog });
  const now = Date.now;
  const delay = delayBy(mechanism, ladder);
  const dispatcherBy = (clock: () => number) =>
    createDispatcher({ ledger, publisher, delay, now: clock, newCopy: randomUUID });
  const dispatcher = dispatcherBy(now);
  const intake = createIntake({ ledger, dispatcher, types });
  const worker = workerOn(connection);
  const running: LetterConsumers[] = [];

  return {
    amqpUrl,
    ledgerUrl,
    topology,
    connection,
    ledger,
    publisher,
    dispatcher,
    dispatcherBy,
    operations: createOperations({ ledger, dispatcher, publisher, now, by: 'ann', types }),
    submit: (options, type = probe) => submitWith(intake, options, type),
    recordOnly: () => submitWith(createIntake({ ledger, dispatcher: { dispatch: async () => {} }, types }), {}, probe),
    nextMessage: worker.next,
    startWorker: worker.start,
    dropWorker: worker.drop,
    failNext: async (failure) => failOn(await worker.next(), failure, { ledger, dispatcher }),
    async startProcessor(parts = {}) {
      const consumers = consumeLetters({
        connection,
        ledger,
        dispatcher,
        publisher,
        events,
        types,
        queuesOf: async (role: string) => [role],
        rules: defaultRules,
        now,
        random: () => 0.5,
        prefetch: 10,
        log: testLog,
        ...parts,
      });
      running.push(consumers);
      await consumers.ready;
      return consumers;
    },
    sweeper: (parts = {}) =>
      createSweeper({
        ledger,
        dispatcher,
        publisher,
        events,
        queuesOf: async (role: string) => [role],
        readyCounts: (queues) => readyCounts(amqpUrl, queues),
        types,
        owner: 'sweeper-1',
        settings: defaultSweeperSettings,
        now,
        log: testLog,
        ...parts,
      }),
    ...sightOf(ledger, amqpUrl),
    publishByHand: (...message) => publishByHand(amqpUrl, ...message),
    async dispose() {
      await Promise.all(running.map((consumers) => consumers.stop()));
      await worker.drop();
      await events.close();
      await publisher.close();
      await connection.close();
      await ledger.close();
      await disposeVhost();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type Sight = Pick<LettersGround, 'task' | 'letter' | 'untilLetter' | 'rawLetters' | 'untilNoLetters' | 'depths'>;

function sightOf(ledger: Ledger, amqpUrl: string): Sight {
  const depths = async () =>
    Object.fromEntries(await readyCounts(amqpUrl, ['dead-letters', 'unroutable', workQueue(probe.name)]));
  const letter = async (idOrTaskId: string) => {
    const found = await ledger.letters.find(idOrTaskId);
    if (!found) throw new Error(`no letter ${idOrTaskId}`);
    return found;
  };

  return {
    task: async (id) => {
      const task = await ledger.queries.task(id);
      if (!task) throw new Error(`no task ${id}`);
      return task;
    },
    letter,
    async untilLetter(taskId, state) {
      await until(async () => (await ledger.letters.find(taskId))?.state === state);
      return await letter(taskId);
    },
    rawLetters: async () => (await ledger.letters.list({ limit: 100 })).filter(({ taskId }) => taskId === null),
    untilNoLetters: () =>
      until(async () => {
        const { 'dead-letters': dead, unroutable } = await depths();
        return dead === 0 && unroutable === 0;
      }),
    depths,
  };
}

async function submitWith(
  intake: ReturnType<typeof createIntake>,
  options: Submission['options'] = {},
  type: TaskType,
): Promise<Task> {
  const answer = await intake.submit({ type: type.name, input: { text: 'hello' }, options });
  if (answer.kind !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(answer)}`);
  return answer.task;
}

function workerOn(connection: BrokerConnection) {
  const arrived: Delivery[] = [];
  const waiting: ((delivery: Delivery) => void)[] = [];
  let consumer: Consumer | undefined;
  return {
    start: () => started().untilConsuming(startWithinMs),
    next: () =>
      new Promise<Delivery>((resolve) => {
        started();
        const first = arrived.shift();
        if (first) resolve(first);
        else waiting.push(resolve);
      }),
    drop: async () => {
      await consumer?.cancel();
      consumer = undefined;
      arrived.length = 0;
    },
  };

  function started(): Consumer {
    consumer ??= consume(connection, {
      queue: workQueue(probe.name),
      prefetch: 10,
      log: testLog,
      onDelivery: (delivery) => {
        const waiter = waiting.shift();
        if (waiter) waiter(delivery);
        else arrived.push(delivery);
      },
    });
    return consumer;
  }
}

async function publishByHand(
  amqpUrl: string,
  ...[exchange, key, body, options]: Parameters<LettersGround['publishByHand']>
): Promise<void> {
  const connection = await connect(amqpUrl);
  const channel = await connection.createConfirmChannel();
  channel.publish(exchange, key, body, options);
  await channel.waitForConfirms();
  await connection.close();
}

/** What a claim needs to know of a message. */
export function ticketOf(delivery: Delivery): { id: string; dispatch: number; copy: string } {
  const given = delivery.properties.headers ?? {};
  return {
    id: String(delivery.properties.messageId),
    dispatch: Number(given[headers.dispatch]),
    copy: copyInQueue(String(given[headers.copy]), delivery.queue),
  };
}

export async function claim(ledger: Ledger, delivery: Delivery, now = Date.now(), leaseMs = 5_000): Promise<Task> {
  const { id, dispatch, copy } = ticketOf(delivery);
  const { redelivered } = delivery;
  const answer = await ledger.claim(id, {
    dispatch,
    copy,
    redelivered,
    owner: 'w',
    now,
    leaseMs,
    maxCrashes: 3,
    alone: true,
  });
  if (answer.kind !== 'run') throw new Error(`not claimed: ${answer.kind}`);
  return answer.task;
}

async function failOn(
  delivery: Delivery,
  failure: Failure,
  { dispatcher, ledger }: Pick<LettersGround, 'dispatcher' | 'ledger'>,
): Promise<Task> {
  const claimed = await claim(ledger, delivery);
  const answer = await ledger.fail(claimed.id, { token: claimed.token, now: Date.now(), failure });
  if (answer.kind !== 'done') throw new Error('the failure was refused');
  await dispatcher.dispatch(answer.task, (await ledger.queries.payload(claimed.id)) ?? '');
  delivery.ack();
  return answer.task;
}
