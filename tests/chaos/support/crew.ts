import { randomUUID } from 'node:crypto';
import {
  type BrokerConnection,
  connectBroker,
  createDispatcher,
  createEventPublisher,
  createPublisher,
} from '@warren/broker';
import { consumeLetters, createOperations, defaultRules, type Operations } from '@warren/dead-letters';
import { createIntake } from '@warren/intake';
import type { Task } from '@warren/ledger';
import { runWorker } from '@warren/worker';
import { type Logger, pino } from 'pino';
import { until } from '../../integration/support/until.js';
import { handleProbe, type ProbeInput, probe } from '../../processes/src/probe.js';
import { type House, spawnProcess, type WorkerProcess } from './house.js';

/** Somebody at work in a house: a worker, a processor, in this process or in one of its own. */
export interface Member {
  /** How many lines of its log hold this text. */
  logged(text: string): number;
  untilLogged(text: string, times?: number): Promise<void>;
  /** Resolves when it works. */
  readonly ready: Promise<void>;
  /** In good order: what it has in hand is settled. */
  stop(): Promise<void>;
}

export interface ProcessMember extends Member {
  readonly pid: number;
  readonly exited: Promise<number | null>;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>;
}

export interface Submitter extends Member {
  /** Resolves with the task, and whether its publish was confirmed. Throws when it is not taken for a new one. */
  submit(act: ProbeInput['act'], name: string): Promise<{ task: Task; published: boolean }>;
  readonly operations: Operations;
  readonly connection: BrokerConnection;
}

export interface MemberOptions {
  /** Default: the house's own. */
  readonly amqpUrl?: string;
  /** Of a worker: tasks at the same time. Default 1, so that a queue's messages are settled in their order. */
  readonly concurrency?: number;
  /** Of a worker: default as the policy of type `probe`. */
  readonly leaseMs?: number;
  /** Of a processor or a submitter: how long a publish may take, in milliseconds. Default: the publisher's own. */
  readonly publishTimeoutMs?: number;
}

/** Who works in a house during one test. Everybody logs from `debug` on. */
export interface Crew {
  worker(options?: MemberOptions): Promise<Member>;
  processor(options?: MemberOptions): Promise<Member>;
  submitter(options?: MemberOptions): Promise<Submitter>;
  /** A process of tests/processes. Not waited for. */
  spawn(file: string, env?: Record<string, string>): ProcessMember;
  /** Everybody stops in good order, the newest first; a process that lives ends with exit code 0. */
  dismiss(): Promise<void>;
}

export function createCrew(house: House): Crew {
  const members: Member[] = [];
  const join = <M extends Member>(member: M): M => {
    members.push(member);
    return member;
  };
  return {
    worker: async (options = {}) => join(await startWorkerHere(house, options)),
    processor: async (options = {}) => join(await startProcessorHere(house, options)),
    submitter: async (options = {}) => join(await startSubmitterHere(house, options)),
    spawn: (file, env = {}) => join(asMember(file, spawnProcess(file, environmentOf(house, env)))),
    async dismiss() {
      const errors: unknown[] = [];
      for (let member = members.pop(); member; member = members.pop()) {
        await member.stop().catch((error: unknown) => errors.push(error));
      }
      if (errors.length > 0) throw errors[0];
    },
  };
}

async function startWorkerHere(house: House, options: MemberOptions): Promise<Member> {
  const { log, ...lines } = linesOfLog();
  const worker = await runWorker({
    type: { ...probe, policy: { ...probe.policy, leaseMs: options.leaseMs ?? probe.policy.leaseMs } },
    handler: handleProbe,
    config: {
      amqpUrl: options.amqpUrl ?? house.amqpUrl,
      ledgerUrl: house.ledgerUrl,
      delay: 'ladder',
      profile: 'classic',
      priorities: 'lanes',
      concurrency: options.concurrency ?? 1,
      name: 'worker-here',
      drainMs: 10_000,
      logLevel: 'debug',
    },
    log,
  });
  return { ...lines, ready: Promise.resolve(), stop: () => worker.stop() };
}

async function startProcessorHere(house: House, options: MemberOptions): Promise<Member> {
  const { log, ...lines } = linesOfLog();
  const { connection, publisher, dispatcher, close } = await openGround(house, 'processor-here', options, log);
  const events = createEventPublisher(connection, { log });
  const letters = consumeLetters({
    ledger: house.ledger,
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
    log,
  });
  return {
    ...lines,
    ready: letters.ready,
    async stop() {
      await letters.stop();
      await events.close();
      await close();
    },
  };
}

async function startSubmitterHere(house: House, options: MemberOptions): Promise<Submitter> {
  const { log, ...lines } = linesOfLog();
  const { ledger } = house;
  const { connection, publisher, dispatcher, close } = await openGround(house, 'submitter-here', options, log);
  const intake = createIntake({ ledger, dispatcher, types: [probe] });
  return {
    ...lines,
    ready: Promise.resolve(),
    stop: close,
    connection,
    operations: createOperations({ ledger, dispatcher, publisher, now: Date.now, by: 'ann' }),
    async submit(act, name) {
      const input = { name, journal: house.journal.path, act };
      const answer = await intake.submit({ type: probe.name, input });
      if (answer.kind !== 'accepted') throw new Error(`the submission was ${answer.kind}`);
      return answer;
    },
  };
}

async function openGround({ amqpUrl, delay, ledger }: House, name: string, options: MemberOptions, log: Logger) {
  const connection = await connectBroker({ urls: options.amqpUrl ?? amqpUrl, name, log });
  const { publishTimeoutMs: timeoutMs } = options;
  const publisher = createPublisher(connection, timeoutMs === undefined ? {} : { timeoutMs });
  const dispatcher = createDispatcher({ ledger, publisher, delay, now: Date.now, newCopy: randomUUID });
  return {
    connection,
    publisher,
    dispatcher,
    async close() {
      await publisher.close();
      await connection.close();
    },
  };
}

function environmentOf(house: House, env: Record<string, string>): Record<string, string> {
  return {
    AMQP_URL: house.amqpUrl,
    LEDGER_URL: house.ledgerUrl,
    WARREN_DELAY: 'ladder',
    WARREN_LOG_LEVEL: 'debug',
    ...env,
  };
}

function asMember(file: string, started: WorkerProcess & { readonly ready: Promise<void> }): ProcessMember {
  let ended = false;
  void started.exited.then(() => {
    ended = true;
  });
  const logged = (text: string) => countOf(started.log, text);
  return {
    pid: started.pid,
    exited: started.exited,
    ready: started.ready,
    logged,
    untilLogged: (text, times = 1) => until(() => logged(text) >= times),
    async kill() {
      started.kill('SIGKILL');
      await started.exited;
    },
    async stop() {
      if (ended) return;
      started.kill('SIGTERM');
      const code = await started.exited;
      if (code !== 0) throw new Error(`${file} ended with ${code}:\n${started.log.join('\n')}`);
    },
  };
}

function linesOfLog(): Pick<Member, 'logged' | 'untilLogged'> & { log: Logger } {
  const lines: string[] = [];
  const logged = (text: string) => countOf(lines, text);
  return {
    log: pino({ level: 'debug' }, { write: (line: string) => lines.push(line) }),
    logged,
    untilLogged: (text, times = 1) => until(() => logged(text) >= times),
  };
}

function countOf(lines: readonly string[], text: string): number {
  return lines.filter((line) => line.includes(text)).length;
}
