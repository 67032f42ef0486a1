import type { ArgumentDifference } from './differences.js';
import type { HeldBinding } from './held.js';
import type { Binding, Exchange, Policy, Queue } from './model.js';

interface Said {
  /** Of what it is about; of a binding: `<exchange> -> queue <name> by <key>`. */
  readonly name: string;
  /** Why, and what to do where applying does not do it; one line. */
  readonly reason: string;
}

export type CreateStep = Said & { readonly action: 'create' } & (
    | { readonly kind: 'policy'; readonly policy: Policy }
    | { readonly kind: 'exchange'; readonly exchange: Exchange }
    | { readonly kind: 'queue'; readonly queue: Queue }
    | { readonly kind: 'binding'; readonly binding: Binding }
  );

export type ChangeStep = Said & {
  readonly action: 'change';
  readonly kind: 'policy';
  readonly policy: Policy;
  readonly differences: readonly ArgumentDifference[];
};

/** The broker can't change what is declared: applying leaves these alone. */
export type ReplaceStep = Said & {
  readonly action: 'replace';
  readonly differences: readonly ArgumentDifference[];
} & (
    | {
        readonly kind: 'queue';
        /** The queues that take its place, by name; none for a level of a delay ladder. */
        readonly by: readonly string[];
        /** Whether these are there and it only drains. */
        readonly inProgress: boolean;
        readonly messages: number;
      }
    | { readonly kind: 'exchange'; readonly exchange: Exchange }
  );

/** What may hold messages: a queue, or an exchange of the delayed-message plugin. */
export interface Holder {
  readonly kind: 'queue' | 'exchange';
  readonly name: string;
}

export type DeleteStep = Said & {
  readonly action: 'delete';
  /** What must hold no message then: what is still in there needs it on its way. */
  readonly whenEmpty: readonly Holder[];
} & (
    | { readonly kind: 'binding'; readonly binding: HeldBinding }
    | { readonly kind: 'queue'; readonly messages: number }
    | { readonly kind: 'exchange'; readonly messages: number }
    | { readonly kind: 'policy' }
  );

export type PlanStep = CreateStep | ChangeStep | ReplaceStep | DeleteStep;

/** Whether it is a replacement that nobody has begun: applying the topology leaves it undone. */
export function isUndone(step: PlanStep): boolean {
  return step.action === 'replace' && !(step.kind === 'queue' && step.inProgress);
}

/** A step as a line for people. */
export function stepText({ action, kind, name, reason }: PlanStep): string {
  return `${action} ${kind} ${name}: ${reason}`;
}

/** A binding's name for people; two bindings of one name and without arguments are the same to the broker. */
export function bindingName({ source, destination, destinationKind, routingKey }: Binding): string {
  return `${source} -> ${destinationKind} ${destination}${routingKey === '' ? '' : ` by ${routingKey}`}`;
}
