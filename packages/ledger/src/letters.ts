import { createHash } from 'node:crypto';
import { finalStates, type ReasonCode } from '@warren/tasks';
import { type Kysely, type SelectQueryBuilder, type SqlBool, sql } from 'kysely';
import type { LedgerDatabase } from './database.js';
import type { HandAct } from './hand-act.js';
import { handActsOn, recordHandActs } from './hand-acts.js';
import {
  decidedFrom,
  isOpenLetter,
  type Letter,
  type LetterOutline,
  type LetterState,
  type NewLetter,
  openLetterStates,
  type RelatedIds,
  untoldLetterStates,
} from './letter.js';
import { letterFrom, outlineFrom, storable } from './rows.js';
import type { Tables } from './schema.js';
import type { Task } from './task.js';
import { inTransaction, persistently } from './transactions.js';

export interface Letters {
  /**
   * Keeps a letter whole before anybody looks into it. The same letter again (the same dispatch of its task; without one
   * the same bytes and `identity`) is `again`: whoever met it before did not get to the end. So is one about an earlier
   * dispatch than was met already; that one changes nothing.
   */
  receive(letter: NewLetter, now: number): Promise<{ kind: 'new' | 'again'; letter: Letter }>;
  /**
   * Notes what was decided. False, and nothing is written, when the letter has gone on meanwhile: it was met for another
   * dispatch, or again, or somebody decided it (a person may still decide what is parked or tried again). Notes come late
   * at times: the processor's must not undo what a person did, nor a person's what was met since.
   */
  decide(id: string, decision: LetterDecision, now: number): Promise<boolean>;
  find(idOrTaskId: string): Promise<Letter | undefined>;
  /** The newest letter of a message that is no task on record and gave itself this id, a UUID in lower case. */
  claiming(id: string): Promise<Letter | undefined>;
  /**
   * Marks a parked letter as somebody's to look at; it stays parked, and the latest escalation counts. False, and nothing
   * is written, where it, or its task, is not parked.
   */
  escalate(id: string, to: string, act: HandAct): Promise<boolean>;
  list(filter: LetterFilter): Promise<readonly Letter[]>;
  /** The same letters without their messages: for many at once. */
  outlines(filter: LetterFilter): Promise<readonly LetterOutline[]>;
  /** How many letters a filter finds; its limit and its place don't count. */
  matching(filter: Omit<LetterFilter, 'limit' | 'after'>): Promise<number>;
  /** What people did about a letter, or its task: oldest first, the newest 200. */
  actsByHand(letter: Pick<Letter, 'id' | 'taskId'>): Promise<readonly HandAct[]>;
  /**
   * Looks at letters in an open state, so many of them, last seen longest ago first, behind `after` if given: settles those
   * whose task is final.
   */
  settleFinished(state: LetterState, now: number, limit: number, after?: LetterPlace): Promise<SettledLetters>;
  /**
   * Notes that a task is parked, as {@link Sweeps.untold} found it: also in a letter that was told of something older. False,
   * and nothing is written, where the task has moved on, or its letter says so or was decided by a person.
   */
  tellParked(task: Pick<Task, 'id' | 'dispatch'>, note: ParkedNote): Promise<boolean>;
  /** How many letters there are in each state. */
  count(): Promise<Partial<Record<LetterState, number>>>;
}

export interface LetterDecision {
  readonly state: Exclude<LetterState, 'received'>;
  /** The letter's dispatch when it was looked at, or any before one. Left out: decided whatever the dispatch is by now. */
  readonly dispatch?: number | null | { readonly before: number };
  /** How often the letter had been met when it was looked at. Left out: decided however often it has been by now. */
  readonly timesSeen?: number;
  readonly code?: ReasonCode;
  readonly reason?: string;
  readonly rule?: string;
  readonly advice?: string | null;
  readonly resolution?: string;
  /** On record with the decision, where a letter without a task is decided. A task's move records its own. */
  readonly act?: HandAct;
}

/** What a letter says of a task that waits for a person. */
export interface ParkedNote {
  readonly code: ReasonCode;
  readonly reason: string;
  readonly rule: string;
  readonly advice: string | null;
}

export interface SettledLetters {
  readonly settled: number;
  /** The last one that was looked at; undefined when there is none behind it. */
  readonly last: LetterPlace | undefined;
}

