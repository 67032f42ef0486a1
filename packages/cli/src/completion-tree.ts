import type { Command, Option } from 'commander';
import { completionsOf } from './completions.js';
import { oneLine } from './printable.js';

/** One place of a command line, as a shell completes it: the program itself (path empty), a noun, or a verb. */
export interface CompletionPlace {
  /** `task list` */
  readonly path: string;
  /** What may stand here: nouns, verbs, or the words of an argument. */
  readonly words: readonly CompletionWord[];
  readonly flags: readonly CompletionFlag[];
}

export interface CompletionWord {
  readonly word: string;
  /** One line. */
  readonly help: string;
}

export interface CompletionFlag {
  /** `--state`; and `-q`, if it has a short form. */
  readonly names: readonly string[];
  readonly help: string;
  /** `nothing`: what follows is another word. `file`: a path. `word`: one of `words`, or anything where there is none. */
  readonly takes: 'nothing' | 'file' | 'word';
  readonly words: readonly string[];
}

/** Every place that a program's command line can come to, the program first. */
export function completionTree(program: Command): readonly CompletionPlace[] {
  return placesBelow(program, []);
}

function placesBelow(command: Command, path: readonly string[]): CompletionPlace[] {
  const help = command.createHelp();
  const globals = path.length === 0 ? [] : help.visibleGlobalOptions(command);
  const below = help.visibleCommands(command).filter((one) => command.commands.includes(one));
  const place: CompletionPlace = {
    path: path.join(' '),
    words: [
      ...below.map((one) => ({ word: one.name(), help: oneLine(one.description()) })),
      ...command.registeredArguments.flatMap((argument) =>
        completionsOf(argument).map((word) => ({ word, help: oneLine(argument.name()) })),
      ),
    ],
    flags: [...help.visibleOptions(command), ...globals]
      // The version is the program's to tell.
      .filter((option) => path.length === 0 || option.long !== '--version')
      .map(flagOf),
  };
  return [place, ...below.flatMap((one) => placesBelow(one, [...path, one.name()]))];
}

/** Values by this name in a flag's `<…>` are paths. */
const paths: ReadonlySet<string> = new Set(['file', 'path', 'place', 'folder']);

function flagOf(option: Option): CompletionFlag {
  const [, valueName = ''] = /[<[]([^>\]]+)[>\]]/.exec(option.flags) ?? [];
  const takesValue = option.required || option.optional;
  return {
    names: [option.long, option.short].filter((name) => name !== undefined && name !== null),
    help: oneLine(option.description),
    takes: !takesValue ? 'nothing' : paths.has(valueName) ? 'file' : 'word',
    words: completionsOf(option),
  };
}
