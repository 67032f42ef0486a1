import { sql } from 'kysely';
import type Libsql from 'libsql';
import { attemptColumns, type BatchStatements, endColumns, type TaskChange, taskColumns } from './batch-statements.js';
import type { TaskRow } from './schema.js';

/**
 * Row by row, by prepared statements: SQLite works in this process, so a statement more costs no way to a server. They run
 * on the connection of the caller's transaction, which holds the write lock, so none of them ever waits.
 */
export function sqliteStatements(connection: () => Libsql.Database): BatchStatements {
  const prepared = new Map<string, Libsql.Statement<unknown[]>>();

  return {
    async lock(transaction, ids) {
      const select = sql<TaskRow>`select * from tasks where id in (select value from json_each(${JSON.stringify(ids)}))`;
      return (await select.execute(transaction)).rows;
    },
    async lockUnpublished(transaction, ids) {
      const select = sql<TaskRow>`
        select * from tasks
        where id in (select value from json_each(${JSON.stringify(ids)})) and published_at is null`;
      return (await select.execute(transaction)).rows;
    },
    async insertTasks(_, rows) {
      const insert = statement(`insert into tasks ${valuesOf(taskColumns)} on conflict do nothing`);
      const isNew = (row: TaskRow) => insert.run(...taskColumns.map((column) => row[column])).changes > 0;
      return new Set(rows.filter(isNew).map(({ id }) => id));
    },
    async updateTasks(_, changes) {
      for (const change of changes) updateTask(change);
    },
    async insertInputs(_, rows) {
      const insert = statement(`insert into inputs ${valuesOf(['task_id', 'payload'])}`);
      for (const { task_id, payload } of rows) insert.run(task_id, payload);
    },
    async insertRuns(_, rows) {
      const insert = statement(`insert into attempts ${valuesOf(attemptColumns)}`);
      for (const row of rows) insert.run(...attemptColumns.map((column) => row[column]));
    },
    async endRuns(_, rows) {
      const update = statement(`update attempts set ${settersOf(endColumns)} where task_id = ? and token = ?`);
      for (const row of rows) update.run(...endColumns.map((column) => row[column]), row.task_id, row.token);
    },
    async insertResults(_, rows) {
      const insert = statement(`insert into results ${valuesOf(['task_id', 'result', 'cost', 'completed_at'])}`);
      for (const { task_id, result, cost, completed_at } of rows) insert.run(task_id, result, cost, completed_at);
    },
  };

  /** As many statements as there are kinds of moves. */
  function statement(text: string): Libsql.Statement<unknown[]> {
    const known = prepared.get(text);
    if (known) return known;
    const made = connection().prepare(text);
    prepared.set(text, made);
    return made;
  }

  /** Only what differs: a move changes a third of a row, and indexes of what stays are not touched. */
  function updateTask({ before, after }: TaskChange): void {
    const changed = taskColumns.filter((column) => before[column] !== after[column]);
    if (changed.length === 0) return;
    const update = statement(`update tasks set ${settersOf(changed)} where id = ?`);
    update.run(...changed.map((column) => after[column]), after.id);
  }
}

function valuesOf(columns: readonly string[]): string {
  return `(${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`;
}

function settersOf(columns: readonly string[]): string {
  return columns.map((column) => `${column} = ?`).join(', ');
}
