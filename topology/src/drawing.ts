import { durationText } from './duration-text.js';
import { collapsedStanding, type Depth, type Live, type LivePart, type Standing, sumOf } from './live.js';
import type { Arguments, Binding, Exchange, Policy, Queue, Topology } from './model.js';
import { exchangeNames } from './names.js';
import type { ServiceRole } from './service-roles.js';

/** A topology with the services around it, arranged for drawing: every picture is made of this. */
export interface Drawing {
  /** In the order of a task's way. */
  readonly exchanges: readonly DrawnExchange[];
  readonly queues: readonly DrawnQueue[];
  readonly roles: readonly ServiceRole[];
  /** What a broker has otherwise than it is planned, a line each; undefined where no broker was looked at. */
  readonly findings: readonly string[] | undefined;
}

export interface DrawnExchange {
  readonly name: string;
  readonly purpose: string;
  readonly standing: Standing;
  /** Messages that wait in it, where it is a delay. */
  readonly waiting: number | undefined;
  /** What its declaration says, a line each: its type first. */
  readonly facts: readonly string[];
  readonly routes: readonly Route[];
  /** Where a message goes that no binding takes. */
  readonly alternate: string | undefined;
  readonly publishers: readonly ServiceRole[];
  readonly listeners: readonly ServiceRole[];
  /** The delay ladder that it is a level or the end of. */
  readonly ladder: string | undefined;
}

export interface Route {
  /** A binding's routing key. Empty: any. */
  readonly key: string;
  readonly to: { readonly kind: 'queue' | 'exchange'; readonly name: string };
  readonly standing: Standing;
}

export interface DrawnQueue {
  readonly name: string;
  readonly purpose: string;
  readonly standing: Standing;
  /** Undefined where no broker was looked at, or it has no such queue. */
  readonly depth: Depth | undefined;
  /** What its declaration and its policies say, a line each, without its dead-lettering. */
  readonly facts: readonly string[];
  /** Where the broker sends what expires here or is refused, and under which key. No key: the message's own. */
  readonly deadLetters: { readonly exchange: string; readonly key: string | undefined } | undefined;
  readonly consumers: readonly ServiceRole[];
  readonly ladder: string | undefined;
}

/**
 * Arranges a topology for drawing: the planned one, or what a broker has (`liveOn`).
 * @param given.full every level of a delay ladder; otherwise a ladder is one exchange, named `<ladder>.*`.
 */
export function drawingOf(
  shown: Topology | Live,
  roles: readonly ServiceRole[],
  given: { readonly full: boolean },
): Drawing {
  const parts = 'findings' in shown ? shown : planned(shown);
  const exchanges = parts.exchanges.map((part) => drawnExchange(part, parts.bindings, roles));
  const queues = parts.queues.map((part) => drawnQueue(part, roles));
  const { findings } = parts;
  if (given.full) return { ...arranged(exchanges, queues), roles, findings };
  const ladders = new Set(exchanges.flatMap(({ ladder }) => ladder ?? []));
  const collapsed = [...ladders].map((ladder) => collapsedLadder(ladder, exchanges, parts.queues));
  const shared = arranged(
    [...exchanges.filter(({ ladder }) => ladder === undefined), ...collapsed],
    queues.filter(({ ladder }) => ladder === undefined),
  );
  return { ...shared, roles, findings };
}

type Parts = Omit<Live, 'findings'> & { readonly findings: Live['findings'] | undefined };

/** As no broker has it yet. */
function planned({ exchanges, queues, bindings, policies }: Topology): Parts {
  const asPlanned = { standing: 'planned', otherwise: [] } as const;
  return {
    exchanges: exchanges.map((part) => ({ ...asPlanned, part, waiting: undefined })),
    queues: queues.map((part) => ({ ...asPlanned, part, policies: policiesOf(part, policies), depth: undefined })),
    bindings: bindings.map((part) => ({ ...asPlanned, part })),
    findings: undefined,
  };
}

/** Queues stand in the order in which the exchanges lead to them. */
function arranged(
  exchanges: readonly DrawnExchange[],
  queues: readonly DrawnQueue[],
): Pick<Drawing, 'exchanges' | 'queues'> {
  const ordered = inOrder(exchanges);
  const met = ordered.flatMap(({ routes }) => routes.flatMap(({ to }) => (to.kind === 'queue' ? to.name : [])));
  const rank = ({ name }: DrawnQueue) => (met.includes(name) ? met.indexOf(name) : met.length);
  return { exchanges: ordered, queues: queues.toSorted((a, b) => rank(a) - rank(b)) };
}

