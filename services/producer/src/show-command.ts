import {
  type Column,
  counted,
  type Field,
  formatAge,
  formatRoughly,
  formatTime,
  handActText,
  type Tone,
  truncate,
} from '@warren/cli';
import type { AttemptRun, Task } from '@warren/ledger';
import { classOf, isFinal, type TaskState } from '@warren/tasks';
import type { Command } from 'commander';
import { z } from 'zod';
import { readId } from './build-submission.js';
import { resultText } from './result-text.js';
import { standingOf } from './standing.js';
import { standingFacts } from './standing-facts.js';
import { settingsOfBroker, type TaskContext, taskOrThrow, withLedger } from './task-context.js';

/** Characters of an input that a person is shown; `--json` has it whole. */
const shownInputChars = 400;

export function addShowCommand(task: Command, context: TaskContext): void {
  task
    .command('show')
    .description('everything about one task: its state and why, every run, its result')
    .argument('<id>', 'the task')
    .action((id: string) => show(readId(id, '<id>'), context));
}

async function show(id: string, context: TaskContext): Promise<void> {
  const { output, world } = context;
  const now = world.now();
  const found = await withLedger(context, async (ledger) => {
    const task = await taskOrThrow(ledger, id);
    const [facts, runs, payload, result, actsByHand] = await Promise.all([
      standingFacts(task, ledger, settingsOfBroker(context), now),
      ledger.queries.runs(id),
      ledger.queries.payload(id),
      ledger.queries.result(id),
      ledger.queries.actsByHand(id),
    ]);
    return { task, standing: standingOf(task, facts, now), runs, payload, result, actsByHand };
  });
  const { actsByHand, runs, standing, task } = found;
  const input: unknown = found.payload === undefined ? null : JSON.parse(found.payload);
  const result: unknown = found.result === undefined ? null : JSON.parse(found.result.result);
  const cost: unknown = found.result?.cost ? JSON.parse(found.result.cost) : null;
  const next = standing.next === undefined ? null : output.hint(standing.next);
  if (output.json)
    return output.result({ ...task, why: standing.says, next, input, runs, actsByHand, result, cost }, '');

  output.fields(task, [
    ...identity(task, { says: standing.says, next, ranAttempts: runs.at(-1)?.attempt ?? 0 }, now),
    ...optionFields(task),
    ...actsByHand.map((act): Field => ['BY HAND', handActText(act, standing.says)]),
    ...contents(input, cost),
  ]);
  if (runs.length > 0) {
    output.result(null, '\nRuns, oldest first:');
    output.table(runs, runColumns(now));
  }
  if (result !== null) output.result(null, `\n${resultText(task.type, result, output)}`);
}

interface Told {
  readonly says: string;
  readonly next: string | null;
  /** The last attempt that had a run; 0: none had. */
  readonly ranAttempts: number;
}

function identity(task: Task, { next, ranAttempts, says }: Told, now: number): Field[] {
  return present([
    ['TASK', task.id],
    ['TYPE', task.type],
    ['STATE', `${task.state}: ${says}`, toneOf(task.state)],
    ['NEXT', next],
    ['ATTEMPT', attemptText(task, ranAttempts)],
    ['SUBMITTED', `${formatTime(task.createdAt)} (${formatAge(task.createdAt, now)} ago)`],
    [
      'FINISHED',
      task.finishedAt === null ? undefined : `${formatTime(task.finishedAt)} (${formatAge(task.finishedAt, now)} ago)`,
    ],
  ]);
}

/** A task that was ended while it waited for its next attempt has that attempt's number. */
function attemptText({ attempt, state }: Task, ranAttempts: number): string | undefined {
  if (attempt === 1) return undefined;
  return isFinal(state) && ranAttempts < attempt ? `${attempt}, which never ran` : String(attempt);
}

function optionFields(task: Task): Field[] {
  return present([
    ['PRIORITY', `${classOf(task.priority)} (${task.priority})`],
    ['DEADLINE', task.deadlineAt === null ? undefined : formatTime(task.deadlineAt)],
    ['EXPIRES', task.expiresMs === null ? undefined : `after ${formatRoughly(task.expiresMs)} in its queue`],
    ['TENANT', task.tenant],
    ['GROUP', task.group],
    ['ENTITIES', task.entities.join(', ')],
    ['KEY', task.idempotencyKey],
    ['CORRELATION', task.correlationId],
    ['REPLY TO', task.replyTo],
    ['DUPLICATES', task.duplicates === 0 ? undefined : `submitted again ${counted(task.duplicates, 'time')}`],
  ]);
}

function contents(input: unknown, cost: unknown): Field[] {
  return present([
    ['INPUT', truncate(JSON.stringify(input), shownInputChars)],
    ['COST', costText(cost)],
  ]);
}

type MaybeField = readonly [name: string, text: string | null | undefined, tone?: Tone | undefined];

function present(fields: readonly MaybeField[]): Field[] {
  return fields.flatMap(([name, text, tone]): Field[] => (text ? [[name, text, tone]] : []));
}

export function toneOf(state: TaskState): Tone | undefined {
  switch (state) {
    case 'completed':
      return 'good';
    case 'parked':
      return 'bad';
    case 'dead-lettered':
    case 'retry-scheduled':
    case 'snoozed':
      return 'warn';
    case 'cancelled':
    case 'discarded':
      return 'dim';
    default:
      return undefined;
  }
}

function runColumns(now: number): readonly Column<AttemptRun>[] {
  return [
    { name: 'attempt', text: (run) => String(run.attempt), align: 'right' },
    { name: 'worker', text: (run) => run.worker, yields: 1 },
    { name: 'started', text: (run) => formatTime(run.startedAt), yields: 2 },
    { name: 'took', text: (run) => formatRoughly((run.endedAt ?? now) - run.startedAt), align: 'right' },
    { name: 'outcome', text: (run) => run.outcome, tone: (run) => outcomeTone(run) },
    { name: 'error', text: (run) => (run.code === null ? '' : `${run.code}: ${run.error ?? ''}`), flexible: true },
  ];
}

function outcomeTone({ outcome }: AttemptRun): Tone | undefined {
  if (outcome === 'completed') return 'good';
  return outcome === 'failed' || outcome === 'lost' ? 'bad' : undefined;
}

const amounts = z.record(z.string(), z.number());

function costText(cost: unknown): string {
  const parsed = amounts.safeParse(cost);
  if (!parsed.success) return '';
  return Object.entries(parsed.data)
    .map(([unit, amount]) => `${unit} ${numbers.format(amount)}`)
    .join(', ');
}

const numbers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 4 });
