import type { Ledger, Task } from '@warren/ledger';

/** A task's input as JSON text, as it was submitted. It is written in one transaction with the task, so it is there. */
export async function inputOf(
  task: Task,
  { queries }: { queries: Pick<Ledger['queries'], 'payload'> },
): Promise<string> {
  const payload = await queries.payload(task.id);
  if (payload === undefined) throw new Error(`the ledger holds no input of task ${task.id}: this is a defect`);
  return payload;
}
