import { basename, delimiter, dirname, isAbsolute, relative, sep } from 'node:path';
import { shellQuoted } from './shell-quoted.js';

/** How this process was started, as far as it says how to start it again. */
export interface Invocation {
  /** The program that Node runs: `process.argv[1]`. */
  readonly script: string | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const ownName = 'warren';

/**
 * What a person types to run this program again, from where they are: `bin/warren` in a checkout, `warren` where it is on
 * the PATH, `npx warren`. Ready for a shell. Pure.
 */
export function commandName({ script, cwd, env }: Invocation): string {
  if (env.npm_command === 'exec') return `npx ${ownName}`;
  if (script === undefined || !isAbsolute(script)) return ownName;
  if ((env.PATH ?? '').split(delimiter).includes(dirname(script))) return basename(script);
  const below = relative(cwd, script);
  const near = below.includes(sep) ? below : `.${sep}${below}`;
  return shellQuoted(near.length <= script.length ? near : script);
}

/**
 * Hints as this person can paste them. Rooms that don't know how they are called write a command as `warren …`, in quotes
 * or backticks, or as a line of its own, perhaps indented.
 * @param name from {@link commandName}.
 */
export function withCommandName(text: string, name: string): string {
  return text.replace(command, (_whole, lead: string) => `${lead}${name} `);
}

/** Whether a line is a command and nothing else; {@link withCommandName} was not applied to it yet. */
export function isCommandLine(line: string): boolean {
  return /^ *warren (?=[a-z])/.test(line);
}

/** Each command in a text, with its quotes: Warren's, to which {@link withCommandName} was not applied yet, and any in backticks. */
export const quotedCommand = /"warren (?=[a-z])[^"]*"|`[^`]*`/g;

const command = /(^ *|["`])warren (?=[a-z])/gm;
