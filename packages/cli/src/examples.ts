import type { Command } from 'commander';

/**
 * Examples by noun, the telling one first. Help shows those of the nouns that are there; a test calls the help of
 * every command that an example names and looks for each of its flags.
 */
export const examples: Readonly<Record<string, readonly string[]>> = {
  up: ['warren up --detach'],
  status: ['warren status --json'],
  down: ['warren down'],
  demo: ['warren demo --once'],
  task: [
    'warren task submit summarize --file README.md --wait',
    'warren task submit research --question "Why is a retry lost?" --source docs --wait',
    'warren task submit summarize --input @task.json --priority high --delay 10m',
    'warren task submit summarize --from tasks.jsonl --rps 50',
    'warren task list --filter "state:parked age:<1h"',
  ],
  publish: ['warren publish summarize --text "Rabbits dig. Warrens last." --wait'],
  'dead-letters': [
    'warren dead-letters list --filter "type:research code:rate-limited age:>2h"',
    'warren dead-letters replay --filter "code:timeout" --dry-run',
  ],
  broker: ['warren broker up', 'warren broker status --json'],
  topology: ['warren topology apply', 'warren topology show --json'],
};

/** The first example of every noun that `program` has. */
export function leadingExamples(program: Command): string[] {
  return program.commands.flatMap((noun) => examples[noun.name()]?.[0] ?? []);
}

/** A block for the end of a help text; empty where there is no example. */
export function examplesBlock(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}
