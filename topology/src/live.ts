import type { ArgumentDifference } from './differences.js';
import { generationsOn } from './generations.js';
import {
  exchangeDifferences,
  type Held,
  type HeldExchange,
  type HeldQueue,
  isOurBinding,
  isOurExchange,
  isOurQueue,
  policyDifferences,
  queueDifferences,
  roleOfPolicy,
} from './held.js';
import { ladderOf } from './ladder.js';
import type { Arguments, Binding, Exchange, Policy, Queue, Topology } from './model.js';
import { overriddenPolicies } from './policies-in-force.js';
import { queueNameOf, readQueueName } from './queue-name.js';

/**
 * How a thing of the topology stands on a broker.
 * - `planned`: no broker was looked at.
 * - `there`: as it is planned.
 * - `different`: under its name, but declared with something else.
 * - `missing`: planned, and not there.
 * - `leftover`: there and named as Warren names things, but not planned.
 */
export type Standing = 'planned' | 'there' | 'different' | 'missing' | 'leftover';

/** By the broker's statistics, which lag behind by some seconds. */
export interface Depth {
  readonly ready: number;
  readonly unacked: number;
  readonly consumers: number;
}

export interface LivePart<Part> {
  /** With the settings that the broker has; where it is missing, with the planned ones. */
  readonly part: Part;
  readonly standing: Standing;
  /** What is planned otherwise, a line each. */
  readonly otherwise: readonly string[];
}

/** What a broker has of a topology, what it lacks, and what it has left from another one. */
export interface Live {
  readonly exchanges: readonly (LivePart<Omit<Exchange, 'type'> & { readonly type: string }> & {
    /** Messages that wait in it, where it is a delay. */
    readonly waiting: number | undefined;
  })[];
  readonly queues: readonly (LivePart<Queue> & {
    readonly depth: Depth | undefined;
    /** In force; where the queue is missing, the planned ones. */
    readonly policies: readonly Pick<Policy, 'definition'>[];
  })[];
  readonly bindings: readonly LivePart<Binding>[];
  /** What is otherwise than planned, a line each; a ladder that is missing or left over as a whole is one line. */
  readonly findings: readonly string[];
}

/** Somebody else's things are passed over: they are neither planned nor leftovers. */
export function liveOn(planned: Topology, held: Held, depths: ReadonlyMap<string, Depth>): Live {
  const exchanges = liveExchanges(planned, held);
  const queues = liveQueues(planned, held, depths);
  const bindings = liveBindings(planned, held);
  const findings = [
    ...findingsOf('exchange', exchanges.map(subjectOf)),
    ...findingsOf('queue', queues.map(subjectOf)),
    ...findingsOf('binding', ownBindings({ exchanges, queues, bindings })),
    ...policyFindings(planned, held),
  ];
  return { exchanges, queues, bindings, findings };
}

/**
 * The generations to hold a broker to, for `topologyFor`: what is to be replaced stands as the newest of its kind, which is
 * not as planned, and its successor is not missing before it is made.
 * @param first the topology with every queue in its first generation.
 */
export function standingGenerations(held: Pick<Held, 'queues'>, first: Topology): ReadonlyMap<string, number> {
  const names = new Set(held.queues.map(({ name }) => name));
  return new Map(
    [...generationsOn(held, first)].map(([name, generation]) => {
      const read = readQueueName(name);
      const stands = read !== undefined && names.has(queueNameOf({ ...read, generation }));
      return [name, stands ? generation : Math.max(1, generation - 1)];
    }),
  );
}

/** A ladder's, from its parts': it stands as they do, and where they differ among themselves it is not as planned. */
export function collapsedStanding(standings: readonly Standing[]): Standing {
  const [first = 'planned', ...others] = new Set(standings);
  return others.length === 0 ? first : 'different';
}

export function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0);
}

function liveExchanges(planned: Topology, held: Held): Live['exchanges'] {
  const wanted = planned.exchanges.map((exchange) => {
    const found = held.exchanges.find(({ name }) => name === exchange.name);
    const waiting = found === undefined || found.type !== 'x-delayed-message' ? undefined : found.messages;
    if (found === undefined) return { part: exchange, standing: 'missing' as const, otherwise: [], waiting };
    const part = { ...exchange, type: found.type, arguments: shown(found.arguments) };
    return { part, ...compared(exchangeDifferences(exchange, found)), waiting };
  });
  const names = new Set(planned.exchanges.map(({ name }) => name));
  const left = held.exchanges.filter(({ name }) => isOurExchange(name) && !names.has(name));
  return [...wanted, ...left.map(leftoverExchange)];
}

function leftoverExchange(held: HeldExchange): Live['exchanges'][number] {
  const { name, type } = held;
  const part = { name, type, arguments: shown(held.arguments), purpose: leftoverPurpose, ...ladderPart(name) };
  const waiting = type === 'x-delayed-message' ? held.messages : undefined;
  return { part, standing: 'leftover', otherwise: [], waiting };
}

const leftoverPurpose = 'Not planned any more: a leftover of another topology.';

function ladderPart(name: string): { ladder?: string } {
  const ladder = ladderOf(name);
  return ladder === undefined ? {} : { ladder };
}

