import type { TaskPolicy, TaskType } from '@warren/tasks';
import { versionAtLeast } from '../broker-version.js';
import { queueNames } from '../names.js';
import { type QueueName, readQueueName, typeOfRole } from '../queue-name.js';
import { mebibytes } from './check-nodes.js';
import type { BrokerFacts, ConsumerFact, HeldFact, QueueFact } from './facts.js';
import { type CheckResult, type Finding, finding } from './finding.js';
import { queueSettings } from './queue-settings.js';
import { namedThings } from './words.js';

/** A task type, as far as consumers are judged by it. */
export type JudgedType = Pick<TaskType, 'name'> & {
  readonly policy: Pick<TaskPolicy, 'attemptTimeoutMs' | 'maxBodyBytes'>;
};

/** Queues of ours that nobody takes anything from. An empty one that a later generation has taken over from may be so. */
export function checkConsumers({ held }: Pick<BrokerFacts, 'held'>): CheckResult {
  if (!held.known) return { findings: [], notChecked: held.why };
  const read = held.value.queues.flatMap((queue) => {
    const name = readQueueName(queue.name);
    return name === undefined ? [] : [{ queue, name }];
  });
  const isTakenOver = (name: QueueName) =>
    read.some(
      (other) =>
        other.name.role === name.role && other.name.lane === name.lane && other.name.generation > name.generation,
    );
  const uncounted = read.filter(({ queue }) => queue.count === undefined).map(({ queue }) => queue.name);
  return {
    findings: read.flatMap(({ queue, name }) => {
      const { count } = queue;
      if (count === undefined || count.consumers > 0 || (count.ready === 0 && isTakenOver(name))) return [];
      return [withoutConsumers(queue.name, name.role, count.ready)];
    }),
    notChecked: uncounted.length === 0 ? null : `${namedThings('queue', uncounted)} did not say how many it has`,
  };
}

function withoutConsumers(queue: string, role: string, ready: number): Finding {
  const service = serviceOf(role);
  const waiting = ready === 0 ? 'Nothing waits in it yet' : `${ready} messages wait in it`;
  return finding('queue-without-consumers', {
    where: `queue "${queue}"`,
    what: `Nobody consumes it. ${waiting}.`,
    mend: `Start ${service} ("warren up" starts every service of the local stack), or look into its log for why it does not consume.`,
  });
}

function serviceOf(role: string): string {
  const type = typeOfRole(role);
  if (type !== undefined) return `the ${type}-worker`;
  return role === queueNames.submitted ? 'the producer' : 'the dlq-processor';
}

/** What an attempt's delivery needs beside the attempt itself, in milliseconds: its claim before, its outcome after, and the broker's own rounds. */
export const consumerTimeoutMarginMs = 60_000;

/** Whether the broker waits for the ack of a delivery for as long as an attempt may take. */
export function checkConsumerTimeout(
  facts: Pick<BrokerFacts, 'held' | 'consumers' | 'consumerTimeoutMs' | 'version'>,
  types: readonly JudgedType[],
): CheckResult {
  const { held, consumerTimeoutMs: own } = facts;
  if (!held.known) return { findings: [], notChecked: held.why };
  const judged = held.value.queues.flatMap((queue) => {
    const type = typeOf(queue.name, types);
    if (type === undefined || !hasTimeout(queue, facts.version)) return [];
    return [{ queue: queue.name, type, inForce: timeoutInForce(queue, held.value, facts) }];
  });
  const findings = types.flatMap((type) => {
    const short = judged.flatMap(({ queue, type: its, inForce }) =>
      its.name === type.name && inForce !== 'unread' && inForce < neededTimeoutMs(type) ? [{ queue, inForce }] : [],
    );
    return short.length === 0 ? [] : [tooShort(short, type)];
  });
  const isUnread = judged.some(({ inForce }) => inForce === 'unread');
  if (!isUnread || own.known) return { findings, notChecked: null };
  return { findings: [...findings, unread(own.why)], notChecked: 'see consumer-timeout-unread' };
}

/** From 4.3 on quorum queues alone have one. */
function hasTimeout({ type }: QueueFact, version: string): boolean {
  return type === 'quorum' || !versionAtLeast(version, 4, 3);
}

