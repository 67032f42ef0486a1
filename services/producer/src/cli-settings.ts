import { type DelayChoice, delayChoice } from '@warren/broker';
import {
  AddressMissingError,
  addressesInUse,
  type BrokerInUseAddress,
  type LedgerInUseAddress,
  type StackAddresses,
} from '@warren/local';

export type LedgerSettings = LedgerInUseAddress;

export interface BrokerSettings extends BrokerInUseAddress {
  readonly delay: DelayChoice;
}

/** What a command that submits stands on. */
export interface BothSettings {
  readonly broker: BrokerSettings;
  readonly ledger: LedgerSettings;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Where both are. Throws an AddressMissingError that says what to set. */
export function bothSettings(env: Env, stack: StackAddresses | undefined): BothSettings {
  const broker = brokerSettings(env, stack);
  if (broker === undefined) throw new AddressMissingError('AMQP_URL', env);
  return { broker, ledger: ledgerSettings(env, stack) };
}

/** Throws an AddressMissingError where nothing names a ledger. */
export function ledgerSettings(env: Env, stack: StackAddresses | undefined): LedgerSettings {
  const { ledger } = addressesInUse(env, stack);
  if (ledger === undefined) throw new AddressMissingError('LEDGER_URL', env);
  return ledger;
}

/** Undefined where nothing names a broker. Throws where `WARREN_DELAY` names no delay. */
export function brokerSettings(env: Env, stack: StackAddresses | undefined): BrokerSettings | undefined {
  const delay = delayChoice.parse(env.WARREN_DELAY || undefined);
  const { broker } = addressesInUse(env, stack);
  return broker && { ...broker, delay };
}
