import { ManagementError, managementAddress, managementClient } from '@warren/broker';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { AddressMissingError, type AddressOrigin, addressesInUse } from './addresses.js';
import { type Environment, folderOf, type LocalContext, setting } from './local-context.js';
import { browserOpener, openBrowser, type Surroundings } from './open-browser.js';
import { PrivateBroker } from './private-broker.js';
import { findLocalStack, localStackSilence, type StackAddresses } from './stack-settings.js';

export interface BrokerUiContext extends LocalContext {
  /** Default: this machine, and whether stdout is a terminal. */
  readonly surroundings?: Pick<Surroundings, 'platform' | 'isTerminal'>;
}

/** Adds `ui` to `warren broker`. */
export function addBrokerUiCommand(broker: Command, context: BrokerUiContext): void {
  broker
    .command('ui')
    .description(
      "print the address and the user of RabbitMQ's management UI, and open it where there is a terminal with a display",
    )
    .addOption(new Option('--open', 'open it in the browser; exit code 1 where it can not be').conflicts('print'))
    .option('--print', 'print only, as when piped or with --json')
    .action((flags: unknown) => ui(context, uiFlags.parse(flags)));
}

const uiFlags = z.object({ open: z.boolean().default(false), print: z.boolean().default(false) });

async function ui(context: BrokerUiContext, flags: z.infer<typeof uiFlags>): Promise<void> {
  const { output } = context;
  const found = managementUi(context.env, standingHere(context));
  const trouble = await troubleOf(found, context);
  const wantsToOpen = flags.open || (!flags.print && !output.json);
  const notOpened = trouble ?? (wantsToOpen ? await open(found.url, context) : 'only printed');
  const { access: _access, ...shown } = found;
  output.result({ ui: { ...shown, answers: trouble === undefined, opened: notOpened === undefined } }, uiText(found));
  if (trouble !== undefined || (flags.open && notOpened !== undefined)) process.exitCode = 1;
  if (trouble !== undefined) output.note(trouble);
  else if (notOpened === undefined) output.note('opened in the browser ("--print" only prints)');
  else if (flags.open) output.note(`not opened: ${notOpened}`);
}

/** RabbitMQ's management UI, and who may log in. */
export interface ManagementUi {
  /** Its list of queues. Without credentials: it may be shown and opened. */
  readonly url: string;
  readonly user: string;
  /** There for a broker that Warren made, whose password nobody else knows. */
  readonly password?: string;
  readonly from: AddressOrigin | 'WARREN_MANAGEMENT_URL' | 'private broker';
  /** For asking whether it answers. */
  readonly access: ReturnType<typeof managementAddress>;
}

/** What runs, or has run, in this checkout. */
export interface StandingHere {
  readonly stack: StackAddresses | undefined;
  readonly privateBroker:
    | { readonly amqpUrl: string; readonly managementUrl: string; readonly running: boolean }
    | undefined;
}

function standingHere(context: LocalContext): StandingHere {
  return {
    stack: findLocalStack(context.projectRoot),
    privateBroker: PrivateBroker.find(folderOf(context).broker),
  };
}

/**
 * Which UI is meant: that of the broker that every command uses; else of the private broker where it runs; else
 * `WARREN_MANAGEMENT_URL` by itself. Throws where there is none.
 */
export function managementUi(env: Environment, { stack, privateBroker }: StandingHere): ManagementUi {
  const inUse = addressesInUse(env, stack).broker;
  const isPrivate = inUse?.amqpUrl === privateBroker?.amqpUrl;
  if (inUse !== undefined) return uiOf(managementAddress(inUse.amqpUrl, inUse.managementUrl), inUse.from, isPrivate);
  if (privateBroker?.running) {
    return uiOf(managementAddress(privateBroker.amqpUrl, privateBroker.managementUrl), 'private broker', true);
  }
  const alone = setting(env, 'WARREN_MANAGEMENT_URL');
  // Of a broker that nothing names there is no user but the one in this address, or RabbitMQ's own default.
  if (alone !== undefined) return uiOf(managementAddress('amqp://localhost', alone), 'WARREN_MANAGEMENT_URL', false);
  if (privateBroker !== undefined) throw new BrokerNotRunningError();
  throw new AddressMissingError('AMQP_URL', env);
}

function uiOf(access: ManagementUi['access'], from: ManagementUi['from'], isPrivate: boolean): ManagementUi {
  const { baseUrl, username, password } = access;
  return { url: `${baseUrl}/#/queues`, user: username, ...(isPrivate ? { password } : {}), from, access };
}

/** Why there is no point in opening it; undefined where it answers and lets the user in. */
async function troubleOf(
  { access, from, url }: ManagementUi,
  { projectRoot }: LocalContext,
): Promise<string | undefined> {
  try {
    await managementClient(access).overview();
    return undefined;
  } catch (error) {
    if (!(error instanceof ManagementError)) throw error;
    const silence =
      from === 'local stack' && error.failure === 'unreachable' ? localStackSilence(projectRoot) : undefined;
    if (silence !== undefined) return `nobody answers at ${url}: ${silence.what}; ${silence.next}`;
    if (error.failure !== 'refused') return error.message;
    return `the management UI refuses user "${access.username}" (${error.status}): correct user and password, or give the user the tag "management"`;
  }
}

/** Gives why it was not opened. */
async function open(url: string, { env, surroundings }: BrokerUiContext): Promise<string | undefined> {
  const { platform, isTerminal } = surroundings ?? {
    platform: process.platform,
    isTerminal: process.stdout.isTTY === true,
  };
  const opener = browserOpener({ platform, env, isTerminal });
  return opener.kind === 'none' ? opener.why : await openBrowser(opener, url, env);
}

function uiText({ url, user, password, from }: ManagementUi): string {
  return [
    `management  ${url}`,
    `user        ${user}`,
    `password    ${password ?? (from === 'WARREN_MANAGEMENT_URL' ? `the one of ${user}` : 'the one in AMQP_URL or WARREN_MANAGEMENT_URL')}`,
  ].join('\n');
}

class BrokerNotRunningError extends Error {
  override readonly name = 'BrokerNotRunningError';
  readonly code = 'failed';
  readonly exitCode = 1;
  readonly next = '"warren broker up" starts it, "warren up --detach" the whole stack';

  constructor() {
    super('the private broker of this checkout does not run, so it has no management UI');
  }
}
