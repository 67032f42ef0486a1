import {
  type Held,
  type HeldExchange,
  type HeldQueue,
  isOurBinding,
  isOurExchange,
  isOurQueue,
  isPlain,
  roleOfPolicy,
} from './held.js';
import { ladderOf } from './ladder.js';
import type { Binding, Topology } from './model.js';
import { bindingName, type DeleteStep, type Holder } from './plan-step.js';
import { listText, messagesText } from './plan-text.js';
import { readQueueName, typeOfRole } from './queue-name.js';
import { type Replacements, replacementsOn, withoutReplacements } from './replacements.js';

/**
 * What a virtual host holds under names of ours that is not wanted and nothing takes the place of; bindings first. Each says
 * what must be empty before it may go.
 */
export function leftoverSteps(wanted: Topology, held: Held): DeleteStep[] {
  const replacements = replacementsOn(held, wanted);
  const leaving = new Set(replacements.queues.map(({ queue }) => queue.name));
  const [wantedExchanges, wantedQueues] = [namesOf(wanted.exchanges), namesOf(wanted.queues)];
  const isLeftoverQueue = (name: string) => isOurQueue(name) && !wantedQueues.has(name) && !leaving.has(name);
  const leftovers: Leftovers = {
    queues: held.queues.filter(({ name }) => isLeftoverQueue(name)),
    exchanges: held.exchanges.filter(({ name }) => isOurExchange(name) && !wantedExchanges.has(name)),
  };
  return [
    ...bindingDeletions(namesOfBindings(withoutReplacements(wanted, held)), replacements, held, leftovers),
    ...leftovers.queues.map(({ name, messages }): DeleteStep => {
      const reason = `${whyLeft(name, wanted)}${holdsText(messages)}`;
      return {
        action: 'delete',
        kind: 'queue',
        name,
        reason,
        whenEmpty: holdersOf('queue', name, leftovers),
        messages,
      };
    }),
    ...leftovers.exchanges.map(({ name, messages }): DeleteStep => {
      const reason = `${whyLeft(name, wanted)}${holdsText(messages)}`;
      return {
        action: 'delete',
        kind: 'exchange',
        name,
        reason,
        whenEmpty: holdersOf('exchange', name, leftovers),
        messages,
      };
    }),
    ...policyDeletions(wanted, held, leftovers),
  ];
}

interface Leftovers {
  readonly queues: readonly HeldQueue[];
  readonly exchanges: readonly HeldExchange[];
}

function bindingDeletions(
  kept: ReadonlySet<string>,
  replacements: Replacements,
  held: Held,
  leftovers: Leftovers,
): DeleteStep[] {
  return held.bindings
    .filter((one) => isOurBinding(one) && !(isPlain(one) && kept.has(bindingName(one))))
    .flatMap((binding): DeleteStep[] => {
      const ends = [
        { kind: 'exchange', name: binding.source } as const,
        { kind: binding.destinationKind, name: binding.destination },
      ];
      const left = ends.filter(({ kind, name }) => isAmong(leftovers, kind, name));
      if (left.length === 0 && goesWithReplaced(binding, replacements)) return [];
      const whenEmpty = unique(left.flatMap(({ kind, name }) => holdersOf(kind, name, leftovers)));
      const names = [...new Set(left.map(({ name }) => name))];
      const reason = names.length === 0 ? 'it is not part of the topology' : `it goes with ${listText(names)}`;
      return [{ action: 'delete', kind: 'binding', name: bindingName(binding), reason, whenEmpty, binding }];
    });
}

/** Whoever replaces a queue or an exchange sees to its bindings. */
function goesWithReplaced(
  { source, destination, destinationKind }: Binding,
  { queues, exchanges }: Replacements,
): boolean {
  const isReplaced = (exchangeName: string) => exchanges.some(({ exchange }) => exchange.name === exchangeName);
  if (isReplaced(source)) return true;
  return destinationKind === 'exchange'
    ? isReplaced(destination)
    : queues.some(({ queue }) => queue.name === destination);
}

/** What must be empty before a leftover may go: of a delay ladder all levels, for each hands on to the next. */
function holdersOf(kind: Holder['kind'], name: string, leftovers: Leftovers): Holder[] {
  if (!isAmong(leftovers, kind, name)) return [];
  const ladder = ladderOf(name);
  if (ladder === undefined) return [{ kind, name }];
  return leftovers.queues
    .filter((queue) => ladderOf(queue.name) === ladder)
    .map((queue): Holder => ({ kind: 'queue', name: queue.name }));
}

function isAmong({ queues, exchanges }: Leftovers, kind: Holder['kind'], name: string): boolean {
  return (kind === 'queue' ? queues : exchanges).some((one) => one.name === name);
}

function policyDeletions({ policies }: Topology, held: Held, { queues }: Leftovers): DeleteStep[] {
  const wanted = namesOf(policies);
  return held.policies.flatMap(({ name }): DeleteStep[] => {
    const role = roleOfPolicy(name);
    if (role === undefined || wanted.has(name)) return [];
    const governed = queues.filter((queue) => readQueueName(queue.name)?.role === role);
    const whenEmpty = governed.map((queue): Holder => ({ kind: 'queue', name: queue.name }));
    const reason = wanted.has(role) ? `policy ${role} has its place` : noSuchType(role);
    return [{ action: 'delete', kind: 'policy', name, reason, whenEmpty }];
  });
}

/** Why a queue or an exchange under a name of ours is not wanted. */
function whyLeft(name: string, { delay, exchanges }: Topology): string {
  const ladder = ladderOf(name);
  const role = readQueueName(name)?.role;
  if (ladder === undefined && role !== undefined) return noSuchType(role);
  const present = exchanges.flatMap((one) => one.ladder ?? [])[0];
  const now = delay === 'plugin' || present === undefined ? 'the plugin' : `ladder ${present}`;
  return ladder === present ? `ladder ${ladder} has no such part` : `the delay is by ${now}`;
}

function noSuchType(role: string): string {
  return `there is no task type "${typeOfRole(role) ?? role}"`;
}

function unique(holders: readonly Holder[]): Holder[] {
  return [...new Map(holders.map((one) => [`${one.kind} ${one.name}`, one])).values()];
}

function holdsText(messages: number): string {
  return messages === 0 ? '' : `; it holds ${messagesText(messages)}`;
}

function namesOf(things: readonly { readonly name: string }[]): ReadonlySet<string> {
  return new Set(things.map(({ name }) => name));
}

function namesOfBindings({ bindings }: Topology): ReadonlySet<string> {
  return new Set(bindings.map(bindingName));
}
