import type { Command } from 'commander';
import { z } from 'zod';
import { addBrokerUiCommand } from './broker-ui.js';
import { brokerInUse, givenBroker, versionOf } from './local-broker.js';
import { folderOf, type LocalContext } from './local-context.js';
import { lastLines } from './log-tail.js';
import { PrivateBroker } from './private-broker.js';
import { readStack, statusOf } from './stack-state.js';

const defaultLogLines = 50;

/** Adds `warren broker up | status | down | logs | ui`. */
export function addBrokerCommands(program: Command, context: LocalContext): void {
  const broker = program
    .command('broker')
    .description('a private RabbitMQ node of this checkout, or the one that AMQP_URL names');
  broker
    .command('up')
    .description('start it, after installing RabbitMQ where it is missing and can be')
    .action(() => up(context));
  broker
    .command('status')
    .description('print its addresses and whether it runs; exit code 1 when it does not')
    .action(() => status(context));
  broker
    .command('down')
    .description('stop the private node; its data stays')
    .action(() => down(context));
  broker
    .command('logs')
    .description("print the end of the private node's log")
    .option('--lines <count>', 'how many lines', String(defaultLogLines))
    .action((flags: unknown) => logs(context, flags));
  addBrokerUiCommand(broker, context);
}

async function up(context: LocalContext): Promise<void> {
  const { output, env } = context;
  const folder = folderOf(context);
  const { startedHere, ...broker } = await brokerInUse(env, folder, output.note);
  if (!startedHere) output.note('the broker was there already');
  const isAlone = givenBroker(env) === undefined && statusOf(readStack(folder)).supervisor === null;
  const text = isAlone ? `${addressText(broker)}\n\n${whatNext(broker, output)}` : addressText(broker);
  output.result({ broker: { ...broker, running: true } }, text);
}

/** Of a private broker that no stack runs on yet. The line to be pasted has its variable before the command. */
function whatNext({ amqpUrl }: Pick<BrokerReport, 'amqpUrl'>, { prose, hint }: LocalContext['output']): string {
  return [
    prose('"warren up --detach" runs the stack on it, "warren broker ui" opens its management UI.'),
    prose('Without a stack, commands use it where AMQP_URL names it:'),
    `  AMQP_URL=${amqpUrl} ${hint('warren topology apply')}`,
    prose('"warren broker down" stops it.'),
  ].join('\n');
}

async function status(context: LocalContext): Promise<void> {
  const { output, env } = context;
  const given = givenBroker(env);
  if (given !== undefined) {
    const version = await versionOf(given);
    return report(context, { ...given, version, running: version !== 'unknown' });
  }
  const found = PrivateBroker.find(folderOf(context).broker);
  if (found === undefined) {
    output.result(
      { broker: null },
      output.hint('no private broker was ever started here: "warren broker up" starts one'),
    );
    process.exitCode = 1;
    return;
  }
  const { amqpUrl, managementUrl, version, running, pid } = found;
  report(context, { amqpUrl, managementUrl, version, running, ...(pid === undefined ? {} : { pid }) });
}

interface BrokerReport {
  readonly amqpUrl: string;
  readonly managementUrl: string;
  readonly version: string;
  readonly running: boolean;
  readonly pid?: number;
}

function report({ output }: LocalContext, broker: BrokerReport): void {
  const state = broker.running ? 'running' : 'not running';
  output.result({ broker }, `${state}${broker.pid === undefined ? '' : `, pid ${broker.pid}`}\n${addressText(broker)}`);
  if (!broker.running) process.exitCode = 1;
}

async function down(context: LocalContext): Promise<void> {
  const { output, env } = context;
  if (givenBroker(env) !== undefined) {
    throw new Error(
      'AMQP_URL names a broker that Warren did not start and so does not stop: unset it to stop the private one',
    );
  }
  const stack = readStack(folderOf(context));
  if (stack?.broker?.node && statusOf(stack).supervisor !== null) {
    throw new Error(
      `the local stack runs on this broker, and its supervisor would start it again: "warren down" ends the stack ${stack.broker.startedHere ? 'with its broker' : 'first, and leaves the broker running, as it found it; then this command stops it'}`,
    );
  }
  const found = PrivateBroker.find(folderOf(context).broker);
  const stopped = found?.running ?? false;
  await found?.stop();
  output.result({ stopped }, stopped ? 'the private broker is stopped' : 'no private broker was running');
}

const logFlags = z.object({
  lines: z.coerce.number({ error: '--lines must be a number' }).int().min(1).max(2_000),
});

function logs(context: LocalContext, flags: unknown): void {
  const { lines } = logFlags.parse(flags);
  const found = PrivateBroker.find(folderOf(context).broker);
  if (found === undefined) throw new Error('no private broker was ever started here: "warren broker up" starts one');
  const text = lastLines(found.logFile, lines);
  context.output.note(found.logFile);
  context.output.result({ file: found.logFile, lines: text }, text.join('\n'));
}

function addressText({
  amqpUrl,
  managementUrl,
  version,
}: Pick<BrokerReport, 'amqpUrl' | 'managementUrl' | 'version'>): string {
  return [`AMQP        ${amqpUrl}`, `management  ${managementUrl}`, `RabbitMQ    ${version}`].join('\n');
}
