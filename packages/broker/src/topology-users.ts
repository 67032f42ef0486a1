import { taskTypes } from '@warren/tasks';
import { type BrokerUser, brokerUsers, foldedTopics, topologyFor } from '@warren/topology';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { discoverDelay } from './delay-discovery.js';
import { brokerAddress } from './inspect-connection.js';
import { managementAddress } from './management-request.js';
import { usersClient } from './management-users.js';
import {
  delayOption,
  type FoundBroker,
  finderOf,
  readDelay,
  shownDelay,
  type TopologyCommandContext,
  withAdvice,
} from './topology-context.js';
import { applyUsers, type NamedUser, type UserOutcome, type UsersSummary } from './user-apply.js';
import { passwordVariable } from './user-passwords.js';

const formats = ['text', 'rabbitmqctl'] as const;

/** The virtual host to name where no broker says one. */
const usualVhost = 'warren';
const usualPrefix = 'warren-';

/** Adds `users` to `warren topology`. */
export function addUsersCommand(topology: Command, context: TopologyCommandContext): void {
  topology
    .command('users')
    .description('one broker user a service, each with what it needs alone: print them, or make them with --apply')
    .addOption(new Option('--format <format>', 'text, or rabbitmqctl (commands for a shell)').choices(formats))
    .addOption(delayOption())
    .option('--prefix <text>', `what each user's name begins with (default: ${usualPrefix})`)
    .option('--apply', 'create or update them on the broker, by the management API; safe to repeat')
    .option('--password-dir <folder>', 'with --apply: a file for each user, of its name, with its password')
    .option('--no-passwords', 'with --apply: users log in by client certificate alone')
    .option('--yes', 'with --apply: change users that exist without asking')
    .addHelpText(
      'after',
      `
With --apply a password comes from ${passwordVariable('producer')} and the like, else from
--password-dir. A new user that has neither gets one, which is printed once; one
that exists keeps its own. Where users log in by certificate, its common name is
the user's name.`,
    )
    .action((flags: unknown) => users(flags, context));
}

const usersFlags = z.object({
  format: z.enum(formats).optional(),
  delay: z.string().optional(),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]*$/, { error: '--prefix takes letters, digits, dots, hyphens and underscores' })
    .default(usualPrefix),
  apply: z.boolean().default(false),
  passwordDir: z.string().min(1, { error: '--password-dir names no folder' }).optional(),
  passwords: z.boolean().default(true),
  yes: z.boolean().default(false),
});
type UsersFlags = z.infer<typeof usersFlags>;

async function users(given: unknown, context: TopologyCommandContext): Promise<void> {
  const flags = usersFlags.parse(given);
  refuseContradictions(flags);
  if (flags.apply) await apply(flags, context);
  else await print(flags, context);
}

function refuseContradictions({ apply: applies, format, passwordDir, passwords }: UsersFlags): void {
  if (applies && format !== undefined) {
    throw new UsersUsageError('--format', 'has no say with --apply', 'drop one of them');
  }
  if (passwordDir !== undefined && !passwords) {
    throw new UsersUsageError('--password-dir', 'gives passwords, and --no-passwords takes them', 'drop one of them');
  }
  const needsApply = [
    ...(passwordDir === undefined ? [] : ['--password-dir']),
    ...(passwords ? [] : ['--no-passwords']),
  ];
  const [lonely] = applies ? [] : needsApply;
  if (lonely !== undefined) throw new UsersUsageError(lonely, 'has no say without --apply', 'add --apply, or drop it');
}

async function print(flags: UsersFlags, context: TopologyCommandContext): Promise<void> {
  const { env, output, types = taskTypes } = context;
  const { mechanism: delay, reason } = await shownDelay(readDelay(env, flags), context);
  output.note(`delay: ${delay} (${reason})`);
  const broker = finderOf(context).find();
  const vhost = broker === undefined ? usualVhost : brokerAddress(broker.amqpUrl).vhost;
  const named = namedUsers(brokerUsers(topologyFor({ types, delay, profile: 'classic' }), types), flags.prefix);
  if (flags.format === 'rabbitmqctl') {
    const commands = named.flatMap((user) => commandsOf(user, vhost));
    output.result({ vhost, delay, commands }, commands.join('\n'));
    return;
  }
  output.result({ vhost, delay, users: named }, named.map(userText).join('\n\n'));
}

function namedUsers(roles: readonly BrokerUser[], prefix: string): NamedUser[] {
  return roles.map((user) => ({ name: `${prefix}${user.role}`, ...user }));
}

