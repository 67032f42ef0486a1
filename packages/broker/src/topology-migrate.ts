import { type Ledger, openLedger } from '@warren/ledger';
import { migrationsOn, type RoleMigration } from '@warren/topology';
import type { Command } from 'commander';
import { z } from 'zod';
import type { MigrationProgress } from './migrate-role.js';
import { migrateTopology } from './migrate-topology.js';
import { delayOption, type TopologyCommandContext } from './topology-context.js';
import { planOn } from './topology-plan.js';
import { onFoundBroker } from './topology-plan-command.js';

/** Adds `migrate` to `warren topology`. */
export function addMigrateCommand(topology: Command, context: TopologyCommandContext): void {
  topology
    .command('migrate')
    .description(
      'replace queues that the broker can not change, while tasks go on; run again, it goes on where it stopped',
    )
    .addOption(delayOption())
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'say which queues would be replaced, and change nothing')
    .action((flags: unknown) => migrate(flags, context));
}

const flagsOf = z.object({ yes: z.boolean().default(false), dryRun: z.boolean().default(false) });

async function migrate(given: unknown, context: TopologyCommandContext): Promise<void> {
  const { yes, dryRun } = flagsOf.parse(given);
  const { output, ask } = context;
  await onFoundBroker(given, context, async ({ broker, plan: options }) => {
    const { wanted, held, vhost } = await planOn(options);
    const migrations = migrationsOn(held, wanted);
    const onProgress = progressNotes(output.note);
    if (migrations.length === 0) {
      const { ledgerUrl } = broker;
      if (ledgerUrl && !dryRun)
        await withLedger(ledgerUrl, (ledger) => migrateTopology(options, { ledger, onProgress }));
      output.result(
        { vhost, migrated: [] },
        `nothing to replace: the queues in vhost "${vhost}" are as they should be`,
      );
      return;
    }
    for (const one of migrations) output.note(migrationText(one));
    if (dryRun) {
      output.result({ vhost, migrated: [], planned: migrations.map(outlineOf) }, 'nothing was changed');
      return;
    }
    if (!yes && ask === undefined) throw new UnansweredError();
    if (!yes && ask !== undefined && !(await ask('replace them? Tasks go on meanwhile.'))) return;
    if (!broker.ledgerUrl) throw new LedgerUnnamedError();
    await withLedger(broker.ledgerUrl, (ledger) => migrateTopology(options, { ledger, onProgress }));
    output.result({ vhost, migrated: migrations.map(outlineOf) }, doneText(migrations));
  });
}

async function withLedger(url: string, work: (ledger: Ledger) => Promise<void>): Promise<void> {
  const ledger = await openLedger(url, { create: false });
  try {
    await work(ledger);
  } finally {
    await ledger.close();
  }
}

/** How often a person is told how many messages are left, in milliseconds. */
const tellEveryMs = 5_000;

function progressNotes(note: (line: string) => void): (progress: MigrationProgress) => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  return (progress) => {
    if (progress.step !== 'draining') return note(progressText(progress));
    if (progress.messages === 0 || performance.now() - toldAt < tellEveryMs) return undefined;
    toldAt = performance.now();
    return note(progressText(progress));
  };
}

function progressText(progress: MigrationProgress): string {
  const { role } = progress;
  switch (progress.step) {
    case 'opened':
      return `${role}: ${progress.queues.join(', ')} take messages`;
    case 'rerouted':
      return `${role}: ${progress.queues.join(', ')} take no more`;
    case 'draining':
      return `${role}: ${progress.messages} messages are left in the old queues${progress.consumers === 0 ? ', and nobody works them: start what consumes them' : ''}`;
    case 'closing':
      return `${role}: ${progress.queues.join(', ')} are empty; waiting until nobody consumes them`;
    case 'done':
      return `${role}: done`;
    default:
      return progress satisfies never;
  }
}

function migrationText({ role, old, fresh }: RoleMigration): string {
  return `${role}: ${old.join(', ')} -> ${fresh.map(({ name }) => name).join(', ')}`;
}

function outlineOf({ role, old, fresh }: RoleMigration) {
  return { role, old, fresh: fresh.map(({ name }) => name) };
}

function doneText(migrations: readonly RoleMigration[]): string {
  const queues = migrations.flatMap(({ old }) => old).length;
  return `${queues} ${queues === 1 ? 'queue was' : 'queues were'} replaced: "warren topology plan" finds nothing to replace now`;
}

class UnansweredError extends Error {
  override readonly name = 'UnansweredError';
  readonly code = 'usage';
  readonly exitCode = 2;
  readonly field = '--yes';
  readonly next = 'say --yes, or --dry-run to look only';

  constructor() {
    super('there is no terminal to ask on');
  }
}

class LedgerUnnamedError extends Error {
  override readonly name = 'LedgerUnnamedError';
  readonly exitCode = 2;
  readonly field = 'LEDGER_URL';
  readonly next = 'set LEDGER_URL to the ledger of the services that use this broker';

  constructor() {
    super('LEDGER_URL is not set: the services learn from the ledger which queues to consume meanwhile');
  }
}
