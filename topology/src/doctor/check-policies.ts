import { readQueueName, typeOfRole } from '../queue-name.js';
import type { BrokerFacts, HeldFact, QueueFact, Settings } from './facts.js';
import { type CheckResult, type Finding, finding } from './finding.js';
import { isOurQueue } from './ours.js';
import { operatorPolicyOver, policyInForce } from './queue-settings.js';
import { listed, namedThings } from './words.js';

/** Whether our own policies are in force, and nobody else's over our queues: one policy applies to a queue at a time. */
export function checkPolicies({ held }: Pick<BrokerFacts, 'held'>): CheckResult {
  if (!held.known) return { findings: [], notChecked: held.why };
  const ours = held.value.queues.filter(({ name }) => isOurQueue(name));
  return {
    findings: [
      ...ours.filter((queue) => queue.policy === undefined && policyOf(queue) !== undefined).map(missing),
      ...byName(ours, (queue) => strangerOver(queue)).map(([name, queues]) => overridden(name, queues, held.value)),
      ...byName(ours, (queue) => limitingOperatorPolicy(queue, held.value)).map(([name, queues]) =>
        operatorFinding(name, queues, held.value),
      ),
    ],
    notChecked: null,
  };
}

/** The name of our policy for it; undefined where we have none. */
function policyOf({ name }: QueueFact): string | undefined {
  const role = readQueueName(name)?.role;
  return role === undefined || typeOfRole(role) === undefined ? undefined : role;
}

/** Somebody else's policy that is in force for it. The old name of ours is ours. */
function strangerOver(queue: QueueFact): string | undefined {
  const own = policyOf(queue);
  return own !== undefined && [own, `${own}.ttl`].includes(queue.policy ?? '') ? undefined : queue.policy;
}

function byName(
  queues: readonly QueueFact[],
  nameFor: (queue: QueueFact) => string | undefined,
): [string, readonly QueueFact[]][] {
  const groups = new Map<string, QueueFact[]>();
  for (const queue of queues) {
    const name = nameFor(queue);
    if (name !== undefined) groups.set(name, [...(groups.get(name) ?? []), queue]);
  }
  return [...groups];
}

function missing(queue: QueueFact): Finding {
  return finding('policy-missing', {
    where: whereOf([queue]),
    what: `Its policy "${policyOf(queue)}" is not in force: the broker dead-letters nothing that waits too long, and the ledger alone sees to that.`,
    mend: 'Run "warren topology apply" with a user who may set policies (tag "policymaker").',
  });
}

function overridden(name: string, queues: readonly QueueFact[], held: HeldFact): Finding {
  const [first] = queues;
  const settings = (first === undefined ? undefined : policyInForce(first, held)?.definition) ?? {};
  const own = [...new Set(queues.flatMap((queue) => policyOf(queue) ?? []))].map((one) => `"${one}"`);
  const lost =
    own.length === 0 ? '' : ` It puts ${listed(own)} out of force, and with it the time that a task may wait.`;
  return finding('policy-overridden', {
    where: whereOf(queues),
    what: `Policy "${name}" is in force, which is not Warren's (${settingsText(settings)}).${lost}`,
    mend: `Give policy "${name}" a pattern that passes over Warren's queues${own.length === 0 ? '' : ", or a priority below Warren's 10"}.`,
  });
}

/** A length limit is told by itself, and more loudly. */
const toldElsewhere = ['max-length', 'max-length-bytes'];

function limitingOperatorPolicy(queue: QueueFact, held: HeldFact): string | undefined {
  const policy = operatorPolicyOver(queue, held);
  return Object.keys(policy?.definition ?? {}).some((key) => !toldElsewhere.includes(key)) ? policy?.name : undefined;
}

function operatorFinding(name: string, queues: readonly QueueFact[], held: HeldFact): Finding {
  const settings = held.operatorPolicies.find((policy) => policy.name === name)?.definition ?? {};
  return finding('policy-of-operator', {
    where: whereOf(queues),
    what: `Operator policy "${name}" goes before Warren's own settings (${settingsText(settings)}): a shorter time to live ends waiting tasks or delays too early.`,
    mend: `Give operator policy "${name}" a pattern that passes over Warren's queues, or take these settings out of it.`,
  });
}

function whereOf(queues: readonly QueueFact[]): string {
  return namedThings(
    'queue',
    queues.map(({ name }) => name),
  );
}

function settingsText(settings: Settings): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}