/** Patterns are too long for columns. */
function userText({ name, permissions, purpose, tags, topicPermissions }: NamedUser): string {
  const lines = [
    ...Object.entries(permissions).map(([right, pattern]) => `  ${right.padEnd(9)}  ${pattern}`),
    ...foldedTopics(topicPermissions).map(({ exchange, write }) => `  keys       on ${exchange}: ${write}`),
    ...(tags.length === 0 ? [] : [`  tags       ${tags.join(', ')}`]),
  ];
  return [`${name}: ${purpose}`, ...lines].join('\n');
}

/** `add_user` asks for the password. Nothing in a pattern ends a shell's quotation. */
function commandsOf({ name, permissions, tags, topicPermissions }: NamedUser, vhost: string): string[] {
  const on = `--vhost '${vhost.replaceAll("'", `'\\''`)}' ${name}`;
  const { configure, write, read } = permissions;
  return [
    `rabbitmqctl add_user ${name}`,
    ...(tags.length === 0 ? [] : [`rabbitmqctl set_user_tags ${name} ${tags.join(' ')}`]),
    ...topicPermissions.map(
      (topic) => `rabbitmqctl set_topic_permissions ${on} '${topic.exchange}' '${topic.write}' '${topic.read}'`,
    ),
    `rabbitmqctl set_permissions ${on} '${configure}' '${write}' '${read}'`,
  ];
}

async function apply(flags: UsersFlags, context: TopologyCommandContext): Promise<void> {
  const finder = finderOf(context);
  const broker = finder.find();
  if (broker === undefined) throw finder.missing();
  try {
    await applyTo(broker, flags, context);
  } catch (error) {
    throw withAdvice(error, finder.adviceWhenSilent());
  }
}

async function applyTo(
  { amqpUrl, managementUrl }: FoundBroker,
  flags: UsersFlags,
  context: TopologyCommandContext,
): Promise<void> {
  const { confirm = yesOrNobody, env, output, types = taskTypes } = context;
  const { delay, reason } = await discoverDelay({ amqpUrl, wanted: readDelay(env, flags) });
  output.note(`delay: ${delay.mechanism} (${reason})`);
  const { vhost } = brokerAddress(amqpUrl);
  const address = managementAddress(amqpUrl, managementUrl);
  const topology = topologyFor({ types, delay: delay.mechanism, profile: 'classic' });
  const summary = await applyUsers(namedUsers(brokerUsers(topology, types), flags.prefix), {
    client: usersClient(address),
    vhost,
    administrator: address.username,
    prefix: flags.prefix,
    passwords: flags.passwords ? { env, folder: flags.passwordDir } : 'none',
    mayChange: (question) => confirm(question, flags.yes),
  });
  if (summary === undefined) {
    output.note('nothing was done');
    return;
  }
  tell(summary, { amqpUrl, vhost }, context);
  if (summary.failure !== undefined) throw summary.failure;
}

/** Where nobody can be asked. */
async function yesOrNobody(question: string, yes: boolean): Promise<boolean> {
  if (yes) return true;
  throw new UsersUsageError(
    '--yes',
    `is missing, and nobody can answer "${question}"`,
    'pass --yes to go on without being asked',
  );
}

function tell(
  { leftovers, outcomes }: UsersSummary,
  { amqpUrl, vhost }: { readonly amqpUrl: string; readonly vhost: string },
  { output }: TopologyCommandContext,
): void {
  const example = outcomes.at(-1);
  const hasMade = outcomes.some(({ password }) => password !== undefined);
  const lines = [
    ...outcomes.map(outcomeText),
    ...(hasMade
      ? ['', output.prose('These passwords are shown this once and kept nowhere: the broker has their hashes.')]
      : []),
    ...(example === undefined
      ? []
      : [output.prose(`Each service finds its own in AMQP_URL: ${exampleUrl(amqpUrl, example.name)}`)]),
  ];
  output.result({ vhost, users: outcomes, leftovers }, lines.join('\n'));
  for (const name of leftovers)
    output.note(`user ${name} is none of these and keeps what it may do: remove it where nobody needs it`);
}

function outcomeText({ action, changes, name, password }: UserOutcome): string {
  const did = action === 'changed' ? `changed: ${changes.join(', ')}` : action;
  return `${name}  ${did}${password === undefined ? '' : `, password ${password}`}`;
}

/** Somebody else's credentials and certificates left out. */
function exampleUrl(amqpUrl: string, name: string): string {
  return amqpUrl.replaceAll(/(amqps?:\/\/)(?:[^@,]*@)?/g, `$1${name}:<password>@`).replaceAll(/\?[^,]*/g, '');
}

/** The command line is wrong: nothing was done. */
class UsersUsageError extends Error {
  override readonly name = 'UsersUsageError';
  readonly code = 'usage';
  readonly exitCode = 2;
  readonly field: string;
  readonly next: string;

  constructor(field: string, what: string, next: string) {
    super(`${field} ${what}`);
    this.field = field;
    this.next = next;
  }
}
