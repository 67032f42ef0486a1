import { taskTypes } from '@warren/tasks';
import { diagnose } from '@warren/topology';
import type { Command } from 'commander';
import type { DelayChoice } from './delay-discovery.js';
import { gatherFacts } from './doctor-facts.js';
import { diagnosisText } from './doctor-report.js';
import {
  addressText,
  delayOption,
  type FoundBroker,
  finderOf,
  readDelay,
  type TopologyCommandContext,
  withAdvice,
} from './topology-context.js';

/** Adds `doctor` to `warren topology`. */
export function addDoctorCommand(topology: Command, context: TopologyCommandContext): void {
  topology
    .command('doctor')
    .description('look at the broker for what is wrong with it, and say how to mend it; exit code 1 on errors')
    .addOption(delayOption())
    .action((flags: unknown) => doctor(readDelay(context.env, flags), context));
}

async function doctor(delayWanted: DelayChoice, context: TopologyCommandContext): Promise<void> {
  const finder = finderOf(context);
  const broker = finder.find();
  if (broker === undefined) throw finder.missing();
  try {
    await examine(broker, delayWanted, context);
  } catch (error) {
    throw withAdvice(error, finder.adviceWhenSilent());
  }
}

async function examine(
  { amqpUrl, managementUrl, from }: FoundBroker,
  delayWanted: DelayChoice,
  { env, output, types = taskTypes }: TopologyCommandContext,
): Promise<void> {
  output.note(`broker: ${addressText(amqpUrl)} (from ${from === 'local stack' ? 'the local stack' : from})`);
  const ledgerUrl = env.LEDGER_URL || (from === 'local stack' ? null : undefined);
  const facts = await gatherFacts({ amqpUrl, managementUrl, delayWanted, ledgerUrl, now: Date.now });
  const diagnosis = diagnose(facts, types);
  const { vhost, version } = facts;
  output.result({ vhost, version, ...diagnosis }, diagnosisText(diagnosis, output));
  if (diagnosis.findings.some(({ severity }) => severity === 'error')) process.exitCode = 1;
}
