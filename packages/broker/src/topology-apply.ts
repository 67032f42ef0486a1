import {
  bindingName,
  type DeleteStep,
  exchangeNames,
  isUndone,
  ladderOf,
  type PlanStep,
  stepText,
  topologyFor,
  withoutReplacements,
} from '@warren/topology';
import type { Command } from 'commander';
import { z } from 'zod';
import { type ApplySummary, applyTopology } from './apply.js';
import { type Deletion, deleteLeftovers } from './delete-leftovers.js';
import { readyCounts } from './inspect.js';
import { managementClient } from './management.js';
import { ManagementError, managementAddress } from './management-request.js';
import type { Occupation } from './queue-emptiness.js';
import { delayOption, type TopologyCommandContext } from './topology-context.js';
import { type BrokerPlan, type PlanOptions, planOn } from './topology-plan.js';
import { exitWith, onFoundBroker, type PlannedBroker, plan, topologyExitCodes } from './topology-plan-command.js';

/** Adds `apply` to `warren topology`. */
export function addApplyCommand(topology: Command, context: TopologyCommandContext): void {
  topology
    .command('apply')
    .description('make the broker hold it: declare what is missing, set policies, delete leftovers; safe to repeat')
    .addOption(delayOption())
    .option('-y, --yes', 'delete leftovers without asking; without a terminal and without it they are left')
    .option('--dry-run', 'print what it would do, as plan does')
    .option('--delete-queue <name>', 'a leftover queue to delete with its messages; may be given again', collected)
    .action((flags: unknown) => (flagsOf.parse(flags).dryRun ? plan(flags, context) : apply(flags, context)));
}

function collected(name: string, before: readonly string[] = []): readonly string[] {
  return [...before, name];
}

const flagsOf = z.object({
  yes: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  deleteQueue: z.array(z.string()).default([]),
});
type ApplyFlags = z.infer<typeof flagsOf>;

/** How many parts of a topology are meant. */
interface PartCount {
  readonly exchanges: number;
  readonly queues: number;
  readonly bindings: number;
  readonly policies: number;
}

async function apply(given: unknown, context: TopologyCommandContext): Promise<void> {
  const flags = flagsOf.parse(given);
  await onFoundBroker(given, context, async (found) => {
    const before = await planned(found.plan);
    if (before === undefined) await applyUnseen(found, context);
    else await applyPlan(before, found, flags, context);
  });
}

/** Undefined where the management API can't be used. */
async function planned(options: PlanOptions): Promise<BrokerPlan | undefined> {
  try {
    return await planOn(options);
  } catch (error) {
    if (error instanceof ManagementError) return undefined;
    throw error;
  }
}

/** Declares all, as on a broker that holds nothing else: what it does hold can't be seen. */
async function applyUnseen(
  { broker, plan: options }: PlannedBroker,
  { output }: TopologyCommandContext,
): Promise<void> {
  const topology = topologyFor(options);
  const summary = await applyTopology({ ...addressesOf(options), topology, isPrivate: broker.isPrivate ?? false });
  for (const warning of summary.warnings) output.note(`warning: ${warning}`);
  const value = { delay: options.delay, profile: options.profile, ...summary, made: null, deleted: [], left: null };
  output.result(value, output.prose(heldText(summary)));
}

async function applyPlan(
  before: BrokerPlan,
  { broker, plan: options }: PlannedBroker,
  flags: ApplyFlags,
  context: TopologyCommandContext,
): Promise<void> {
  const { output } = context;
  const { vhost, wanted, held } = before;
  refuseOthers(flags.deleteQueue, before);
  const evenFull = new Set(flags.deleteQueue);
  const steps = await agreedDeletions(before, { evenFull, yes: flags.yes, amqpUrl: options.amqpUrl }, context);
  const addresses = addressesOf(options);
  const topology = withoutReplacements(wanted, held);
  const summary = await applyTopology({ ...addresses, topology, isPrivate: broker.isPrivate ?? false });
  const management = managementClient(managementAddress(options.amqpUrl, options.managementUrl));
  if (steps.length > 0) output.note('deleting what is not wanted any more, once it is seen to be empty');
  const deletion = await deleteLeftovers({ amqpUrl: options.amqpUrl, vhost, management, steps, evenFull });
  for (const line of occupiedTexts(deletion.occupied)) output.note(line);

  const after = await planned(options);
  const made = after === undefined ? null : madeBetween(before.steps, after.steps);
  const left = after?.steps ?? null;
  for (const warning of summary.warnings) output.note(`warning: ${warning}`);
  const replacements = (left ?? before.steps).filter(({ action }) => action === 'replace');
  for (const step of replacements) output.note(stepText(step));
  const { deleted } = deletion;
  const value = { delay: options.delay, profile: options.profile, ...summary, made, deleted, left };
  output.result(
    value,
    output.prose([heldText(summary), madeText(made), deletedText(deleted)].filter(Boolean).join('; ')),
  );
  if (replacements.some(isUndone)) exitWith(topologyExitCodes.partlyDone, context);
}

function addressesOf({ amqpUrl, managementUrl }: PlanOptions) {
  return { amqpUrl, ...(managementUrl === undefined ? {} : { managementUrl }) };
}

/** A queue to delete with its messages must be one that is not wanted: no flag makes this command break what works. */
function refuseOthers(named: readonly string[], { steps, held }: BrokerPlan): void {
  for (const name of named) {
    const exists = held.queues.some((queue) => queue.name === name);
    if (exists && !steps.some((step) => step.action === 'delete' && step.kind === 'queue' && step.name === name)) {
      throw new QueueWantedError(name);
    }
  }
}

