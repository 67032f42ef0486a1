import type { CompletionPlace } from './completion-tree.js';
import { shellQuoted } from './shell-quoted.js';

/** In a list of words: files instead. No word of ours is a slash. */
const files = '/';

/** A script for bash 3.2 and later that needs no package of completions. It starts no process, so it answers at once. */
export function bashCompletion(places: readonly CompletionPlace[]): string {
  return `# Completion of warren for bash. Load it: source <(warren completion bash)

_warren_words() {
  case "$1" in
${cases(places.map(({ path, words }) => [path, words.map(({ word }) => word)]))}
    *) return 1 ;;
  esac
}

_warren_flags() {
  case "$1" in
${cases(places.map(({ path, flags }) => [path, flags.flatMap(({ names }) => names)]))}
  esac
}

# What the flag $2 takes at $1; fails where it takes nothing.
_warren_values() {
  case "$1 $2" in
${cases(places.flatMap(valuesOf))}
    *) return 1 ;;
  esac
}

_warren() {
  local word cur at='' flag='' before='' key='' listed='' candidate candidates i n=0
  local -a words=()
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    # The shell ends words at colons and equals signs; ours go on behind them.
    if ((n > 0)) && [[ $word == [:=] || \${COMP_WORDS[i - 1]} == [:=] ]]; then
      words[n - 1]+=$word
    else
      words[n]=$word
      ((n += 1))
    fi
  done
  cur=\${words[n - 1]}
  for ((i = 0; i < n - 1; i++)); do
    word=\${words[i]}
    if [[ -n $flag ]]; then
      flag=''
    elif [[ $word == -* ]]; then
      if [[ $word != *=* ]] && _warren_values "$at" "$word"; then flag=$word; fi
    elif _warren_words "$at" && [[ " $candidates " == *" $word "* ]] && _warren_words "\${at:+$at }$word"; then
      at="\${at:+$at }$word"
    fi
  done
  if [[ -z $flag && $cur == --*=* ]]; then
    flag=\${cur%%=*}
    cur=\${cur#*=}
    [[ $COMP_WORDBREAKS == *=* ]] || before="$flag="
  fi

  candidates=''
  if [[ -n $flag ]]; then
    _warren_values "$at" "$flag" || return 0
  elif [[ $cur == -* ]]; then
    _warren_flags "$at"
  else
    _warren_words "$at"
  fi
  if [[ $candidates == ${files} ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r candidate; do COMPREPLY+=("$before$candidate"); done < <(compgen -f -- "$cur")
    return 0
  fi
  # Behind a filter's key stand its values; the shell has ended the word there.
  if [[ $cur == *:* && " $candidates" == *" \${cur%%:*}:"* ]]; then
    key=\${cur%%:*}:
    cur=\${cur#"$key"}
    before+=$key
    [[ $COMP_WORDBREAKS == *:* ]] && before=''
  fi
  # Of a list, the last one is completed, with what is not in it.
  if [[ $cur == *,* ]]; then
    listed=\${cur%"\${cur##*,}"}
    cur=\${cur##*,}
  fi
  for candidate in $candidates; do
    if [[ -n $key ]]; then
      [[ $candidate == "$key"?* ]] || continue
      candidate=\${candidate#"$key"}
    elif [[ $candidate == *:?* ]]; then
      continue
    fi
    [[ ",$listed" != *",$candidate,"* && $candidate == "$cur"* ]] && COMPREPLY+=("$before$listed$candidate")
  done
  # A filter's key goes on with its value.
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *: ]] && compopt -o nospace 2>/dev/null
  return 0
}

complete -F _warren warren
`;
}

function valuesOf({ flags, path }: CompletionPlace): [string, readonly string[]][] {
  return flags
    .filter(({ takes }) => takes !== 'nothing')
    .flatMap(({ names, takes, words }) =>
      names.map((name): [string, readonly string[]] => [`${path} ${name}`, takes === 'file' ? [files] : words]),
    );
}

/** `'task list') candidates='…' ;;`, one line for all that have the same words. */
function cases(entries: readonly (readonly [string, readonly string[]])[]): string {
  const patterns = new Map<string, string[]>();
  for (const [pattern, words] of entries) {
    const key = words.join(' ');
    patterns.set(key, [...(patterns.get(key) ?? []), quotedAlways(pattern)]);
  }
  return [...patterns]
    .map(([words, same]) => `    ${same.join(' | ')}) candidates=${quotedAlways(words)} ;;`)
    .join('\n');
}

function quotedAlways(text: string): string {
  return text === '' ? "''" : shellQuoted(text);
}
