import { taskTypes } from '@warren/tasks';
import { type PlanStep, stepText } from '@warren/topology';
import type { Command } from 'commander';
import { discoverDelay } from './delay-discovery.js';
import { ManagementError } from './management-request.js';
import { assertPriorities } from './profile-choice.js';
import {
  addressText,
  delayOption,
  delaySource,
  type FoundBroker,
  finderOf,
  readDelay,
  readProfile,
  type TopologyCommandContext,
  withAdvice,
} from './topology-context.js';
import { type BrokerPlan, type PlanOptions, planOn } from './topology-plan.js';

/** Exit codes of these commands besides 0, 1 and 2. */
export const topologyExitCodes = { partlyDone: 3, differences: 4 } as const;

/** Adds `plan` to `warren topology`. */
export function addPlanCommand(topology: Command, context: TopologyCommandContext): void {
  topology
    .command('plan')
    .description('print what apply would do, a line each with the reason; exit code 4 where there is something')
    .addOption(delayOption())
    .action((flags: unknown) => plan(flags, context));
}

/** Prints the plan. Its exit code tells whether there is a difference. */
export async function plan(flags: unknown, context: TopologyCommandContext): Promise<void> {
  const { output } = context;
  await onFoundBroker(flags, context, async ({ plan: options }) => {
    const found = await planOn(options).catch((error: unknown) => {
      throw error instanceof ManagementError ? notComparable(error) : error;
    });
    for (const warning of found.warnings) output.note(`warning: ${warning}`);
    const { vhost, steps, warnings } = found;
    const { delay, profile } = options;
    output.result({ vhost, delay, profile, steps, warnings }, planText(found, context));
    if (steps.length > 0) exitWith(topologyExitCodes.differences, context);
  });
}

/** A broker that was found, and what it should be compared with. */
export interface PlannedBroker {
  readonly broker: FoundBroker;
  readonly plan: PlanOptions;
}

/** Finds the broker and which delay it has, tells the person both, and works on it. */
export async function onFoundBroker(
  flags: unknown,
  context: TopologyCommandContext,
  work: (found: PlannedBroker) => Promise<void>,
): Promise<void> {
  const { env, output, types = taskTypes } = context;
  const [wanted, settings, finder] = [readDelay(env, flags), readProfile(env), finderOf(context)];
  const broker = finder.find();
  if (broker === undefined) throw finder.missing();
  try {
    const { amqpUrl, managementUrl, from } = broker;
    output.note(`broker: ${addressText(amqpUrl)} (from ${from === 'local stack' ? 'the local stack' : from})`);
    const { delay, reason, brokerVersion } = await discoverDelay({ amqpUrl, wanted, wantedBy: delaySource(flags) });
    assertPriorities(settings.priorities, brokerVersion);
    output.note(`delay: ${delay.mechanism} (${reason})`);
    await work({ broker, plan: { amqpUrl, managementUrl, types, delay: delay.mechanism, ...settings } });
  } catch (error) {
    throw withAdvice(error, finder.adviceWhenSilent());
  }
}

export function exitWith(code: number, context: Pick<TopologyCommandContext, 'exitWith'>): void {
  if (context.exitWith !== undefined) context.exitWith(code);
  else process.exitCode = code;
}

/** Its message says already what to do. */
function notComparable(error: ManagementError): Error {
  return new Error(
    `what the broker holds can't be compared, since the management API can't be used: ${error.message}`,
    {
      cause: error,
    },
  );
}

function planText(
  { vhost, steps }: Pick<BrokerPlan, 'vhost' | 'steps'>,
  { output }: Pick<TopologyCommandContext, 'output'>,
): string {
  if (steps.length === 0) return `no difference: vhost "${vhost}" holds what it should`;
  return steps.map((step: PlanStep) => output.prose(stepText(step))).join('\n');
}
