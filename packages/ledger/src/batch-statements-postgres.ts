import { CompiledQuery, type Transaction } from 'kysely';
import { attemptColumns, type BatchStatements, changingColumns, endColumns, taskColumns } from './batch-statements.js';
import { storable } from './rows.js';
import type { Tables, TaskRow } from './schema.js';

/**
 * One a batch, its rows as one JSON parameter: a way to the server costs more than the work there. The server guesses a
 * hundred rows in any such parameter, and would rather read the whole table than look up a hundred; so an update names its
 * tasks a second time.
 */
const statements = {
  // In one order for everybody, so that two batches can't wait for each other's rows.
  lock: 'select * from tasks where id = any($1::text[]) order by id for update',
  lockOwing: 'select * from tasks where id = any($1::text[]) and owed is not null order by id for update',
  insertTasks: `
    insert into tasks select ${taskColumns.join()} from json_populate_recordset(null::tasks, $1::json)
    on conflict do nothing returning id`,
  updateTasks: `
    update tasks set (${changingColumns.join()}) = row(${columnsOf('given', changingColumns)})
    from json_populate_recordset(null::tasks, $1::json) as given
    where tasks.id = given.id and tasks.id = any($2::text[])`,
  insertInputs: 'insert into inputs select * from json_populate_recordset(null::inputs, $1::json)',
  insertRuns: `
    insert into attempts select ${attemptColumns.join()} from json_populate_recordset(null::attempts, $1::json)`,
  endRuns: `
    update attempts set (${endColumns.join()}) = row(${columnsOf('given', endColumns)})
    from json_populate_recordset(null::attempts, $1::json) as given
    where attempts.task_id = given.task_id and attempts.token = given.token and attempts.task_id = any($2::text[])`,
  insertResults: 'insert into results select * from json_populate_recordset(null::results, $1::json)',
} as const;

export const postgresStatements: BatchStatements = {
  lock: (transaction, ids) => run<TaskRow>(transaction, statements.lock, ids),
  lockOwing: (transaction, ids) => run<TaskRow>(transaction, statements.lockOwing, ids),
  async insertTasks(transaction, rows) {
    const inserted = await run<{ id: string }>(transaction, statements.insertTasks, jsonOf(rows));
    return new Set(inserted.map(({ id }) => id));
  },
  async updateTasks(transaction, changes) {
    const rows = changes.map(({ after }) => after);
    const ids = rows.map(({ id }) => id);
    await run(transaction, statements.updateTasks, jsonOf(rows), ids);
  },
  async insertInputs(transaction, rows) {
    await run(transaction, statements.insertInputs, jsonOf(rows));
  },
  async insertRuns(transaction, rows) {
    await run(transaction, statements.insertRuns, jsonOf(rows));
  },
  async endRuns(transaction, rows) {
    const taskIds = rows.map((row) => row.task_id);
    await run(transaction, statements.endRuns, jsonOf(rows), taskIds);
  },
  async insertResults(transaction, rows) {
    await run(transaction, statements.insertResults, jsonOf(rows));
  },
};

async function run<Row>(
  transaction: Transaction<Tables>,
  statement: string,
  ...parameters: readonly (string | readonly string[])[]
): Promise<Row[]> {
  const { rows } = await transaction.executeQuery<Row>(CompiledQuery.raw(statement, [...parameters]));
  return rows;
}

function columnsOf(table: string, names: readonly string[]): string {
  return names.map((name) => `${table}.${name}`).join();
}

/** Postgres takes neither a NUL nor half a surrogate pair; both are rare, so the text is looked at before its parts are. */
function jsonOf(rows: readonly unknown[]): string {
  const text = JSON.stringify(rows);
  if (!/\\u(0000|d[89a-f])/.test(text)) return text;
  return JSON.stringify(rows, (_, value: unknown) => (typeof value === 'string' ? storable(value) : value));
}
