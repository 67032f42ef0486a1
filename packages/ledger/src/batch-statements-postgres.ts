import { sql } from 'kysely';
import { attemptColumns, type BatchStatements, changingColumns, endColumns, taskColumns } from './batch-statements.js';
import { storable } from './rows.js';
import type { TaskRow } from './schema.js';

/** A statement a batch, its rows as one JSON parameter: a way to the server costs more than the work there. */
export const postgresStatements: BatchStatements = {
  // In one order for everybody, so that two batches can't wait for each other's rows.
  async lock(transaction, ids) {
    const select = sql<TaskRow>`select * from tasks where id = any(${ids}::text[]) order by id for update`;
    return (await select.execute(transaction)).rows;
  },
  async lockOwing(transaction, ids) {
    const select = sql<TaskRow>`
      select * from tasks where id = any(${ids}::text[]) and owed is not null order by id for update`;
    return (await select.execute(transaction)).rows;
  },
  async insertTasks(transaction, rows) {
    const insert = sql<{ id: string }>`
      insert into tasks select ${columns(taskColumns)}
      from json_populate_recordset(null::tasks, ${jsonOf(rows)}::json)
      on conflict do nothing returning id`;
    return new Set((await insert.execute(transaction)).rows.map(({ id }) => id));
  },
  async updateTasks(transaction, changes) {
    await sql`
      update tasks set (${columns(changingColumns)}) = row(${columnsOf('given', changingColumns)})
      from json_populate_recordset(null::tasks, ${jsonOf(changes.map(({ after }) => after))}::json) as given
      where tasks.id = given.id`.execute(transaction);
  },
  async insertInputs(transaction, rows) {
    await sql`insert into inputs select * from json_populate_recordset(null::inputs, ${jsonOf(rows)}::json)`.execute(
      transaction,
    );
  },
  async insertRuns(transaction, rows) {
    await sql`
      insert into attempts select ${columns(attemptColumns)}
      from json_populate_recordset(null::attempts, ${jsonOf(rows)}::json)`.execute(transaction);
  },
  async endRuns(transaction, rows) {
    await sql`
      update attempts set (${columns(endColumns)}) = row(${columnsOf('given', endColumns)})
      from json_populate_recordset(null::attempts, ${jsonOf(rows)}::json) as given
      where attempts.task_id = given.task_id and attempts.token = given.token`.execute(transaction);
  },
  async insertResults(transaction, rows) {
    await sql`insert into results select * from json_populate_recordset(null::results, ${jsonOf(rows)}::json)`.execute(
      transaction,
    );
  },
};

function columns(names: readonly string[]) {
  return sql.join(names.map((name) => sql.ref(name)));
}

function columnsOf(table: string, names: readonly string[]) {
  return sql.join(names.map((name) => sql.ref(`${table}.${name}`)));
}

/** Postgres takes neither a NUL nor half a surrogate pair; both are rare, so the text is looked at before its parts are. */
function jsonOf(rows: readonly unknown[]): string {
  const text = JSON.stringify(rows);
  if (!/\\u(0000|d[89a-f])/.test(text)) return text;
  return JSON.stringify(rows, (_, value: unknown) => (typeof value === 'string' ? storable(value) : value));
}