export interface LetterFilter {
  /** Of each list, any one. */
  readonly states?: readonly LetterState[];
  readonly types?: readonly string[];
  readonly codes?: readonly ReasonCode[];
  /** Of the letter's task: a message that says no task has neither. */
  readonly tenants?: readonly string[];
  readonly groups?: readonly string[];
  /** Only letters last seen at or before, and at or after, these times. */
  readonly seenBefore?: number;
  readonly seenSince?: number;
  /** True: only those that are escalated, to whomever; false: only the others; names: to one of these. */
  readonly escalated?: boolean | readonly string[];
  /** At most this many, newest first. */
  readonly limit: number;
  /** Only those behind this place of the order. */
  readonly after?: LetterPlace;
}

/** A letter's place in the order of a list: by when it was last seen, the newest first, then by id. */
export type LetterPlace = Pick<Letter, 'id' | 'lastSeen'>;

export function createLetters(database: LedgerDatabase, newId: () => string): Letters {
  return {
    receive: (letter, now) => receive(database, newId, letter, now),
    decide: (id, decision, now) => decide(database, id, decision, now),
    find: async (id) => {
      const row = await persistently(database, (db) =>
        db
          .selectFrom('dead_letters')
          .selectAll()
          .where((where) => where.or([where('id', '=', id), where('task_id', '=', id)]))
          .orderBy('last_seen', 'desc')
          .executeTakeFirst(),
      );
      return row && letterFrom(row);
    },
    claiming: (id) => claiming(database, id),
    escalate: (id, to, act) => escalate(database, id, to, act),
    list: (filter) => list(database, filter),
    outlines: (filter) => outlines(database, filter),
    matching: async (filter) => {
      const row = await persistently(database, (db) =>
        chosen(db, filter)
          .select((expression) => expression.fn.countAll<number>().as('count'))
          .executeTakeFirst(),
      );
      return Number(row?.count ?? 0);
    },
    actsByHand: ({ id, taskId }) => handActsOn(database, taskId === null ? { letterId: id } : { taskId }),
    settleFinished: (state, now, limit, after) => settleFinished(database, state, now, limit, after),
    tellParked: (task, note) => tellParked(database, task, note),
    count: async () => {
      const rows = await persistently(database, (db) =>
        db
          .selectFrom('dead_letters')
          .select(['state', (expression) => expression.fn.countAll<number>().as('count')])
          .groupBy('state')
          .execute(),
      );
      return Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]));
    },
  };
}

/** Looked for in every letter without a task: a person asks, and only about an id that nothing else has. */
async function claiming(database: LedgerDatabase, id: string): Promise<Letter | undefined> {
  const row = await persistently(database, (db) =>
    db
      .selectFrom('dead_letters')
      .selectAll()
      .where('task_id', 'is', null)
      .where('related', 'like', `%${JSON.stringify({ claimedId: id } satisfies RelatedIds).slice(1, -1)}%`)
      .orderBy('last_seen', 'desc')
      .executeTakeFirst(),
  );
  return row && letterFrom(row);
}

function receive(database: LedgerDatabase, newId: () => string, letter: NewLetter, now: number) {
  const fingerprint = fingerprintOf(letter);
  const contents = {
    task_id: letter.taskId,
    type: letter.type,
    dispatch: letter.dispatch,
    state: 'received',
    code: letter.code,
    reason: storable(letter.reason),
    body: letter.body,
    properties: storable(letter.properties),
    source_queue: letter.sourceQueue,
    routing_key: storable(letter.routingKey),
    related: storable(JSON.stringify(letter.related)),
    last_seen: now,
  } as const;
  return inTransaction(database, async (transaction) => {
    const inserted = await transaction
      .insertInto('dead_letters')
      .values({
        ...contents,
        id: newId(),
        fingerprint,
        first_seen: now,
        times_seen: 1,
        unfinished: 1,
        rule: null,
        advice: null,
        resolved_at: null,
        resolution: null,
        escalated_to: null,
        escalated_at: null,
      })
      .onConflict((conflict) => conflict.column('fingerprint').doNothing())
      .returningAll()
      .executeTakeFirst();
    if (inserted) return { kind: 'new' as const, letter: letterFrom(inserted) };
    const select = transaction.selectFrom('dead_letters').selectAll().where('fingerprint', '=', fingerprint);
    // Held until the update, or two who meet it at once would both count from the same number.
    const held = database.kind === 'postgres' ? select.forUpdate() : select;
    const known = letterFrom(await held.executeTakeFirstOrThrow());
    // Said late, by somebody who read the task before it moved: the letter knows more than that.
    if ((letter.dispatch ?? 0) < (known.dispatch ?? 0)) return { kind: 'again' as const, letter: known };
    const again = known.state === 'received' && known.dispatch === letter.dispatch;
    // Another copy of what waits for a person is no reason to forget whom it waits for.
    const stillWaits = known.resolvedAt === null && known.dispatch === letter.dispatch;
    const updated = await transaction
      .updateTable('dead_letters')
      .set({
        ...contents,
        times_seen: known.timesSeen + 1,
        unfinished: again ? known.unfinished + 1 : 1,
        resolved_at: null,
        resolution: null,
        ...(stillWaits ? {} : notEscalated),
      })
      .where('id', '=', known.id)
      .returningAll()
      .executeTakeFirstOrThrow();
    return { kind: again ? ('again' as const) : ('new' as const), letter: letterFrom(updated) };
  });
}