function liveQueues(planned: Topology, held: Held, depths: ReadonlyMap<string, Depth>): Live['queues'] {
  const inForce = ({ policy }: HeldQueue) =>
    held.policies.filter(({ name }) => name === policy).map(({ definition }) => ({ definition: shown(definition) }));
  const wanted = planned.queues.map((queue) => {
    const found = held.queues.find(({ name }) => name === queue.name);
    const depth = depths.get(queue.name);
    if (found === undefined) {
      const policies = planned.policies.filter(({ pattern }) => new RegExp(pattern).test(queue.name));
      return { part: queue, standing: 'missing' as const, otherwise: [], depth: undefined, policies };
    }
    const part = { ...queue, arguments: shown(found.arguments) };
    return { part, ...compared(queueDifferences(queue, found)), depth, policies: inForce(found) };
  });
  const names = new Set(planned.queues.map(({ name }) => name));
  const left = held.queues.filter(({ name }) => isOurQueue(name) && !names.has(name));
  return [
    ...wanted,
    ...left.map((found) => ({
      part: {
        name: found.name,
        arguments: shown(found.arguments),
        purpose: leftoverPurpose,
        ...ladderPart(found.name),
      },
      standing: 'leftover' as const,
      otherwise: [],
      depth: depths.get(found.name),
      policies: inForce(found),
    })),
  ];
}

function liveBindings({ bindings: planned }: Topology, held: Held): Live['bindings'] {
  const ours = held.bindings.filter(isOurBinding);
  const [wanted, found] = [new Set(planned.map(keyOf)), new Set(ours.map(keyOf))];
  return [
    ...planned.map((part): LivePart<Binding> => {
      return { part, standing: found.has(keyOf(part)) ? 'there' : 'missing', otherwise: [] };
    }),
    ...ours
      .filter((binding) => !wanted.has(keyOf(binding)))
      .map((part): LivePart<Binding> => ({ part, standing: 'leftover', otherwise: [] })),
  ];
}

function keyOf({ source, destination, destinationKind, routingKey }: Binding): string {
  return JSON.stringify([source, destinationKind, destination, routingKey]);
}

function compared(differing: readonly ArgumentDifference[]): Pick<LivePart<unknown>, 'standing' | 'otherwise'> {
  return { standing: differing.length === 0 ? 'there' : 'different', otherwise: differing.map(otherwiseText) };
}

function otherwiseText({ argument, wanted }: ArgumentDifference): string {
  return wanted === null ? `planned without ${argument}` : `planned: ${argument}=${wanted}`;
}

/** As text where it is neither text nor a number: somebody else may have declared it. */
function shown(given: Readonly<Record<string, unknown>>): Arguments {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      typeof value === 'string' || typeof value === 'number' ? value : JSON.stringify(value),
    ]),
  );
}

/** What a finding is about. */
interface Subject {
  readonly text: string;
  readonly ladder: string | undefined;
  readonly standing: Standing;
  readonly otherwise: readonly string[];
}

function subjectOf({
  part,
  standing,
  otherwise,
}: LivePart<{ readonly name: string; readonly ladder?: string }>): Subject {
  return { text: part.name, ladder: part.ladder, standing, otherwise };
}

function bindingSubject({ part, standing, otherwise }: LivePart<Binding>): Subject {
  const { source, routingKey, destinationKind, destination } = part;
  const key = routingKey === '' ? '' : ` (${routingKey})`;
  return {
    text: `${source}${key} to ${destinationKind} ${destination}`,
    ladder: ladderOf(source),
    standing,
    otherwise,
  };
}

/** A binding comes and goes with what it joins: only those of things that are there and planned are told of. */
function ownBindings({ bindings, exchanges, queues }: Pick<Live, 'exchanges' | 'queues' | 'bindings'>): Subject[] {
  const told = [...exchanges, ...queues].filter(({ standing }) => standing === 'missing' || standing === 'leftover');
  const names = new Set(told.map(({ part }) => part.name));
  return bindings.filter(({ part }) => !names.has(part.source) && !names.has(part.destination)).map(bindingSubject);
}

const toldOf = [
  { standing: 'missing', lead: 'missing' },
  { standing: 'different', lead: 'not as planned' },
  { standing: 'leftover', lead: 'leftover' },
] as const;

/** A line each, those of a ladder in one. */
function findingsOf(kind: 'exchange' | 'queue' | 'binding', subjects: readonly Subject[]): string[] {
  return toldOf.flatMap(({ standing, lead }) => {
    const these = subjects.filter((one) => one.standing === standing);
    const ladders = [...new Set(these.flatMap(({ ladder }) => ladder ?? []))];
    return [
      ...these
        .filter(({ ladder }) => ladder === undefined)
        .map((one) => `${lead}: ${kind} ${one.text}${otherwiseIn(one)}`),
      ...ladders.map((ladder) => {
        const count = these.filter((one) => one.ladder === ladder).length;
        return `${lead}: ${count} ${kind}${count === 1 ? '' : 's'} of ladder ${ladder}`;
      }),
    ];
  });
}

function otherwiseIn({ otherwise }: Subject): string {
  return otherwise.length === 0 ? '' : ` (${otherwise.join(', ')})`;
}

function policyFindings(planned: Topology, held: Held): string[] {
  const names = new Set(planned.policies.map(({ name }) => name));
  const wanted = planned.policies.flatMap((policy) => {
    const found = held.policies.find(({ name }) => name === policy.name);
    if (found === undefined) return [`missing: policy ${policy.name}`];
    const otherwise = policyDifferences(policy, found).map(otherwiseText);
    return otherwise.length === 0 ? [] : [`not as planned: policy ${policy.name} (${otherwise.join(', ')})`];
  });
  const left = held.policies.filter(({ name }) => roleOfPolicy(name) !== undefined && !names.has(name));
  const inForce = new Map(
    held.queues.flatMap(({ name, policy }): [string, string][] => (policy === undefined ? [] : [[name, policy]])),
  );
  return [
    ...wanted,
    ...left.map(({ name }) => `leftover: policy ${name}`),
    ...overriddenPolicies(planned.policies, inForce),
  ];
}
