import type { BrokerFacts, HeldFact, QueueFact } from './facts.js';
import { type CheckResult, type Finding, finding } from './finding.js';
import { isOurQueue } from './ours.js';
import { type QueueSettings, queueSettings, whoSet } from './queue-settings.js';
import { arrivalsOf, exactly, keysInto } from './routing.js';
import { namedThings } from './words.js';

/** Dead letters of queues of ours: whether they arrive, only once around, and safely. */
export function checkDeadLettering({ held }: Pick<BrokerFacts, 'held'>): CheckResult {
  if (!held.known) return { findings: [], notChecked: held.why };
  const ways = deadLetterWays(held.value);
  return {
    findings: [
      ...[...ways.values()].filter(({ queue }) => isOurQueue(queue.name)).flatMap((way) => troubleOf(way, held.value)),
      ...cyclesIn(ways).map((cycle) => cycleFinding(cycle, held.value)),
    ],
    notChecked: null,
  };
}

/** Where the dead letters of a queue go. */
export interface DeadLetterWay {
  readonly queue: QueueFact;
  readonly settings: QueueSettings;
  readonly exchange: string;
  readonly arrivals: ReadonlySet<string>;
}

/** By the queue's name: every queue, ours or not, that has a dead-letter exchange. */
export function deadLetterWays(held: HeldFact): ReadonlyMap<string, DeadLetterWay> {
  const ways = held.queues.flatMap((queue): [string, DeadLetterWay][] => {
    const settings = queueSettings(queue, held);
    const exchange = settings.deadLetterExchange;
    if (exchange === undefined) return [];
    const keys = settings.deadLetterKey === undefined ? keysInto(queue.name, held) : exactly(settings.deadLetterKey);
    return [[queue.name, { queue, settings, exchange, arrivals: arrivalsOf(exchange, keys, held) }]];
  });
  return new Map(ways);
}

function troubleOf(way: DeadLetterWay, held: HeldFact): Finding[] {
  const { queue, exchange, arrivals } = way;
  const where = `queue "${queue.name}"`;
  if (exchange !== '' && !held.exchanges.some(({ name }) => name === exchange)) {
    return [
      finding('dead-letter-exchange-missing', {
        where,
        what: `Its dead-letter exchange "${exchange}" (set by ${whoSet('dead-letter-exchange', queue, held)}) does not exist: the broker drops what expires there, without a word.`,
        mend: `Run "warren topology apply" if the exchange is one of Warren's; if a policy names another one, correct or remove that policy.`,
      }),
    ];
  }
  const findings: Finding[] = [];
  if (arrivals.size === 0) {
    const { deadLetterKey } = way.settings;
    findings.push(
      finding('dead-letter-unrouted', {
        where,
        what: `No binding of its dead-letter exchange "${exchange}" takes ${deadLetterKey === undefined ? 'its keys' : `key "${deadLetterKey}"`}: ${isAtLeastOnce(way) ? 'a dead letter stays, and blocks those behind it' : 'the broker drops what expires there'}.`,
        mend: 'Run "warren topology apply", which binds the exchange again.',
      }),
    );
  }
  if (queue.type === 'quorum' && !isAtLeastOnce(way)) {
    findings.push(
      finding('dead-letter-at-most-once', {
        where,
        what: `It is a quorum queue that dead-letters at most once (strategy ${shown(way.settings.deadLetterStrategy)}, overflow ${shown(way.settings.overflow)}): a dead letter may be lost when a node dies.`,
        mend: 'Declare it anew with "x-dead-letter-strategy" "at-least-once" and "x-overflow" "reject-publish": let it run empty, delete it, and run "warren topology apply".',
      }),
    );
  }
  return findings;
}

function isAtLeastOnce({ queue, settings }: DeadLetterWay): boolean {
  return (
    queue.type === 'quorum' && settings.deadLetterStrategy === 'at-least-once' && settings.overflow === 'reject-publish'
  );
}

function shown(value: string | undefined): string {
  return value === undefined ? 'not set' : `"${value}"`;
}

/** Rings of queues, each of which leads its dead letters to the next, that go through a queue of ours. Each is told once. */
function cyclesIn(ways: ReadonlyMap<string, DeadLetterWay>): string[][] {
  const found = new Map<string, string[]>();
  for (const start of [...ways.keys()].filter(isOurQueue)) {
    const cycle = shortestWayBack(start, ways);
    if (cycle !== undefined) found.set([...cycle].sort().join('\n'), cycle);
  }
  return [...found.values()];
}

function shortestWayBack(start: string, ways: ReadonlyMap<string, DeadLetterWay>): string[] | undefined {
  const seen = new Set<string>();
  let paths = [[start]];
  while (paths.length > 0) {
    const longer: string[][] = [];
    for (const path of paths) {
      for (const next of ways.get(path.at(-1) ?? '')?.arrivals ?? []) {
        if (next === start) return path;
        if (seen.has(next)) continue;
        seen.add(next);
        longer.push([...path, next]);
      }
    }
    paths = longer;
  }
  return undefined;
}

function cycleFinding(cycle: readonly string[], held: HeldFact): Finding {
  const ring = [...cycle, cycle[0]].map((name) => `"${name}"`).join(' -> ');
  const setters = cycle.flatMap((name) => {
    const queue = held.queues.find((one) => one.name === name);
    return queue === undefined ? [] : [`"${name}" by ${whoSet('dead-letter-exchange', queue, held)}`];
  });
  return finding('dead-letter-cycle', {
    where: namedThings('queue', cycle),
    what: `Dead letters go around: ${ring}. A message that is rejected goes round without end, and the broker drops one that only expires. The exchanges are set for ${setters.join(', ')}.`,
    mend: 'Remove the policy or the binding that leads back, in the management UI: nothing that dead letters come to leads them on to where they came from.',
  });
}
