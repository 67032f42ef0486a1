import { type DelayChoice, delayChoice } from '@warren/broker';
import { UsageError } from '@warren/cli';
import type { StackAddresses } from '@warren/local';

export interface LedgerSettings {
  readonly ledgerUrl: string;
}

export interface BrokerSettings {
  readonly amqpUrl: string;
  readonly managementUrl: string | undefined;
  readonly delay: DelayChoice;
}

type Env = Readonly<Record<string, string | undefined>>;
type FindStack = () => StackAddresses | undefined;

/** Where both are. Throws a UsageError that says what to set. */
export function bothSettings(env: Env, findStack: FindStack): LedgerSettings & BrokerSettings {
  const broker = brokerSettings(env, findStack);
  if (broker === undefined) throw notSet('AMQP_URL', env);
  return { ...broker, ...ledgerSettings(env, findStack) };
}

/** `LEDGER_URL`, or the running local stack's. */
export function ledgerSettings(env: Env, findStack: FindStack): LedgerSettings {
  const given = settingOf(env, 'LEDGER_URL');
  if (given !== undefined) return { ledgerUrl: given };
  const stack = stackUnlessMixed(env, findStack);
  if (stack === undefined) throw notSet('LEDGER_URL', env);
  return { ledgerUrl: stack.ledgerUrl };
}

/** `AMQP_URL`, or the running local stack's; undefined where there is neither. */
export function brokerSettings(env: Env, findStack: FindStack): BrokerSettings | undefined {
  const delay = delayChoice.parse(settingOf(env, 'WARREN_DELAY'));
  const amqpUrl = settingOf(env, 'AMQP_URL');
  if (amqpUrl !== undefined) return { amqpUrl, managementUrl: settingOf(env, 'WARREN_MANAGEMENT_URL'), delay };
  const stack = stackUnlessMixed(env, findStack);
  return stack && { amqpUrl: stack.amqpUrl, managementUrl: stack.managementUrl, delay };
}

/** One from the environment and one from the stack would publish to one broker what another broker's ledger records. */
function stackUnlessMixed(env: Env, findStack: FindStack): StackAddresses | undefined {
  const isMixed = settingOf(env, 'AMQP_URL') !== undefined || settingOf(env, 'LEDGER_URL') !== undefined;
  return isMixed ? undefined : findStack();
}

function notSet(variable: 'AMQP_URL' | 'LEDGER_URL', env: Env): UsageError {
  const other = variable === 'AMQP_URL' ? 'LEDGER_URL' : 'AMQP_URL';
  const isOtherSet = settingOf(env, other) !== undefined;
  const example =
    variable === 'AMQP_URL' ? 'amqp://user:password@host:5672/vhost' : 'postgres://user:password@host/db or a file';
  return new UsageError(
    isOtherSet
      ? `${variable} is not set, and ${other} is: the local stack is used only where neither is set`
      : `${variable} is not set, and no local stack runs here`,
    {
      field: variable,
      next: isOtherSet
        ? `set ${variable} (${example}) as well, or unset ${other}`
        : `run \`warren up --detach\`, or set AMQP_URL and LEDGER_URL`,
    },
  );
}

function settingOf(env: Env, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}
