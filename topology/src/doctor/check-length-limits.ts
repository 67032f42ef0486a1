import { queueNames } from '../names.js';
import { readQueueName } from '../queue-name.js';
import { deadLetterWays } from './check-dead-letters.js';
import type { BrokerFacts, HeldFact, QueueFact } from './facts.js';
import { type CheckResult, type Finding, finding } from './finding.js';
import { isOurQueue } from './ours.js';
import { queueSettings, whoSet } from './queue-settings.js';
import { namedThings } from './words.js';

/** Length limits of queues that dead letters or delays lead into: what comes while they are full is lost, or blocks a delay. */
export function checkLengthLimits({ held }: Pick<BrokerFacts, 'held'>): CheckResult {
  if (!held.known) return { findings: [], notChecked: held.why };
  const byCause = new Map<string, Limit[]>();
  for (const limit of filledByBroker(held.value).flatMap((queue) => limitsOf(queue, held.value))) {
    const cause = `${limit.setter} ${limit.text}`;
    byCause.set(cause, [...(byCause.get(cause) ?? []), limit]);
  }
  return { findings: [...byCause.values()].flatMap(limitFinding), notChecked: null };
}

/** Ours, but for the one that senders alone fill, unless somebody's dead letters come to it as well. */
function filledByBroker(held: HeldFact): readonly QueueFact[] {
  const ways = [...deadLetterWays(held).values()];
  return held.queues.filter(
    ({ name }) =>
      isOurQueue(name) &&
      (readQueueName(name)?.role !== queueNames.submitted || ways.some(({ arrivals }) => arrivals.has(name))),
  );
}

interface Limit {
  readonly queue: string;
  readonly key: 'max-length' | 'max-length-bytes';
  readonly text: string;
  readonly setter: string;
  readonly isDeclared: boolean;
}

function limitsOf(queue: QueueFact, held: HeldFact): Limit[] {
  const { maxLength, maxLengthBytes } = queueSettings(queue, held);
  const limit = (key: Limit['key'], value: number | undefined, unit: string): Limit[] => {
    if (value === undefined) return [];
    const setter = whoSet(key, queue, held);
    return [{ queue: queue.name, key, text: `${value} ${unit}`, setter, isDeclared: setter === 'its declaration' }];
  };
  return [...limit('max-length', maxLength, 'messages'), ...limit('max-length-bytes', maxLengthBytes, 'bytes')];
}

function limitFinding(limits: readonly Limit[]): Finding[] {
  const [first] = limits;
  if (first === undefined) return [];
  const { key, text, setter, isDeclared } = first;
  return [
    finding('length-limit', {
      where: namedThings(
        'queue',
        limits.map(({ queue }) => queue),
      ),
      what: `Dead letters or delayed tasks lead here, and ${setter} sets a limit of ${text}: what comes while it is reached is lost, or blocks the delay.`,
      mend: isDeclared
        ? 'Let the queue run empty, delete it, and run "warren topology apply", which declares it without a limit.'
        : `Take "${key}" out of ${setter}, or change its pattern so that it passes over Warren's queues.`,
    }),
  ];
}
