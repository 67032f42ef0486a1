import type { CommandContext } from '@warren/cli';
import type { Command } from 'commander';
import { addCancelCommand } from './cancel-command.js';
import { addListCommand } from './list-command.js';
import { addResultCommand } from './result-command.js';
import { addShowCommand } from './show-command.js';
import { configureSubmit } from './submit-command.js';
import { processWorld, type TaskWorld } from './task-context.js';
import { addWatchCommand } from './watch-command.js';

/** Adds `warren task submit | show | list | watch | result | cancel`, and `warren publish`, which is `task submit`. */
export function addTaskCommands(program: Command, context: CommandContext, world: Partial<TaskWorld> = {}): void {
  const taskContext = { env: context.env, output: context.output, world: { ...processWorld(), ...world } };
  const task = program.command('task').description('submit tasks, and see what becomes of them');
  configureSubmit(task.command('submit').description('submit a task, or many with --from'), taskContext);
  addShowCommand(task, taskContext);
  addListCommand(task, taskContext);
  addWatchCommand(task, taskContext);
  addResultCommand(task, taskContext);
  addCancelCommand(task, taskContext);
  configureSubmit(program.command('publish').description('short for task submit'), taskContext);
}
