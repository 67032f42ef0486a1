import { randomUUID } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import type { LedgerDatabase } from './database.js';
import type { HandAct, HandActSubject } from './hand-act.js';
import { storable } from './rows.js';
import type { HandActRow, Tables } from './schema.js';
import { persistently } from './transactions.js';

export async function recordHandActs(
  transaction: Transaction<Tables>,
  acts: readonly { readonly act: HandAct; readonly subject: HandActSubject }[],
): Promise<void> {
  if (acts.length === 0) return;
  await transaction.insertInto('acts_by_hand').values(acts.map(rowOf)).execute();
}

/** Oldest first, the newest 200. */
export async function handActsOn(database: LedgerDatabase, subject: HandActSubject): Promise<readonly HandAct[]> {
  const rows = await persistently(database, (db) =>
    whereSubject(db, subject).orderBy('done_at', 'desc').orderBy('id').limit(maxActs).execute(),
  );
  return rows.reverse().map(actOf);
}

const maxActs = 200;

function whereSubject(db: Kysely<Tables>, subject: HandActSubject) {
  const all = db.selectFrom('acts_by_hand').selectAll();
  return 'taskId' in subject
    ? all.where('task_id', '=', subject.taskId)
    : all.where('letter_id', '=', subject.letterId);
}

function rowOf({ act, subject }: { readonly act: HandAct; readonly subject: HandActSubject }): HandActRow {
  return {
    id: randomUUID(),
    task_id: 'taskId' in subject ? subject.taskId : null,
    letter_id: 'letterId' in subject ? subject.letterId : null,
    act: act.act,
    done_by: storable(act.by),
    recipient: act.to === null ? null : storable(act.to),
    note: act.note === null ? null : storable(act.note),
    done_at: act.at,
  };
}

function actOf(row: HandActRow): HandAct {
  return { act: row.act, by: row.done_by, to: row.recipient, note: row.note, at: row.done_at };
}
