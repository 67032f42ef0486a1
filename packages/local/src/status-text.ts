import { dirname, join } from 'node:path';
import { addressText, alignedColumns, brokerVersion, type CommandOutput } from '@warren/broker';
import { type AddressOrigin, addressesInUse, passedByNote } from './addresses.js';
import type { Environment } from './local-context.js';
import { processName } from './service-plan.js';
import type { StackAddresses } from './stack-settings.js';
import type { StackStatus } from './stack-state.js';
import { troubleOf } from './stack-trouble.js';
import { withoutPassword } from './without-password.js';

/** Which broker and which ledger every command uses at present, and who says so. */
export interface InUse {
  readonly broker: {
    readonly amqpUrl: string;
    readonly from: AddressOrigin;
    /** RabbitMQ's; null where it does not answer. */
    readonly version: string | null;
  } | null;
  readonly ledger: { readonly url: string; readonly from: AddressOrigin } | null;
  readonly passesStackBy: boolean;
}

/** Asks the broker that counts for its version. Takes up to 5 s where it does not answer. */
export async function lookAtInUse(env: Environment, stack: StackAddresses | undefined): Promise<InUse> {
  const { broker, ledger, passesStackBy } = addressesInUse(env, stack);
  return {
    broker: broker
      ? {
          amqpUrl: broker.amqpUrl,
          from: broker.from,
          version: await brokerVersion(broker.amqpUrl).catch(() => null),
        }
      : null,
    ledger: ledger ? { url: ledger.ledgerUrl, from: ledger.from } : null,
    passesStackBy,
  };
}

/** Whether there is something to work with: the local stack, or the broker that `AMQP_URL` names. */
export function isUp(state: StackStatus['state'], { broker }: InUse): boolean {
  return broker?.from === 'AMQP_URL' ? broker.version !== null : state === 'ready';
}

export interface StatusParts {
  /** Sentences go through it: it names the commands in them and wraps them. An address stays whole. */
  readonly prose: CommandOutput['prose'];
  readonly inUse?: InUse;
}

export function statusText(now: StackStatus, { prose, inUse }: StatusParts): string {
  return [
    ...stackLines(now, prose),
    ...(inUse === undefined ? [] : inUseLines(inUse, prose)),
    ...serviceLines(now, prose),
  ].join('\n');
}

function stackLines(status: StackStatus, prose: StatusParts['prose']): string[] {
  const { state, broker, delay, ledger } = status;
  return [
    prose(`${state}${troubleText(status)}`, 'stack       '),
    ...(broker === null
      ? []
      : [`AMQP        ${broker.amqpUrl}`, `management  ${broker.managementUrl}`, `RabbitMQ    ${broker.version}`]),
    ...(delay === null ? [] : [`delay       ${delay}`]),
    ...(ledger === null ? [] : [`ledger      ${ledger.url}`]),
  ];
}

function troubleText(status: StackStatus): string {
  if (status.state === 'down') return ': "warren up" starts it';
  const trouble = troubleOf(status);
  return trouble === undefined ? '' : `: ${trouble.what}; ${trouble.next}`;
}

function inUseLines({ broker, ledger, passesStackBy }: InUse, prose: StatusParts['prose']): string[] {
  if (broker?.from !== 'AMQP_URL' && ledger?.from !== 'LEDGER_URL') {
    const said = 'use the broker and the ledger of the local stack';
    return broker === null ? [] : [prose(`${said}${broker.version === null ? silent : ''}`, 'commands    ')];
  }
  return [
    ...(passesStackBy ? [prose(passedByNote, 'commands    ')] : []),
    broker === null
      ? 'broker      none: LEDGER_URL is set, AMQP_URL is not'
      : `broker      ${addressText(broker.amqpUrl)} (from ${originText(broker.from)})${
          broker.version === null ? silent : `, RabbitMQ ${broker.version}`
        }`,
    ledger === null
      ? 'ledger      none: AMQP_URL is set, LEDGER_URL is not'
      : `ledger      ${withoutPassword(ledger.url)} (from ${originText(ledger.from)})`,
  ];
}

const silent = '; the broker does not answer';

export function originText(from: AddressOrigin): string {
  return from === 'local stack' ? 'the local stack' : from;
}

/**
 * What the supervisor starts again when it ends: the broker, where it is the stack's, and the services. Each service's log
 * has its name.
 */
function serviceLines({ broker, services }: StackStatus, prose: StatusParts['prose']): string[] {
  const supervised = [
    ...(broker?.node ? [{ name: 'broker', ...broker.node }] : []),
    ...services.map((service) => ({ ...service, name: processName(service) })),
  ];
  if (supervised.length === 0) return [];
  const brokerLog = broker?.node ? [`"warren broker logs" prints the broker's`] : [];
  const rows = supervised.map(({ name, state, pid, restarts }) => [
    name,
    state,
    pid === null ? '-' : String(pid),
    String(restarts),
  ]);
  return [
    '',
    alignedColumns(['SERVICE', 'STATE', 'PID', 'RESTARTS'], rows),
    '',
    prose([...serviceLogs(services), ...brokerLog].join('; '), 'logs        '),
  ];
}

/** All lie in one folder. */
function serviceLogs([first]: StackStatus['services']): string[] {
  return first === undefined ? [] : [join(dirname(first.log), '<service>.log')];
}
