import { type Held, type HeldBinding, isOurBinding } from './held.js';
import type { Binding, Queue, Topology } from './model.js';
import { readQueueName } from './queue-name.js';
import { replacementsOn } from './replacements.js';

/** What is to be done so that a role's messages are in other queues, as far as it is not done yet. */
export interface RoleMigration {
  readonly role: string;
  /** The queues to be rid of, by name. */
  readonly old: readonly string[];
  /** The queues that take their place. Declaring those that are there changes nothing. */
  readonly fresh: readonly Queue[];
  /** What leads to the fresh ones. */
  readonly bindings: readonly Binding[];
  /** What still leads to the old ones. */
  readonly unbind: readonly HeldBinding[];
}

/** The roles whose queues have to be replaced, whether somebody has begun with it or not. Pure. */
export function migrationsOn(held: Held, wanted: Topology): readonly RoleMigration[] {
  const old = new Map<string, string[]>();
  for (const { queue } of replacementsOn(held, wanted).queues) {
    const role = readQueueName(queue.name)?.role;
    if (role !== undefined) old.set(role, [...(old.get(role) ?? []), queue.name]);
  }
  return [...old].map(([role, names]) => {
    const fresh = wanted.queues.filter(({ name }) => readQueueName(name)?.role === role);
    const isFresh = ({ destination, destinationKind }: Binding) =>
      destinationKind === 'queue' && fresh.some(({ name }) => name === destination);
    return {
      role,
      old: names,
      fresh,
      bindings: wanted.bindings.filter(isFresh),
      unbind: held.bindings.filter(
        (one) => one.destinationKind === 'queue' && names.includes(one.destination) && isOurBinding(one),
      ),
    };
  });
}
