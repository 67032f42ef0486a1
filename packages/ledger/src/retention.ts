import { finalStates } from '@warren/tasks';
import { type ExpressionBuilder, sql, type Transaction } from 'kysely';
import type { LedgerDatabase } from './database.js';
import { closedLetterStates, type LetterState, openLetterStates } from './letter.js';
import type { Tables } from './schema.js';
import { inTransaction, persistently } from './transactions.js';

/** How long, in milliseconds, and how many are kept. 0: for ever, and any number. */
export interface RetentionLimits {
  /** Completed tasks, from their end on. */
  readonly completedMs: number;
  /** Cancelled and discarded tasks, from their end on. */
  readonly cancelledMs: number;
  /** Letters that nobody waits for any more (settled, or a person decided), from then on. */
  readonly lettersMs: number;
  /** Of the tasks in each final state, and of the letters in each closed one, the newest are kept. */
  readonly maxTasks: number;
  readonly maxLetters: number;
}

type FinalState = (typeof finalStates)[number];

/** What may go of the tasks or letters in one state: what ended before a time, and all but the newest so many. */
export type RetentionRule = (
  | { readonly of: 'tasks'; readonly state: FinalState }
  | { readonly of: 'letters'; readonly state: LetterState }
) & {
  /** Epoch milliseconds; null: age alone lets nothing go. */
  readonly endedBefore: number | null;
  /** Null: any number is kept. */
  readonly keepNewest: number | null;
};

/** What the limits let go at this time. A state of which everything is kept has no rule. */
export function retentionRules(limits: RetentionLimits, now: number): readonly RetentionRule[] {
  const { cancelledMs, completedMs, lettersMs, maxLetters, maxTasks } = limits;
  const tasks = finalStates.map((state) => ({
    of: 'tasks' as const,
    state,
    endedBefore: before(now, state === 'completed' ? completedMs : cancelledMs),
    keepNewest: orNull(maxTasks),
  }));
  const letters = closedLetterStates.map((state) => ({
    of: 'letters' as const,
    state,
    endedBefore: before(now, lettersMs),
    keepNewest: orNull(maxLetters),
  }));
  return [...letters, ...tasks].filter(({ endedBefore, keepNewest }) => endedBefore !== null || keepNewest !== null);
}

function before(now: number, ms: number): number | null {
  return ms === 0 ? null : now - ms;
}

function orNull(count: number): number | null {
  return count === 0 ? null : count;
}

/** A place in the order in which the tasks or letters of one state ended; those of one millisecond by their ids. */
export interface Ended {
  readonly at: number;
  readonly id: string;
}

/** What one transaction deleted. */
export interface Pruned {
  readonly tasks: number;
  readonly attempts: number;
  readonly letters: number;
  /** Whether more may be left. */
  readonly more: boolean;
}

/**
 * Deletes what is kept long enough. A task goes with its input, its result, its attempts, its letter and the record of
 * what people did about it, and only from a final state and while that letter is closed; a letter only while it is closed,
 * and its task, if it has one, final.
 */
export interface Prunes {
  /** The newest that the rule lets go; undefined: none. Looks through as many entries of an index as are to be kept. */
  last(rule: RetentionRule): Promise<Ended | undefined>;
  /**
   * One transaction of `maxRows` rows at the most (10 or more), whatever hangs on a task or a letter: of the rule's state
   * the oldest, up to `last`.
   */
  next(rule: RetentionRule, last: Ended, maxRows: number): Promise<Pruned>;
}

export function createPrunes(database: LedgerDatabase): Prunes {
  return {
    last: (rule) => findLast(database, rule),
    next: (rule, last, maxRows) =>
      inTransaction(database, (transaction) => {
        switch (rule.of) {
          case 'tasks':
            return pruneTasks(database, transaction, rule.state, last, maxRows);
          case 'letters':
            return pruneLetters(database, transaction, rule.state, last, maxRows);
        }
      }),
  };
}

async function findLast(database: LedgerDatabase, rule: RetentionRule): Promise<Ended | undefined> {
  // No id sorts before the empty one: all that ended earlier, and none at that time.
  const byAge = rule.endedBefore === null ? undefined : { at: rule.endedBefore, id: '' };
  const byCount = rule.keepNewest === null ? undefined : await behindNewest(database, rule, rule.keepNewest);
  if (!byAge || !byCount) return byAge ?? byCount;
  return byCount.at >= byAge.at ? byCount : byAge;
}

