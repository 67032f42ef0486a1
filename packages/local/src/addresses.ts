import { type BrokerFinder, withTlsSettings } from '@warren/broker';
import type { Environment } from './local-context.js';
import { setting } from './local-context.js';
import { localFolder } from './local-folder.js';
import { PrivateBroker } from './private-broker.js';
import { findLocalStack, localStackSilence, type StackAddresses } from './stack-settings.js';
import type { StackTrouble } from './stack-trouble.js';

/** Who says where something is: a variable of the environment, or the local stack that runs here. */
export type AddressOrigin = 'AMQP_URL' | 'LEDGER_URL' | 'local stack';

export interface BrokerInUseAddress {
  readonly amqpUrl: string;
  /** Undefined: derived from `amqpUrl`. */
  readonly managementUrl: string | undefined;
  readonly from: AddressOrigin;
}

export interface LedgerInUseAddress {
  readonly ledgerUrl: string;
  readonly from: AddressOrigin;
}

/** Where every command finds the broker and the ledger, which belong together. What nothing names is undefined. */
export interface AddressesInUse {
  readonly broker: BrokerInUseAddress | undefined;
  readonly ledger: LedgerInUseAddress | undefined;
  /** A stack runs here, and the environment names others than its broker and its ledger. */
  readonly passesStackBy: boolean;
}

/**
 * Decides which addresses count: `AMQP_URL` and `LEDGER_URL` where they are set, the running local stack's where neither
 * is. Never one from each, which would publish to one broker what another broker's ledger records; but a variable that
 * names the stack's own broker or ledger stands for both. Pure.
 */
export function addressesInUse(env: Environment, stack: StackAddresses | undefined): AddressesInUse {
  const amqpUrl = givenAmqpUrl(env);
  const ledgerUrl = setting(env, 'LEDGER_URL');
  const isStacks =
    stack !== undefined &&
    (amqpUrl === undefined || amqpUrl === stack.amqpUrl) &&
    (ledgerUrl === undefined || ledgerUrl === stack.ledgerUrl);
  const fromStack = isStacks ? stack : undefined;
  return {
    broker:
      amqpUrl === undefined
        ? fromStack && { amqpUrl: fromStack.amqpUrl, managementUrl: fromStack.managementUrl, from: 'local stack' }
        : {
            amqpUrl,
            managementUrl: setting(env, 'WARREN_MANAGEMENT_URL') ?? fromStack?.managementUrl,
            from: 'AMQP_URL',
          },
    ledger:
      ledgerUrl === undefined
        ? fromStack && { ledgerUrl: fromStack.ledgerUrl, from: 'local stack' }
        : { ledgerUrl, from: 'LEDGER_URL' },
    passesStackBy: stack !== undefined && !isStacks,
  };
}

/** What `AMQP_URL` says, with what `WARREN_TLS_CA`, `WARREN_TLS_CERT` and `WARREN_TLS_KEY` add to it. Throws a BrokerUrlError. */
export function givenAmqpUrl(env: Environment): string | undefined {
  const amqpUrl = setting(env, 'AMQP_URL');
  return amqpUrl === undefined ? undefined : withTlsSettings(amqpUrl, env);
}

/** Told once by a command that goes past a stack which runs here. */
export const passedByNote = 'AMQP_URL and LEDGER_URL say where to look: the local stack that runs here is not used';

/** Nothing names what a command needs. What was typed is right, so it is a failure and no bad usage. */
export class AddressMissingError extends Error {
  override readonly name = 'AddressMissingError';
  readonly code = 'failed';
  readonly exitCode = 1;
  readonly field: 'AMQP_URL' | 'LEDGER_URL';
  readonly next: string;

  /** @param trouble of the stack that would be used; default: of this checkout's. Null: none runs. */
  constructor(
    variable: 'AMQP_URL' | 'LEDGER_URL',
    env: Environment,
    trouble: StackTrouble | null = localStackSilence() ?? null,
  ) {
    const other = variable === 'AMQP_URL' ? 'LEDGER_URL' : 'AMQP_URL';
    const isOtherSet = setting(env, other) !== undefined;
    super(
      isOtherSet
        ? `${variable} is not set, and ${other} is: the local stack is used only where neither is set`
        : (trouble?.what ?? `${variable} is not set, and no local stack runs here`),
    );
    this.field = variable;
    this.next = isOtherSet
      ? `set ${variable} (${shapes[variable]}) as well, or unset ${other}`
      : (trouble?.next ?? 'start one with "warren up --detach", or set AMQP_URL and LEDGER_URL');
  }
}

const shapes = {
  AMQP_URL: 'amqp://user:password@host:5672/vhost',
  LEDGER_URL: 'postgres://user:password@host/db or sqlite:///path/to/ledger.db',
} as const;

/**
 * What to look at when nobody answers at an address from there. Commands in it are as `CommandOutput.hint` takes them.
 * @param trouble of the local stack; default: of this checkout's.
 */
export function adviceWhenSilent(
  from: AddressOrigin,
  trouble: StackTrouble | null = localStackSilence() ?? null,
): string {
  if (from !== 'local stack') return `check that it runs and that ${from} is right`;
  return trouble === null
    ? 'the address is that of the local stack, which says that it runs: "warren status" names its logs'
    : `${trouble.what}: ${trouble.next}`;
}

/** How commands of rooms below this one find the broker. */
export function brokerFinder(env: Environment, projectRoot?: string): BrokerFinder {
  const privateBroker = () => PrivateBroker.find(localFolder(projectRoot).broker);
  return {
    find: () => {
      const { broker, ledger } = addressesInUse(env, findLocalStack(projectRoot));
      return (
        broker && { ...broker, ledgerUrl: ledger?.ledgerUrl, isPrivate: broker.amqpUrl === privateBroker()?.amqpUrl }
      );
    },
    missing: () =>
      new AddressMissingError('AMQP_URL', env, localStackSilence(projectRoot) ?? brokerAlone(privateBroker())),
    adviceWhenSilent: () =>
      adviceWhenSilent(
        setting(env, 'AMQP_URL') === undefined ? 'local stack' : 'AMQP_URL',
        localStackSilence(projectRoot) ?? null,
      ),
  };
}

/** A private broker without a stack is used where `AMQP_URL` says so, and nowhere else. Null: none runs. Pure. */
export function brokerAlone(node: { readonly running: boolean } | undefined): StackTrouble | null {
  if (node?.running !== true) return null;
  return {
    what: 'AMQP_URL is not set, and no local stack runs here, only its broker',
    next: 'set AMQP_URL to the address of that broker ("warren broker status" prints it), or start the stack on it with "warren up --detach"',
  };
}
