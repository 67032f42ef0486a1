import type { CompletionFlag, CompletionPlace } from './completion-tree.js';

/** A script for fish 3 and later, to be sourced or to stand in its folder of completions. It starts no process. */
export function fishCompletion(places: readonly CompletionPlace[]): string {
  const paths = places.map(({ path }) => path).filter((path) => path !== '');
  const taking = places.flatMap(({ flags, path }) =>
    flags
      .filter(({ takes }) => takes !== 'nothing')
      .flatMap(({ names }) => names.map((name) => `${path} ${name}`.trimStart())),
  );
  return `# Completion of warren for fish. Load it: warren completion fish | source

set -g __warren_paths ${paths.map(quoted).join(' ')}
set -g __warren_taking ${taking.map(quoted).join(' ')}

# Whether the command line has come to this noun and verb.
function __warren_at
    set -l at
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if string match -q -- '-*' $word
            contains -- (string join -- ' ' $at $word) $__warren_taking; and set skip 1
        else if contains -- (string join -- ' ' $at $word) $__warren_paths
            set at (string join -- ' ' $at $word)
        end
    end
    test "$at" = "$argv[1]"
end

# These words, each behind what of a list stands there already: the last one is completed, with what is not in it.
# Behind a filter's key stand its values.
function __warren_listed
    set -l value (string replace -r -- '^-[^=]*=' '' (commandline -ct))
    set -l key (string match -r -- '^[a-z]+:' $value)
    set -l listed (string match -r -- '^.*,' (string replace -- "$key" '' $value))
    for word in $argv
        if test -n "$key"
            string match -q -r -- "^$key." $word; or continue
            set word (string replace -- $key '' $word)
        else if string match -q -r -- ':.' $word
            continue
        end
        contains -- $word (string split -- , $listed); or echo "$key$listed$word"
    end
end

complete -c warren -e
complete -c warren -f
${places.map(linesOf).join('\n')}
`;
}

function linesOf({ flags, path, words }: CompletionPlace): string {
  const here = `complete -c warren -n ${quoted(`__warren_at ${quoted(path)}`)}`;
  return [
    ...words.map(({ help, word }) => `${here} -a ${quoted(word)} -d ${quoted(help)}`),
    ...flags.map((flag) => `${here} ${namesOf(flag)}${takenBy(flag)} -d ${quoted(flag.help)}`),
  ].join('\n');
}

function namesOf({ names }: CompletionFlag): string {
  return names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)).join(' ');
}

function takenBy({ takes, words }: CompletionFlag): string {
  switch (takes) {
    case 'nothing':
      return '';
    case 'file':
      return ' -r -F';
    case 'word':
      return words.length === 0 ? ' -x' : ` -x -a ${quoted(`(__warren_listed ${words.map(quoted).join(' ')})`)}`;
  }
}

/** In fish's single quotes only a quote and a backslash are escaped. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
