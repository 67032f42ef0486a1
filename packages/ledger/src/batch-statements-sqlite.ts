import type Libsql from 'libsql';
import { z } from 'zod';
import { attemptColumns, type BatchStatements, endColumns, type TaskChange, taskColumns } from './batch-statements.js';
import type { TaskRow } from './schema.js';

/**
 * Rows of one statement: a call into the driver costs as much as a row. What is left of a batch goes by the next size, so
 * each statement has three texts at the most.
 */
const rowsAtOnce = [32, 8, 1] as const;

const inputColumns = ['task_id', 'payload'] as const;
const resultColumns = ['task_id', 'result', 'cost', 'completed_at'] as const;

const aggregated = z.object({ list: z.string() });

type Row<Column extends string> = Readonly<Record<Column, unknown>>;

/** A statement for several rows: its text for so many, and the columns whose values it takes of each. */
interface RowsStatement<Column extends string> {
  readonly text: (rows: number) => string;
  readonly columns: readonly Column[];
  /** By its number of rows, where it was prepared before. */
  readonly prepared: Map<number, Libsql.Statement<unknown[]>>;
}

/**
 * By prepared statements on the connection of the caller's transaction, which holds the write lock: none of them ever waits.
 */
export function sqliteStatements(connection: () => Libsql.Database): BatchStatements {
  const prepared = new Map<string, Libsql.Statement<unknown[]>>();
  const updates = new Map<number, RowsStatement<keyof TaskRow>>();
  const addTasks = insertInto('tasks', taskColumns, 'on conflict do nothing');
  const addInputs = insertInto('inputs', inputColumns);
  const addRuns = insertInto('attempts', attemptColumns);
  const endRuns = updateOf('attempts', ['task_id', 'token'], endColumns);
  const addResults = insertInto('results', resultColumns);

  return {
    lock: async (_, ids) => selectTasks(ids, ''),
    lockOwing: async (_, ids) => selectTasks(ids, 'and owed is not null'),
    insertTasks: async (_, rows) => new Set(chunksOf(rows).flatMap(insertNewTasks)),
    updateTasks: async (_, changes) => updateTasks(changes),
    insertInputs: async (_, rows) => runAll(addInputs, rows),
    insertRuns: async (_, rows) => runAll(addRuns, rows),
    endRuns: async (_, rows) => runAll(endRuns, rows),
    insertResults: async (_, rows) => runAll(addResults, rows),
  };

  /** As one text for the whole batch, which is read faster than row by row. */
  function selectTasks(ids: readonly string[], condition: string): readonly TaskRow[] {
    const pairs = taskColumns.map((column) => `'${column}', ${column}`).join(', ');
    const select = statement(
      `select json_group_array(json_object(${pairs})) as list from tasks
       where id in (select value from json_each(?)) ${condition}`,
    );
    // Rows are written by this room alone.
    return JSON.parse(aggregated.parse(select.get(JSON.stringify(ids))).list);
  }

  /** The ids that were new. One that was taken spoils its chunk, which is undone and tried row by row. */
  function insertNewTasks(rows: readonly TaskRow[]): readonly string[] {
    if (rows.length === 1) return run(addTasks, rows) === 0 ? [] : rows.map(({ id }) => id);
    statement('savepoint new_tasks').run();
    const areAllNew = run(addTasks, rows) === rows.length;
    if (!areAllNew) statement('rollback to new_tasks').run();
    statement('release new_tasks').run();
    return areAllNew ? rows.map(({ id }) => id) : rows.flatMap((row) => insertNewTasks([row]));
  }

  /** Only what differs: a move changes a third of a row, and indexes of what stays are not touched. */
  function updateTasks(changes: readonly TaskChange[]): void {
    const groups = new Map<RowsStatement<keyof TaskRow>, TaskRow[]>();
    for (const { before, after } of changes) {
      // Names what differs: a bit a column; their sum stays far below what a number holds exactly.
      let changed = 0;
      let bit = 1;
      for (const column of taskColumns) {
        if (before[column] !== after[column]) changed += bit;
        bit *= 2;
      }
      if (changed === 0) continue;
      const update = updates.get(changed) ?? updateOf('tasks', ['id'], whatDiffers(before, after));
      updates.set(changed, update);
      const known = groups.get(update);
      if (known) known.push(after);
      else groups.set(update, [after]);
    }
    for (const [update, rows] of groups) runAll(update, rows);
  }

  function runAll<Column extends string>(rowsStatement: RowsStatement<Column>, rows: readonly Row<Column>[]): void {
    for (const chunk of chunksOf(rows)) run(rowsStatement, chunk);
  }

  /** How many rows were written. */
  function run<Column extends string>(
    { columns, prepared: known, text }: RowsStatement<Column>,
    rows: readonly Row<Column>[],
  ): number {
    const made = known.get(rows.length) ?? connection().prepare(text(rows.length));
    known.set(rows.length, made);
    const values: unknown[] = [];
    for (const row of rows) for (const column of columns) values.push(row[column]);
    return made.run(values).changes;
  }

  function statement(text: string): Libsql.Statement<unknown[]> {
    const made = prepared.get(text) ?? connection().prepare(text);
    prepared.set(text, made);
    return made;
  }
}

function whatDiffers(before: TaskRow, after: TaskRow): readonly (keyof TaskRow)[] {
  return taskColumns.filter((column) => before[column] !== after[column]);
}

function insertInto<Column extends string>(
  table: string,
  columns: readonly Column[],
  manner = '',
): RowsStatement<Column> {
  const text = (rows: number) =>
    `insert into ${table} (${columns.join(', ')}) values ${placesOf(columns.length, rows)} ${manner}`;
  return { text, columns, prepared: new Map() };
}

function updateOf<Key extends string, Column extends string>(
  table: string,
  keys: readonly Key[],
  changing: readonly Column[],
): RowsStatement<Key | Column> {
  const columns = [...keys, ...changing];
  const setters = changing.map((column) => `${column} = given.${column}`).join(', ');
  const match = keys.map((key) => `${table}.${key} = given.${key}`).join(' and ');
  const text = (rows: number) =>
    `with given (${columns.join(', ')}) as (values ${placesOf(columns.length, rows)})
     update ${table} set ${setters} from given where ${match}`;
  return { text, columns, prepared: new Map() };
}

/** Every row once, in order: as many as go together, then what is left. */
function chunksOf<Each>(rows: readonly Each[]): readonly (readonly Each[])[] {
  const chunks: (readonly Each[])[] = [];
  let done = 0;
  for (const size of rowsAtOnce) {
    for (; rows.length - done >= size; done += size) chunks.push(rows.slice(done, done + size));
  }
  return chunks;
}

function placesOf(columns: number, rows: number): string {
  const row = `(${Array(columns).fill('?').join(', ')})`;
  return Array(rows).fill(row).join(', ');
}