async function behindNewest(
  database: LedgerDatabase,
  { of, state }: RetentionRule,
  count: number,
): Promise<Ended | undefined> {
  const [table, at] = of === 'tasks' ? ['tasks', 'finished_at'] : ['dead_letters', 'resolved_at'];
  const { rows } = await persistently(database, (db) =>
    sql<Ended>`
      select ${sql.ref(at)} as at, id from ${sql.table(table)}
      where state = ${state} and ${sql.ref(at)} is not null
      order by ${sql.ref(at)} desc, id desc limit 1 offset ${count}
    `.execute(db),
  );
  return rows[0];
}

/** The rows that always go: a letter; a task, its input, its result and its letter. */
const rowsOfOne = { tasks: 4, letters: 1 } as const;

/** A finished task, or a closed letter, and how many rows of a history it has; above a batch's rows it may be given as that. */
interface Candidate {
  readonly id: string;
  readonly attempts: number;
  /** What people did about it. */
  readonly acts: number;
}

/** What fits in one batch: whole tasks or letters; or, of one that is too large for any, part of its history in advance. */
export type Batch =
  | { readonly kind: 'whole'; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'part'; readonly id: string; readonly attempts: number; readonly acts: number };

/** The longest beginning of `candidates` that has no more than `maxRows` rows. */
export function batchOf(of: RetentionRule['of'], candidates: readonly Candidate[], maxRows: number): Batch {
  const whole: Candidate[] = [];
  let room = maxRows;
  for (const candidate of candidates) {
    room -= rowsOfOne[of] + candidate.attempts + candidate.acts;
    if (room < 0) break;
    whole.push(candidate);
  }
  const [first] = candidates;
  if (whole.length > 0 || !first) return { kind: 'whole', candidates: whole };
  const attempts = Math.min(first.attempts, maxRows);
  return { kind: 'part', id: first.id, attempts, acts: Math.min(first.acts, maxRows - attempts) };
}

async function pruneTasks(
  database: LedgerDatabase,
  transaction: Transaction<Tables>,
  state: FinalState,
  last: Ended,
  maxRows: number,
): Promise<Pruned> {
  const batch = batchOf('tasks', await holdTasks(database, transaction, state, last, maxRows), maxRows);
  if (batch.kind === 'part') return await prunePart(transaction, 'task_id', batch);
  const attempts = new Map(batch.candidates.map((task) => [task.id, task.attempts]));
  const ids = [...attempts.keys()];
  const letters = new Set(await holdLettersOf(database, transaction, ids));
  const deleted = await transaction
    .deleteFrom('tasks')
    .where('id', 'in', ids)
    .where('state', '=', state)
    .where(endedUpTo('finished_at', last))
    .where(hasNoOpenLetter)
    .returning('id')
    .execute();
  return {
    tasks: deleted.length,
    attempts: deleted.reduce((sum, { id }) => sum + (attempts.get(id) ?? 0), 0),
    letters: deleted.filter(({ id }) => letters.has(id)).length,
    more: deleted.length > 0,
  };
}

/** The oldest, held until the end of the transaction; what another transaction holds is left to a later batch. */
async function holdTasks(
  { kind }: LedgerDatabase,
  transaction: Transaction<Tables>,
  state: FinalState,
  last: Ended,
  maxRows: number,
): Promise<readonly Candidate[]> {
  const select = transaction
    .selectFrom('tasks')
    .select([
      'id',
      history('attempts', 'task_id', 'tasks', maxRows),
      history('acts_by_hand', 'task_id', 'tasks', maxRows),
    ])
    .where('state', '=', state)
    .where(endedUpTo('finished_at', last))
    .where(hasNoOpenLetter)
    .orderBy('finished_at')
    .orderBy('id')
    .limit(Math.floor(maxRows / rowsOfOne.tasks));
  return await (kind === 'postgres' ? select.forUpdate('tasks').skipLocked() : select).execute();
}

/**
 * The tasks of these that have a letter. Nobody opens it again from here on: a delete that only looked would take along
 * a letter that is met again between its look and its cascade.
 */
async function holdLettersOf(
  { kind }: LedgerDatabase,
  transaction: Transaction<Tables>,
  taskIds: readonly string[],
): Promise<readonly (string | null)[]> {
  const select = transaction.selectFrom('dead_letters').select('task_id').where('task_id', 'in', taskIds).orderBy('id');
  const rows = await (kind === 'postgres' ? select.forUpdate() : select).execute();
  return rows.map(({ task_id }) => task_id);
}