function drawnExchange(
  { part: exchange, standing, otherwise, waiting }: Live['exchanges'][number],
  bindings: readonly LivePart<Binding>[],
  roles: readonly ServiceRole[],
): DrawnExchange {
  const { name, purpose, ladder } = exchange;
  return {
    name,
    purpose,
    standing,
    waiting,
    facts: [...exchangeFacts(exchange), ...otherwise],
    routes: bindings
      .filter(({ part }) => part.source === name)
      .map(({ part: { routingKey, destination, destinationKind }, standing: stands }) => {
        return { key: routingKey, to: { kind: destinationKind, name: destination }, standing: stands };
      }),
    alternate: textOf(exchange.arguments['alternate-exchange']),
    publishers: roles.filter(({ publishes }) => publishes.includes(name)),
    listeners: roles.filter(({ listens }) => listens.includes(name)),
    ladder,
  };
}

function exchangeFacts({ type, arguments: given }: Pick<Exchange, 'arguments'> & { readonly type: string }): string[] {
  const { 'x-delayed-type': delayedType, 'alternate-exchange': _drawn, ...others } = given;
  return [delayedType === undefined ? type : `${type} (${delayedType})`, ...asTheyStand(others)];
}

function drawnQueue(
  { part: queue, standing, otherwise, depth, policies }: Live['queues'][number],
  roles: readonly ServiceRole[],
): DrawnQueue {
  const { name, purpose, ladder } = queue;
  const exchange = textOf(queue.arguments['x-dead-letter-exchange']);
  return {
    name,
    purpose,
    standing,
    depth,
    facts: [...queueFacts(queue), ...policies.flatMap(policyFacts), ...otherwise],
    deadLetters:
      exchange === undefined ? undefined : { exchange, key: textOf(queue.arguments['x-dead-letter-routing-key']) },
    consumers: roles.filter(({ consumes }) => consumes.includes(name)),
    ladder,
  };
}

/** One policy applies to a queue at a time, but ours match one queue each. */
export function policiesOf({ name }: Pick<Queue, 'name'>, policies: readonly Policy[]): readonly Policy[] {
  return policies.filter(({ pattern }) => new RegExp(pattern).test(name));
}

function queueFacts({ arguments: given }: Queue): string[] {
  const {
    'x-queue-type': type,
    'x-max-priority': priority,
    'x-message-ttl': ttl,
    'x-max-length': length,
    'x-overflow': overflow,
    'x-dead-letter-strategy': strategy,
    'x-delivery-limit': deliveries,
    'x-dead-letter-exchange': _drawn,
    'x-dead-letter-routing-key': _drawnToo,
    ...others
  } = given;
  const made = [type, priority === undefined ? undefined : `priorities 0-${priority}`].filter((part) => part);
  return [
    ...(made.length === 0 ? [] : [made.join(', ')]),
    ...(ttl === undefined ? [] : [`TTL ${durationText(Number(ttl))}`]),
    ...(length === undefined ? [] : [`at most ${Number(length).toLocaleString('en')} messages`]),
    ...(overflow === undefined ? [] : [overflow === 'reject-publish' ? 'full: nack to sender' : `full: ${overflow}`]),
    ...(strategy === undefined ? [] : [`dead-letters ${strategy}`]),
    ...(deliveries === undefined ? [] : [deliveriesText(deliveries)]),
    ...asTheyStand(others),
  ];
}

function policyFacts({ definition }: Pick<Policy, 'definition'>): string[] {
  const { 'message-ttl': ttl, 'delivery-limit': deliveries, ...others } = definition;
  return [
    ...(ttl === undefined ? [] : [`TTL ${durationText(Number(ttl))} (policy)`]),
    ...(deliveries === undefined ? [] : [`${deliveriesText(deliveries)} (policy)`]),
    ...asTheyStand(others).map((fact) => `${fact} (policy)`),
  ];
}

function deliveriesText(limit: string | number): string {
  return `at most ${Number(limit).toLocaleString('en')} deliveries`;
}

/** An argument that has no words here is shown as it is declared, so that no picture leaves one out. */
function asTheyStand(given: Arguments): string[] {
  return Object.entries(given).map(([name, value]) => `${name}=${value}`);
}