/** The broker tells it with each consumer from 3.12 on; before, it is the one of its configuration. */
function timeoutInForce(
  queue: QueueFact,
  held: HeldFact,
  { consumers, consumerTimeoutMs: own }: Pick<BrokerFacts, 'consumers' | 'consumerTimeoutMs'>,
): number | 'unread' {
  const told = (consumers.known ? consumers.value : [])
    .filter((consumer) => consumer.queue === queue.name)
    .flatMap(({ timeoutMs }) => timeoutMs ?? []);
  if (told.length > 0) return Math.min(...told);
  const set = queueSettings(queue, held).consumerTimeoutMs;
  if (set !== undefined) return set;
  if (!own.known) return 'unread';
  return own.value ?? Number.POSITIVE_INFINITY;
}

function neededTimeoutMs({ policy }: JudgedType): number {
  return policy.attemptTimeoutMs + consumerTimeoutMarginMs;
}

function tooShort(queues: readonly { queue: string; inForce: number }[], type: JudgedType): Finding {
  const shortest = Math.min(...queues.map(({ inForce }) => inForce));
  return finding('consumer-timeout-too-short', {
    where: namedThings(
      'queue',
      queues.map(({ queue }) => queue),
    ),
    what: `The broker waits ${shortest} ms for an ack, and an attempt of type ${type.name} may take ${type.policy.attemptTimeoutMs} ms and needs a minute beside: the worker loses it in the middle of its work, again at each attempt.`,
    mend: `Set "consumer_timeout = ${neededTimeoutMs(type)}" or more in rabbitmq.conf of every node and restart it (a "consumer-timeout" of a policy or a queue goes before it), or give the type a shorter attemptTimeoutMs.`,
  });
}

function unread(why: string): Finding {
  return finding('consumer-timeout-unread', {
    where: 'consumer_timeout',
    what: `How long the broker waits for an ack could not be read (${why}). Unless somebody changed it, it is 30 minutes, which is enough for every task type.`,
    mend: 'On the broker\'s host, "rabbitmqctl environment" shows it among the settings of rabbit: 1800000 is the default.',
  });
}

/** Whether what consumers may hold at once fits the memory of a node. */
export function checkPrefetch(
  { consumers, nodes }: Pick<BrokerFacts, 'consumers' | 'nodes'>,
  types: readonly JudgedType[],
): CheckResult {
  if (!consumers.known) return { findings: [], notChecked: consumers.why };
  const ours = consumers.value.filter(({ queue }) => readQueueName(queue) !== undefined);
  const findings = [...new Set(ours.filter(({ prefetch }) => prefetch === 0).map(({ queue }) => queue))].map(unlimited);
  if (!nodes.known) return { findings, notChecked: nodes.why };
  const limits = nodes.value.flatMap(({ memoryLimitBytes }) => memoryLimitBytes ?? []);
  if (limits.length === 0) return { findings, notChecked: 'no node told its memory limit' };
  const limit = Math.min(...limits);
  const most = mostInHand(ours, types);
  return { findings: most > limit ? [...findings, overMemory(most, limit)] : findings, notChecked: null };
}

/** Bytes that consumers may hold unacked, if each message is as large as its type may be. */
function mostInHand(consumers: readonly ConsumerFact[], types: readonly JudgedType[]): number {
  const largest = Math.max(0, ...types.map(({ policy }) => policy.maxBodyBytes));
  return consumers.reduce(
    (sum, { queue, prefetch }) => sum + prefetch * (typeOf(queue, types)?.policy.maxBodyBytes ?? largest),
    0,
  );
}

function unlimited(queue: string): Finding {
  return finding('prefetch-unlimited', {
    where: `queue "${queue}"`,
    what: 'A consumer of it has no prefetch: the broker sends it the whole queue at once.',
    mend: "Look up whose consumer it is in the management UI; no service of Warren's consumes so.",
  });
}

function overMemory(bytes: number, limit: number): Finding {
  return finding('prefetch-over-memory', {
    where: 'consumers',
    what: `If every message is as large as its type may be, consumers hold up to ${mebibytes(bytes)}, and a node raises its memory alarm at ${mebibytes(limit)}.`,
    mend: "Lower WARREN_CONCURRENCY or the number of workers, or the types' maxBodyBytes, or give the nodes more memory.",
  });
}

function typeOf(queue: string, types: readonly JudgedType[]): JudgedType | undefined {
  const role = readQueueName(queue)?.role;
  const name = role === undefined ? undefined : typeOfRole(role);
  return types.find((type) => type.name === name);
}
