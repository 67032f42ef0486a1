import type { Command } from 'commander';
import { shellQuoted } from './shell-quoted.js';

/**
 * The command line that is being run, as `warren …` for a hint, with some flags changed: how to see the next page.
 * @param changed by their names as commander has them: `after`, `olderThan`. Undefined: without that flag.
 * @param args default: those that were given.
 */
export function sameCommand(
  command: Command,
  changed: Readonly<Record<string, string | undefined>>,
  args: readonly string[] = command.args,
): string {
  const path = pathOf(command);
  const given = withAncestors(command).flatMap((one) => givenFlags(one, changed));
  const added = Object.entries(changed).flatMap(([name, value]) => {
    const flag = command.options.find((option) => option.attributeName() === name)?.long;
    return flag === undefined || flag === null || value === undefined ? [] : [flag, shellQuoted(value)];
  });
  return ['warren', ...path, ...args.map(shellQuoted), ...given, ...added].join(' ');
}

function givenFlags(command: Command, changed: Readonly<Record<string, unknown>>): string[] {
  return command.options.flatMap((option) => {
    const name = option.attributeName();
    if (name in changed || command.getOptionValueSource(name) !== 'cli') return [];
    const value: unknown = command.getOptionValue(name);
    const flag = option.long ?? option.flags;
    // `--no-color` is an option of its own beside none: false is what it says.
    if (typeof value === 'boolean') return value !== option.negate ? [flag] : [];
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    // A list that its flag was read as: `--columns id,state`.
    return option.variadic || !Array.isArray(value)
      ? values.flatMap((one) => [flag, shellQuoted(String(one))])
      : [flag, shellQuoted(values.join(','))];
  });
}

function pathOf(command: Command): string[] {
  return withAncestors(command)
    .map((one) => one.name())
    .slice(1);
}

/** The program first. */
function withAncestors(command: Command): Command[] {
  return command.parent === null ? [command] : [...withAncestors(command.parent), command];
}