const notEscalated = { escalated_to: null, escalated_at: null } as const;

/** One letter a task; without a task, one a message, wherever it is met: a replay takes it another way. */
function fingerprintOf(letter: NewLetter): string {
  if (letter.taskId !== null) return `task:${letter.taskId}`;
  const { identity = letter.properties, type } = letter;
  const hash = createHash('sha256')
    .update(type ?? '')
    .update('\0')
    .update(identity)
    .update('\0');
  return `raw:${hash.update(letter.body).digest('hex')}`;
}

async function decide(database: LedgerDatabase, id: string, decision: LetterDecision, now: number): Promise<boolean> {
  const { dispatch, state, timesSeen } = decision;
  const resolved = !isOpenLetter[state];
  const decided = await inTransaction(database, async (transaction) => {
    let update = transaction
      .updateTable('dead_letters')
      .set({
        state,
        unfinished: 0,
        ...(decision.code === undefined ? {} : { code: decision.code }),
        ...(decision.reason === undefined ? {} : { reason: storable(decision.reason) }),
        ...(decision.rule === undefined ? {} : { rule: decision.rule }),
        ...(decision.advice === undefined ? {} : { advice: decision.advice }),
        resolved_at: resolved ? now : null,
        resolution: decision.resolution === undefined ? null : storable(decision.resolution),
        ...(resolved ? notEscalated : {}),
      })
      .where('id', '=', id)
      .where('state', 'in', decidedFrom[state]);
    if (timesSeen !== undefined) update = update.where('times_seen', '=', timesSeen);
    if (dispatch === null) update = update.where('dispatch', 'is', null);
    else if (typeof dispatch === 'number') update = update.where('dispatch', '=', dispatch);
    else if (dispatch !== undefined) update = update.where('dispatch', '<', dispatch.before);
    const rows = await update.returning('id').execute();
    if (decision.act !== undefined) {
      const { act } = decision;
      await recordHandActs(
        transaction,
        rows.map((row) => ({ act, subject: { letterId: row.id } })),
      );
    }
    return rows;
  });
  return decided.length > 0;
}

function escalate(database: LedgerDatabase, id: string, to: string, act: HandAct): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const escalated = await transaction
      .updateTable('dead_letters')
      .set({ escalated_to: storable(to), escalated_at: act.at })
      .where('id', '=', id)
      .where('state', '=', 'parked')
      .where((where) =>
        where.or([
          where('task_id', 'is', null),
          where('task_id', 'in', (inner) => inner.selectFrom('tasks').select('id').where('state', '=', 'parked')),
        ]),
      )
      .returning(['id', 'task_id'])
      .executeTakeFirst();
    if (!escalated) return false;
    const subject = escalated.task_id === null ? { letterId: escalated.id } : { taskId: escalated.task_id };
    await recordHandActs(transaction, [{ act, subject }]);
    return true;
  });
}

async function settleFinished(
  database: LedgerDatabase,
  state: LetterState,
  now: number,
  limit: number,
  after: LetterPlace | undefined,
): Promise<SettledLetters> {
  const looked = await persistently(database, (db) =>
    db
      .selectFrom(lookedAt(db, state, limit, after).as('part'))
      .select(['part.id', 'part.last_seen as lastSeen', hasFinishedTask('part.task_id').as('finished')])
      .orderBy('part.last_seen')
      .orderBy('part.id')
      .execute(),
  );
  const ids = looked.filter(({ finished }) => finished).map(({ id }) => id);
  const last = looked.length === limit ? looked.at(-1) : undefined;
  return { settled: ids.length === 0 ? 0 : await settle(database, ids, now), last };
}

function lookedAt(db: Kysely<Tables>, state: LetterState, limit: number, after: LetterPlace | undefined) {
  const letters = db.selectFrom('dead_letters').select(['id', 'task_id', 'last_seen']).where('state', '=', state);
  const behind =
    after === undefined
      ? letters
      : letters.where((where) => where(where.refTuple('last_seen', 'id'), '>', where.tuple(after.lastSeen, after.id)));
  return behind.orderBy('last_seen').orderBy('id').limit(limit);
}

