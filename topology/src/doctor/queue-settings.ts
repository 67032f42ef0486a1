import type { HeldFact, PolicyFact, QueueFact } from './facts.js';

/** What is in force for a queue, whoever said so: its declaration, a policy, an operator's policy. */
export interface QueueSettings {
  /** A dead letter is published there; undefined: it is dropped. Empty: the default exchange. */
  readonly deadLetterExchange: string | undefined;
  /** Undefined: a dead letter keeps the key that it came with. */
  readonly deadLetterKey: string | undefined;
  readonly deadLetterStrategy: string | undefined;
  readonly overflow: string | undefined;
  readonly maxLength: number | undefined;
  readonly maxLengthBytes: number | undefined;
  /** In milliseconds. */
  readonly consumerTimeoutMs: number | undefined;
}

/** What is in force for a queue. A limit is the lowest that anybody set; otherwise its declaration goes first. */
export function queueSettings(queue: QueueFact, held: HeldFact): QueueSettings {
  const said = (key: string) => saidOf(key, queue, held).map(({ value }) => value);
  const word = (key: string) => said(key).find((one) => typeof one === 'string');
  const lowest = (key: string) => {
    const numbers = said(key).filter((one) => typeof one === 'number');
    return numbers.length === 0 ? undefined : Math.min(...numbers);
  };
  return {
    deadLetterExchange: word('dead-letter-exchange'),
    deadLetterKey: word('dead-letter-routing-key'),
    deadLetterStrategy: word('dead-letter-strategy'),
    overflow: word('overflow'),
    maxLength: lowest('max-length'),
    maxLengthBytes: lowest('max-length-bytes'),
    consumerTimeoutMs: lowest('consumer-timeout'),
  };
}

/** Whoever may have said it, the one that goes first at the beginning. */
function saidOf(key: string, queue: QueueFact, held: HeldFact): readonly { by: string; value: unknown }[] {
  const policy = policyInForce(queue, held);
  const operator = operatorPolicyOver(queue, held);
  return [
    { by: 'its declaration', value: queue.arguments[`x-${key}`] },
    { by: `policy "${policy?.name}"`, value: policy?.definition[key] },
    { by: `operator policy "${operator?.name}"`, value: operator?.definition[key] },
  ];
}

/** The one policy that the broker says is in force. */
export function policyInForce(queue: QueueFact, { policies }: HeldFact): PolicyFact | undefined {
  return policies.find(({ name }) => name === queue.policy);
}

/** The operator policy of the highest priority that matches. */
export function operatorPolicyOver(queue: QueueFact, { operatorPolicies }: HeldFact): PolicyFact | undefined {
  return operatorPolicies
    .filter((policy) => appliesTo(policy, queue) && matches(policy.pattern, queue.name))
    .reduce<PolicyFact | undefined>(
      (best, one) => (best === undefined || one.priority > best.priority ? one : best),
      undefined,
    );
}

/** Who set a key that is in force for a queue, for people. */
export function whoSet(key: string, queue: QueueFact, held: HeldFact): string {
  const said = saidOf(key, queue, held).filter(({ value }) => value !== undefined);
  const numbers = said.filter(({ value }) => typeof value === 'number');
  const lowest = Math.min(...numbers.map(({ value }) => Number(value)));
  const first = numbers.find(({ value }) => value === lowest) ?? said[0];
  return first?.by ?? 'nobody';
}

function appliesTo({ applyTo }: PolicyFact, { type }: QueueFact): boolean {
  switch (applyTo) {
    case 'all':
    case 'queues':
      return true;
    case 'classic_queues':
      return type === 'classic';
    case 'quorum_queues':
      return type === 'quorum';
    default:
      return false;
  }
}

/** The broker's dialect has more than this one: a pattern that can't be read here matches nothing. */
function matches(pattern: string, name: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(name);
  } catch {
    return false;
  }
}
