import { taskTypes } from '@warren/tasks';
import { bootVhost, definitionsOf, definitionsText, topologyFor } from '@warren/topology';
import type { Command } from 'commander';
import { z } from 'zod';
import { brokerAddress } from './inspect-connection.js';
import {
  delayOption,
  finderOf,
  profileOption,
  readDelay,
  readProfile,
  shownDelay,
  type TopologyCommandContext,
} from './topology-context.js';
import { assertNamesFile, TopologyUsageError, writeOut } from './topology-out.js';

/** Adds `export` to `warren topology`. */
export function addExportCommand(topology: Command, context: TopologyCommandContext): void {
  topology
    .command('export')
    .description('print it as a RabbitMQ definitions file, with which a broker can boot; it has no users')
    .option('--vhost <name>', `the virtual host in it (default: that of the broker, or ${bootVhost})`)
    .addOption(delayOption())
    .addOption(profileOption())
    .option('--out <file>', 'write to this file, replacing it')
    .action((flags: unknown) => exportDefinitions(flags, context));
}

const exportFlags = z.object({
  vhost: z.string().optional(),
  out: z.string().optional(),
});

async function exportDefinitions(given: unknown, context: TopologyCommandContext): Promise<void> {
  const { vhost: wanted, out } = exportFlags.parse(given);
  assertNamesFile(out);
  if (wanted === '') throw new TopologyUsageError('--vhost', 'is empty', 'name one; RabbitMQ calls its own "/"');
  const { types = taskTypes, env, output } = context;
  const { profile, priorities } = readProfile(env, given);
  const { mechanism: delay, reason } = await shownDelay(readDelay(env, given), context);
  output.note(`delay: ${delay} (${reason})`);
  const vhost = wanted ?? foundVhost(context) ?? bootVhost;
  const definitions = definitionsOf(topologyFor({ types, delay, profile, priorities }), vhost);
  const text = definitionsText(definitions);
  if (out === undefined) {
    output.result(definitions, text.trimEnd());
    return;
  }
  await writeOut(out, text, 'the definitions');
  const { exchanges, queues, bindings, policies } = definitions;
  const counts = {
    exchanges: exchanges.length,
    queues: queues.length,
    bindings: bindings.length,
    policies: policies.length,
  };
  output.result({ file: out, vhost, delay, profile, ...counts }, '');
  output.note(
    `definitions of vhost "${vhost}" written to ${out}: ${counts.exchanges} exchanges, ${counts.queues} queues, ${counts.bindings} bindings and ${counts.policies} policies`,
  );
}

function foundVhost(context: TopologyCommandContext): string | undefined {
  const broker = finderOf(context).find();
  return broker === undefined ? undefined : brokerAddress(broker.amqpUrl).vhost;
}