async function settle(database: LedgerDatabase, ids: readonly string[], now: number): Promise<number> {
  const settled = await inTransaction(database, (transaction) =>
    transaction
      .updateTable('dead_letters')
      .set({
        state: 'settled',
        unfinished: 0,
        resolved_at: now,
        resolution: 'its task reached its end',
        ...notEscalated,
      })
      .where('id', 'in', ids)
      .where('state', 'in', openLetterStates)
      .where(hasFinishedTask('dead_letters.task_id'))
      .executeTakeFirst(),
  );
  return Number(settled.numUpdatedRows);
}

/** Asked of each letter: a list of all finished tasks would be as long as the ledger. */
function hasFinishedTask(taskId: 'part.task_id' | 'dead_letters.task_id') {
  const states = sql.join(finalStates);
  return sql<SqlBool>`exists (select 1 from tasks where tasks.id = ${sql.ref(taskId)} and tasks.state in (${states}))`;
}

async function tellParked(
  database: LedgerDatabase,
  task: Pick<Task, 'id' | 'dispatch'>,
  { advice, code, reason, rule }: ParkedNote,
): Promise<boolean> {
  const told = await inTransaction(database, (transaction) =>
    transaction
      .updateTable('dead_letters')
      .set({
        state: 'parked',
        unfinished: 0,
        code,
        reason: storable(reason),
        rule,
        advice,
        resolved_at: null,
        resolution: null,
      })
      .where('task_id', '=', task.id)
      .where('state', 'in', untoldLetterStates)
      .where((where) =>
        where.exists(
          where
            .selectFrom('tasks')
            .select('tasks.id')
            .whereRef('tasks.id', '=', 'dead_letters.task_id')
            .where('tasks.state', '=', 'parked')
            .where('tasks.dispatch', '=', task.dispatch),
        ),
      )
      .executeTakeFirst(),
  );
  return told.numUpdatedRows > 0n;
}

async function list(database: LedgerDatabase, filter: LetterFilter): Promise<readonly Letter[]> {
  const rows = await persistently(database, (db) => inOrder(chosen(db, filter).selectAll(), filter).execute());
  return rows.map(letterFrom);
}

async function outlines(database: LedgerDatabase, filter: LetterFilter): Promise<readonly LetterOutline[]> {
  const rows = await persistently(database, (db) =>
    inOrder(chosen(db, filter).select(outlineColumns), filter).execute(),
  );
  return rows.map(outlineFrom);
}

const outlineColumns = [
  'id',
  'fingerprint',
  'task_id',
  'type',
  'dispatch',
  'state',
  'code',
  'reason',
  'rule',
  'advice',
  'source_queue',
  'routing_key',
  'related',
  'first_seen',
  'last_seen',
  'times_seen',
  'unfinished',
  'resolved_at',
  'resolution',
  'escalated_to',
  'escalated_at',
] as const;

function chosen(db: Kysely<Tables>, filter: Omit<LetterFilter, 'limit' | 'after'>) {
  const { escalated, groups, tenants } = filter;
  let query = db.selectFrom('dead_letters');
  if (filter.states) query = query.where('state', 'in', filter.states);
  if (filter.types) query = query.where('type', 'in', filter.types);
  if (filter.codes) query = query.where('code', 'in', filter.codes);
  if (filter.seenBefore !== undefined) query = query.where('last_seen', '<=', filter.seenBefore);
  if (filter.seenSince !== undefined) query = query.where('last_seen', '>=', filter.seenSince);
  if (escalated === true) query = query.where('escalated_to', 'is not', null);
  else if (escalated === false) query = query.where('escalated_to', 'is', null);
  else if (escalated) query = query.where('escalated_to', 'in', escalated);
  if (!tenants && !groups) return query;
  return query.where('task_id', 'in', (inner) => {
    const ids = inner.selectFrom('tasks').select('id');
    const ofTenants = tenants ? ids.where('tenant', 'in', tenants) : ids;
    return groups ? ofTenants.where('task_group', 'in', groups) : ofTenants;
  });
}

function inOrder<Row>(
  query: SelectQueryBuilder<Tables, 'dead_letters', Row>,
  { after, limit }: LetterFilter,
): SelectQueryBuilder<Tables, 'dead_letters', Row> {
  const behind =
    after === undefined
      ? query
      : query.where((where) =>
          where.or([
            where('last_seen', '<', after.lastSeen),
            where.and([where('last_seen', '=', after.lastSeen), where('id', '>', after.id)]),
          ]),
        );
  return behind.orderBy('last_seen', 'desc').orderBy('id').limit(limit);
}
