import { type Held, isPlain, policyDifferences } from './held.js';
import type { Topology } from './model.js';
import { leftoverSteps } from './plan-leftovers.js';
import { bindingName, type ChangeStep, type CreateStep, type PlanStep, type ReplaceStep } from './plan-step.js';
import { differencesText, listText, messagesText } from './plan-text.js';
import { type QueueReplacement, replacementsOn, withoutReplacements } from './replacements.js';

/**
 * What leads from what a broker holds to what it should hold, in an order in which each step can be taken: policies before
 * the queues that they are for, what is bound before its bindings, bindings gone before what they join. Empty: no difference.
 * What is not Warren's is in no step.
 * @param wanted in the generations that the broker holds: see `generationsOn`.
 */
export function planTopology(wanted: Topology, held: Held): readonly PlanStep[] {
  return [
    ...policySteps(wanted, held),
    ...creations(withoutReplacements(wanted, held), held),
    ...replaceSteps(wanted, held),
    ...leftoverSteps(wanted, held),
  ];
}

function policySteps({ policies }: Topology, held: Held): (CreateStep | ChangeStep)[] {
  return policies.flatMap((policy): (CreateStep | ChangeStep)[] => {
    const { name } = policy;
    const standing = held.policies.find((one) => one.name === name);
    if (standing === undefined) return [{ action: 'create', kind: 'policy', name, reason: missing, policy }];
    const differences = policyDifferences(policy, standing);
    if (differences.length === 0) return [];
    return [{ action: 'change', kind: 'policy', name, reason: differencesText(differences), policy, differences }];
  });
}

const missing = 'it is missing';

function creations(makeable: Topology, held: Held): CreateStep[] {
  const exchanges = new Set(held.exchanges.map(({ name }) => name));
  const queues = new Set(held.queues.map(({ name }) => name));
  const bindings = new Set(held.bindings.filter(isPlain).map(bindingName));
  const create = (name: string) => ({ action: 'create', name, reason: missing }) as const;
  return [
    ...makeable.exchanges
      .filter(({ name }) => !exchanges.has(name))
      .map((exchange): CreateStep => ({ ...create(exchange.name), kind: 'exchange', exchange })),
    ...makeable.queues
      .filter(({ name }) => !queues.has(name))
      .map((queue): CreateStep => ({ ...create(queue.name), kind: 'queue', queue })),
    ...makeable.bindings
      .filter((binding) => !bindings.has(bindingName(binding)))
      .map((binding): CreateStep => ({ ...create(bindingName(binding)), kind: 'binding', binding })),
  ];
}

function replaceSteps(wanted: Topology, held: Held): ReplaceStep[] {
  const { exchanges, levels, queues } = replacementsOn(held, wanted);
  return [
    ...exchanges.map(({ exchange, differences }): ReplaceStep => {
      const byHand = 'stop what publishes to it, delete it in the management UI, then apply again';
      const reason = `${differencesText(differences)}; ${byHand}`;
      return { action: 'replace', kind: 'exchange', name: exchange.name, reason, exchange, differences };
    }),
    ...levels.map(({ queue: { name, messages }, differences }): ReplaceStep => {
      const byHand = 'let it run empty, delete it in the management UI, then apply again';
      const reason = `${differencesText(differences)}; ${byHand}`;
      return { action: 'replace', kind: 'queue', name, reason, differences, by: [], inProgress: false, messages };
    }),
    ...queues.map((replacement): ReplaceStep => {
      const { queue, ...rest } = replacement;
      const { name, messages } = queue;
      return { action: 'replace', kind: 'queue', name, reason: replacementText(replacement), ...rest, messages };
    }),
  ];
}

function replacementText({ queue, differences, by, inProgress }: QueueReplacement): string {
  if (inProgress) {
    const left = `in progress, ${messagesText(queue.messages)} left`;
    return `${left}; ${listText(by)} ${by.length === 1 ? 'has' : 'have'} taken its place`;
  }
  const why = differences.length === 0 ? 'other queues are to take its tasks' : differencesText(differences);
  return `${why}; run "warren topology migrate", which puts ${listText(by)} in its place`;
}