class QueueWantedError extends Error {
  override readonly name = 'QueueWantedError';
  readonly code = 'usage';
  readonly exitCode = 2;
  readonly field = '--delete-queue';
  readonly next = '"warren topology plan" lists the leftovers';

  constructor(queue: string) {
    super(`--delete-queue: queue "${queue}" is no leftover of Warren's: it is wanted, replaced, or somebody else's`);
  }
}

/** The deletions to make: all that are possible as far as can be seen at once, if the person agrees. */
async function agreedDeletions(
  { steps }: BrokerPlan,
  { evenFull, yes, amqpUrl }: { evenFull: ReadonlySet<string>; yes: boolean; amqpUrl: string },
  { output, ask }: TopologyCommandContext,
): Promise<readonly DeleteStep[]> {
  const deletions = steps.filter((step) => step.action === 'delete');
  const full = await fullHolders(deletions, evenFull, amqpUrl);
  for (const line of occupiedTexts(full)) output.note(line);
  const possible = deletions.filter(({ whenEmpty }) => !whenEmpty.some(({ name }) => full.has(name)));
  if (possible.length === 0 || yes) return possible;
  const what = leftoversText(possible);
  if (ask === undefined) {
    output.note(`left: ${what}; nobody can be asked here whether to delete that: --yes does`);
    return [];
  }
  if (await ask(`not wanted any more: ${what}. Delete that?`)) return possible;
  output.note(`left: ${what}`);
  return [];
}

/** What holds messages that can be seen at once; unacknowledged ones are looked for when it is deleted. */
async function fullHolders(
  deletions: readonly DeleteStep[],
  evenFull: ReadonlySet<string>,
  amqpUrl: string,
): Promise<ReadonlyMap<string, Occupation>> {
  const queues = deletions.flatMap(({ kind, name }) => (kind === 'queue' && !evenFull.has(name) ? [name] : []));
  const ready = queues.length === 0 ? [] : [...(await readyCounts(amqpUrl, queues))];
  const held = deletions.flatMap((step): [string, number][] =>
    step.kind === 'exchange' ? [[step.name, step.messages]] : [],
  );
  return new Map(
    [...ready, ...held].flatMap(([name, messages]): [string, Occupation][] =>
      messages > 0 ? [[name, { kind: 'messages', messages }]] : [],
    ),
  );
}

function occupiedTexts(occupied: ReadonlyMap<string, Occupation>): string[] {
  return [...occupied].map(([name, found]) => `left: ${name}, with what belongs to it: ${occupiedText(name, found)}`);
}

function occupiedText(name: string, found: Occupation): string {
  switch (found.kind) {
    case 'messages': {
      const them = `it holds ${found.messages} ${found.messages === 1 ? 'message' : 'messages'}`;
      if (name === exchangeNames.delayed) return `${them} back; apply again when they have gone out`;
      return `${them}; apply again when it is empty, or name it by --delete-queue to lose them`;
    }
    case 'consumers':
      return 'it is consumed; stop who does, then apply again';
    case 'unknown':
      return "the broker's statistics did not tell in time whether it is empty; apply again";
    default:
      return found satisfies never;
  }
}

/** A ladder by its name, and of bindings only those that go alone. */
function leftoversText(deletions: readonly DeleteStep[]): string {
  const named = deletions.flatMap((step) => {
    if (step.kind === 'binding') return step.whenEmpty.length === 0 ? [`binding ${bindingName(step.binding)}`] : [];
    const ladder = ladderOf(step.name);
    return [ladder === undefined ? `${step.kind} ${step.name}` : `delay ladder ${ladder}`];
  });
  return [...new Set(named)].join(', ');
}

/** What was to be created and is there now. Who applies at the same moment made some of it. */
function madeBetween(before: readonly PlanStep[], after: readonly PlanStep[]): PartCount {
  const toCreate = (steps: readonly PlanStep[], kind: PlanStep['kind']) =>
    steps.flatMap((step) => (step.action === 'create' && step.kind === kind ? [step.name] : []));
  const made = (kind: PlanStep['kind']) => {
    const missing = new Set(toCreate(after, kind));
    return toCreate(before, kind).filter((name) => !missing.has(name)).length;
  };
  return { exchanges: made('exchange'), queues: made('queue'), bindings: made('binding'), policies: made('policy') };
}

function heldText({ vhost, exchanges, queues, bindings, policies }: ApplySummary): string {
  return `vhost "${vhost}" holds ${exchanges} exchanges, ${queues} queues, ${bindings} bindings and ${policies} policies of Warren's`;
}

function madeText(made: PartCount | null): string {
  if (made === null) return '';
  const { exchanges, queues, bindings, policies } = made;
  return exchanges + queues + bindings + policies === 0
    ? 'all of them were there already'
    : `new are ${exchanges} of the exchanges, ${queues} of the queues, ${bindings} of the bindings and ${policies} of the policies`;
}

function deletedText(deleted: Deletion['deleted']): string {
  const lost = deleted.reduce((sum, { messages = 0 }) => sum + messages, 0);
  const plurals = { exchange: 'exchanges', queue: 'queues', binding: 'bindings', policy: 'policies' } as const;
  const kinds = (['exchange', 'queue', 'binding', 'policy'] as const).flatMap((kind) => {
    const count = deleted.filter((one) => one.kind === kind).length;
    return count === 0 ? [] : [`${count} ${count === 1 ? kind : plurals[kind]}`];
  });
  if (kinds.length === 0) return '';
  return `deleted: ${kinds.join(', ')}${lost === 0 ? '' : `, and ${lost === 1 ? '1 message' : `${lost} messages`}`}`;
}