/** All levels and the end as one: what enters anywhere comes out at the end. */
function collapsedLadder(ladder: string, exchanges: readonly DrawnExchange[], queues: Live['queues']): DrawnExchange {
  const parts = exchanges.filter((exchange) => exchange.ladder === ladder);
  const levels = queues.filter(({ part }) => part.ladder === ladder);
  const inside = new Set([...parts.map(({ name }) => name), ...levels.map(({ part }) => part.name)]);
  const ttls = levels.flatMap(({ part }) => part.arguments['x-message-ttl'] ?? []).map(Number);
  const queuesText = `${levels.length} TTL queue${levels.length === 1 ? '' : 's'}`;
  const depths = levels.flatMap(({ depth }) => depth ?? []);
  return {
    name: `${ladder}.*`,
    purpose: `Holds messages until they are due: ${queuesText}, each handing down what is left to wait.`,
    standing: collapsedStanding([...parts, ...levels].map(({ standing }) => standing)),
    waiting: depths.length === 0 ? undefined : sumOf(depths.map(({ ready, unacked }) => ready + unacked)),
    facts: [
      `ladder of ${queuesText}`,
      ...(ttls.length === 0
        ? []
        : [
            `${durationText(Math.min(...ttls))} to ${durationText(Math.max(...ttls))} each`,
            `${durationText(sumOf(ttls))} together`,
          ]),
    ],
    routes: parts.flatMap(({ routes }) => routes).filter(({ to }) => !inside.has(to.name)),
    alternate: parts[0]?.alternate,
    publishers: unique(parts.flatMap(({ publishers }) => publishers)),
    listeners: unique(parts.flatMap(({ listeners }) => listeners)),
    ladder,
  };
}

const way: readonly string[] = [
  exchangeNames.submit,
  exchangeNames.tasks,
  exchangeNames.delayed,
  exchangeNames.dead,
  exchangeNames.unroutable,
  exchangeNames.events,
];

/** A binding's key for people: a ladder's many leading words are counted. */
export function keyText(key: string): string {
  const [leading = ''] = /^(\*\.){4,}/.exec(key) ?? [];
  if (leading !== '') return `(*.)×${leading.length / 2} ${key.slice(leading.length)}`;
  return key === '' ? '(any)' : key;
}

/** What a thing's place on a broker is called; undefined where there is nothing to say. */
export function standingText(standing: Standing): string | undefined {
  switch (standing) {
    case 'planned':
    case 'there':
      return undefined;
    case 'different':
      return 'NOT AS PLANNED';
    case 'missing':
      return 'MISSING';
    case 'leftover':
      return 'LEFTOVER';
    default:
      return standing satisfies never;
  }
}

/** What a broker says of a queue, a line each: `3 ready, 1 unacked`, `2 consumers`. */
export function depthLines({ depth, ladder }: Pick<DrawnQueue, 'depth' | 'ladder'>): string[] {
  if (depth === undefined) return [];
  const { ready, unacked, consumers } = depth;
  const messages = `${counted(ready)} ready, ${counted(unacked)} unacked`;
  // Nobody consumes a level of a ladder.
  if (ladder !== undefined) return [messages];
  return [messages, consumers === 0 ? 'no consumer' : `${counted(consumers)} consumer${consumers === 1 ? '' : 's'}`];
}

/** The same of an exchange that holds messages back. */
export function waitingLines({ waiting }: Pick<DrawnExchange, 'waiting'>): string[] {
  return waiting === undefined ? [] : [`${counted(waiting)} waiting`];
}

function counted(count: number): string {
  return count.toLocaleString('en');
}

/** All workers at once, where there are several. */
export function namesOf(roles: readonly ServiceRole[]): string[] {
  const workers = roles.filter(({ kind }) => kind === 'worker');
  if (workers.length < 2) return roles.map(({ name }) => name);
  return unique(roles.map(({ kind, name }) => (kind === 'worker' ? 'the workers' : name)));
}

/** As a task goes: in, out to the workers, through a delay, back when it fails. A ladder stands from its top down. */
function inOrder(exchanges: readonly DrawnExchange[]): DrawnExchange[] {
  const rank = ({ name, ladder }: DrawnExchange) => {
    const at = way.indexOf(ladder === undefined ? name : exchangeNames.delayed);
    return at === -1 ? way.length : at;
  };
  return exchanges
    .map((exchange, index) => ({ exchange, index }))
    .sort((a, b) => {
      const down = a.exchange.ladder !== undefined && a.exchange.ladder === b.exchange.ladder ? -1 : 1;
      return rank(a.exchange) - rank(b.exchange) || down * (a.index - b.index);
    })
    .map(({ exchange }) => exchange);
}

function textOf(value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function unique<T>(items: readonly T[]): T[] {
  return [...new Set(items)];
}
