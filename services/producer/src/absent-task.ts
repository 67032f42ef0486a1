import { CommandError } from '@warren/cli';
import type { Ledger, Letter } from '@warren/ledger';

/** Why a task is not on record, and what to do then: words, and a command as `warren …`, quoted or by itself. */
export interface Absence {
  readonly why: string;
  readonly next: string;
}

const unknown: Absence = {
  why: 'there is no such task in this ledger',
  next: '"warren task list" shows the newest tasks',
};

/** Looks for a letter that has this id, and for a message that gave it to itself and was refused on its way in. */
export async function absenceOf(taskId: string, { letters }: Pick<Ledger, 'letters'>): Promise<Absence> {
  const named = await letters.find(taskId);
  if (named !== undefined) return ofLetter(named);
  const letter = await letters.claiming(taskId);
  if (letter === undefined) return unknown;
  const { code, id, reason } = letter;
  return { why: `its message was refused on the way in, ${code}: ${reason}`, next: `warren dead-letters show ${id}` };
}

function ofLetter({ id, taskId }: Letter): Absence {
  return taskId === null
    ? { why: 'that is a dead letter, of a message that became no task', next: `warren dead-letters show ${id}` }
    : { why: `that is a dead letter, of task ${taskId}`, next: `warren task show ${taskId}` };
}

export function noSuchTask(taskId: string, { next, why }: Absence = unknown): CommandError {
  return new CommandError(`task ${taskId}: ${why}`, { code: 'not-found', field: '<id>', next });
}
