import type { Command } from 'commander';

/** A line of help fits 80 cells with `bin/warren` before it. */
export const maxExampleChars = 80 - '  $ bin/warren '.length;

/**
 * Examples by noun, the telling one first, without the program's name. Help shows those of the nouns that are there; a
 * test calls the help of every command that an example names and looks for each of its flags.
 */
export const examples: Readonly<Record<string, readonly string[]>> = {
  up: ['up --detach'],
  status: ['status --json'],
  down: ['down'],
  demo: ['demo --once'],
  task: [
    'task submit summarize --file README.md --wait',
    'task submit research --question "Why?" --source docs --wait',
    'task submit summarize --input @task.json --priority high',
    'task submit summarize --url https://example.org --delay 10m',
    'task submit summarize --from tasks.jsonl --rps 50',
    'task list --filter "state:parked age:<1h" --limit 50',
  ],
  publish: ['publish summarize --text "Rabbits dig. Warrens last." --wait'],
  'dead-letters': [
    'dead-letters list --filter "type:research code:timeout age:>2h"',
    'dead-letters replay --filter "code:timeout" --dry-run',
    'dead-letters replay --code network --rps 20 --note "proxy is up"',
    'dead-letters escalate --code poison --to platform',
    'dead-letters complete <id> --note "by telephone"',
    'dead-letters complete <id> --note "by hand" --result @answer.json',
  ],
  broker: ['broker up', 'broker ui', 'broker status --json'],
  completion: ['completion bash'],
  topology: [
    'topology apply',
    'topology plan',
    'topology doctor',
    'topology draw --live',
    'topology draw --out topology.svg',
    'topology export --out definitions.json',
    'topology users --apply',
  ],
};

/** The first example of every noun that `program` has. */
export function leadingExamples(program: Command): string[] {
  return program.commands.flatMap((noun) => examples[noun.name()]?.[0] ?? []);
}

/** A block for the end of a help text; empty where there is no example. */
export function examplesBlock(lines: readonly string[], commandName: string): string {
  return lines.length === 0 ? '' : `\nExamples:\n${lines.map((line) => `  $ ${commandName} ${line}`).join('\n')}`;
}
