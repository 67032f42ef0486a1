import { CommandError, defaultNote, exitCodes, operatorName, parseName, parseNote } from '@warren/cli';
import type { ByHand, Ledger } from '@warren/ledger';
import type { Command } from 'commander';
import { z } from 'zod';
import { absenceOf } from './absent-task.js';
import { readId } from './build-submission.js';
import { type TaskContext, withLedger } from './task-context.js';

export function addCancelCommand(task: Command, context: TaskContext): void {
  task
    .command('cancel')
    .description('end tasks that are not done: a worker that has one is stopped, its result is refused')
    .argument('<id...>', 'the tasks')
    .option('--note <text>', `why, for the record (default: ${defaultNote})`)
    .option('--by <name>', 'who does it, for the record (default: who runs this)')
    .action((ids: string[], flags: unknown) => {
      const { by, note } = cancelFlags.parse(flags);
      const byHand = { by: by === undefined ? operatorName() : parseName(by, '--by'), note };
      return cancel([...new Set(ids.map((id) => readId(id, '<id>')))], byHand, context);
    });
}

const cancelFlags = z.object({
  note: z.string().transform(parseNote).default(defaultNote),
  by: z.string().optional(),
});

interface Cancelled {
  readonly id: string;
  readonly cancelled: boolean;
  /** Why not, and what to do then; null where it was. */
  readonly why: string | null;
  readonly next: string | null;
}

async function cancel(
  ids: readonly string[],
  byHand: ByHand & { readonly note: string },
  context: TaskContext,
): Promise<void> {
  const { output, world } = context;
  const outcomes = await withLedger(context, async (ledger) => {
    const done: Cancelled[] = [];
    for (const id of ids) done.push(await cancelOne(id, byHand, ledger, world.now()));
    return done;
  });
  const rows = outcomes.map(({ next: _, ...row }) => row);
  output.table(rows, [
    { name: 'task', text: ({ id }) => id },
    {
      name: 'outcome',
      text: ({ why }) => (why === null ? 'cancelled' : `refused: ${why}`),
      tone: ({ why }) => (why === null ? 'good' : 'bad'),
    },
  ]);
  const refused = outcomes.filter(({ cancelled }) => !cancelled);
  if (refused.length === 0) return;
  const [first] = refused;
  throw new CommandError(
    ids.length === 1
      ? `task ${first?.id}: ${first?.why}`
      : `${refused.length} of ${ids.length} tasks were not cancelled`,
    {
      code: 'invalid-state',
      ...(first?.next ? { next: first.next } : {}),
      exitCode: refused.length === ids.length ? exitCodes.failed : exitCodes.partlyDone,
    },
  );
}

/** A parked task's letter is closed with it, or people would go on finding it among those that wait for them. */
async function cancelOne(
  id: string,
  byHand: ByHand & { readonly note: string },
  ledger: Ledger,
  now: number,
): Promise<Cancelled> {
  const answer = await ledger.cancel(id, { now, reason: byHand.note, byHand });
  if (answer.kind === 'refused') return { id, cancelled: false, ...(await refusal(id, answer.why, ledger)) };
  const letter = await ledger.letters.find(id);
  if (letter !== undefined)
    await ledger.letters.decide(letter.id, { state: 'cancelled', resolution: byHand.note }, now);
  return { id, cancelled: true, why: null, next: null };
}

async function refusal(id: string, why: string, ledger: Ledger): Promise<Pick<Cancelled, 'why' | 'next'>> {
  if (await ledger.queries.task(id)) return { why, next: `"warren task show ${id}" tells how it stands` };
  return await absenceOf(id, ledger);
}