async function pruneLetters(
  database: LedgerDatabase,
  transaction: Transaction<Tables>,
  state: LetterState,
  last: Ended,
  maxRows: number,
): Promise<Pruned> {
  const batch = batchOf('letters', await holdLetters(database, transaction, state, last, maxRows), maxRows);
  if (batch.kind === 'part') return await prunePart(transaction, 'letter_id', batch);
  const deleted = await transaction
    .deleteFrom('dead_letters')
    .where(
      'id',
      'in',
      batch.candidates.map(({ id }) => id),
    )
    .where('state', '=', state)
    .where(endedUpTo('resolved_at', last))
    .where(hasNoOpenTask)
    .returning('id')
    .execute();
  return { tasks: 0, attempts: 0, letters: deleted.length, more: deleted.length > 0 };
}

async function holdLetters(
  { kind }: LedgerDatabase,
  transaction: Transaction<Tables>,
  state: LetterState,
  last: Ended,
  maxRows: number,
): Promise<readonly Candidate[]> {
  const select = transaction
    .selectFrom('dead_letters')
    .select(['id', sql<number>`0`.as('attempts'), history('acts_by_hand', 'letter_id', 'dead_letters', maxRows)])
    .where('state', '=', state)
    .where(endedUpTo('resolved_at', last))
    .where(hasNoOpenTask)
    .orderBy('resolved_at')
    .orderBy('id')
    .limit(maxRows);
  return await (kind === 'postgres' ? select.forUpdate('dead_letters').skipLocked() : select).execute();
}

/** Counted as far as a batch goes, under the name of {@link Candidate}. */
function history<Table extends 'attempts' | 'acts_by_hand'>(
  table: Table,
  column: 'task_id' | 'letter_id',
  of: 'tasks' | 'dead_letters',
  maxRows: number,
) {
  const rows = sql`select 1 from ${sql.table(table)} as h where ${sql.ref(`h.${column}`)} = ${sql.ref(`${of}.id`)}`;
  const count = sql<number>`(select count(*) from (${rows} limit ${sql.lit(maxRows)}) as counted)`;
  return count.as(table === 'attempts' ? 'attempts' : 'acts');
}

/** What it belongs to is held, and stays in its state until the transaction ends. */
async function prunePart(
  transaction: Transaction<Tables>,
  column: 'task_id' | 'letter_id',
  { acts, attempts, id }: Extract<Batch, { kind: 'part' }>,
): Promise<Pruned> {
  if (attempts > 0) {
    await transaction
      .deleteFrom('attempts')
      .where('task_id', '=', id)
      .where('token', 'in', (runs) =>
        runs.selectFrom('attempts').select('token').where('task_id', '=', id).orderBy('token').limit(attempts),
      )
      .execute();
  }
  if (acts > 0) {
    await transaction
      .deleteFrom('acts_by_hand')
      .where('id', 'in', (done) =>
        done.selectFrom('acts_by_hand').select('id').where(column, '=', id).orderBy('done_at').limit(acts),
      )
      .execute();
  }
  return { tasks: 0, attempts, letters: 0, more: true };
}

/** Said in two steps: an index finds its way by the first. */
function endedUpTo(column: 'finished_at' | 'resolved_at', { at, id }: Ended) {
  return sql<boolean>`(${sql.ref(column)} <= ${at} and (${sql.ref(column)} < ${at} or id <= ${id}))`;
}

function hasNoOpenLetter({ exists, not, selectFrom }: ExpressionBuilder<Tables, 'tasks'>) {
  return not(
    exists(
      selectFrom('dead_letters')
        .select('dead_letters.id')
        .whereRef('dead_letters.task_id', '=', 'tasks.id')
        .where('dead_letters.state', 'in', openLetterStates),
    ),
  );
}

/** A letter of a task that goes on may be met again. */
function hasNoOpenTask({ exists, not, selectFrom }: ExpressionBuilder<Tables, 'dead_letters'>) {
  return not(
    exists(
      selectFrom('tasks')
        .select('tasks.id')
        .whereRef('tasks.id', '=', 'dead_letters.task_id')
        .where('tasks.state', 'not in', finalStates),
    ),
  );
}
