import { CommandError } from '@warren/cli';
import type { Command } from 'commander';
import { readId } from './build-submission.js';
import { resultText } from './result-text.js';
import { standingOf } from './standing.js';
import { type TaskContext, taskOrThrow, withLedger } from './task-context.js';

export function addResultCommand(task: Command, context: TaskContext): void {
  task
    .command('result')
    .description('print the result of a completed task: to be read on a terminal, as JSON with --json and elsewhere')
    .argument('<id>', 'the task')
    .action((id: string) => printResult(readId(id, '<id>'), context));
}

async function printResult(id: string, context: TaskContext): Promise<void> {
  const { output, world } = context;
  const found = await withLedger(context, async (ledger) => ({
    task: await taskOrThrow(ledger, id),
    result: await ledger.queries.result(id),
  }));
  if (found.result !== undefined) {
    const result: unknown = JSON.parse(found.result.result);
    // Who reads a result may want to know that no worker gave it.
    if (found.task.reason !== null && !output.json) output.note(`completed ${found.task.reason}`);
    const isTerminal = output.width !== undefined;
    const text = isTerminal ? resultText(found.task.type, result, output) : JSON.stringify(result, undefined, 2);
    return output.result(result, text);
  }
  const { says, next } = standingOf(found.task, {}, world.now());
  throw new CommandError(`task ${id} has no result: it is ${found.task.state}, ${says}`, {
    code: found.task.reasonCode ?? 'invalid-state',
    next: next ?? `warren task show ${id}`,
  });
}
