import type { CompletionFlag, CompletionPlace } from './completion-tree.js';

/** A script for zsh, to be sourced or to stand as `_warren` in a folder of `fpath`. It starts no process. */
export function zshCompletion(places: readonly CompletionPlace[]): string {
  return `#compdef warren
# Completion of warren for zsh. Load it: source <(warren completion zsh)

_warren_words() {
  case $1 in
${places.map(({ path, words }) => `    ${quoted(path)}) candidates=(${described(words.map(({ help, word }) => [word, help]))}) ;;`).join('\n')}
    *) return 1 ;;
  esac
}

_warren_flags() {
  case $1 in
${places.map(({ flags, path }) => `    ${quoted(path)}) candidates=(${described(flags.flatMap(namesAndHelp))}) ;;`).join('\n')}
  esac
}

# What the flag $2 takes at $1; fails where it takes nothing.
_warren_values() {
  files=0
  case "$1 $2" in
${places.flatMap(({ flags, path }) => flags.flatMap((flag) => valueCases(path, flag))).join('\n')}
    *) return 1 ;;
  esac
}

_warren() {
  local word cur at='' flag='' key='' files=0 i
  local -a candidates listed
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ -n $flag ]]; then
      flag=''
    elif [[ $word == -* ]]; then
      if [[ $word != *=* ]] && _warren_values "$at" "$word"; then flag=$word; fi
    elif _warren_words "\${at:+$at }$word"; then
      at="\${at:+$at }$word"
    fi
  done
  cur=\${words[CURRENT]}
  if [[ -z $flag && $cur == --*=* ]]; then
    flag=\${cur%%=*}
    compset -P '*='
  fi
  candidates=()
  files=0
  if [[ -n $flag ]]; then
    _warren_values "$at" "$flag" || return 1
    if ((files)); then _files; return; fi
    # Behind a filter's key stand its values.
    if [[ $PREFIX == *:* ]]; then
      key=\${PREFIX%%:*}:
      candidates=(\${\${(M)candidates:#$key?*}#$key})
      compset -P "$key"
    else
      candidates=(\${candidates:#*:?*})
    fi
    # Of a list, the last one is completed, with what is not in it.
    if [[ $PREFIX == *,* ]]; then
      listed=(\${(s:,:)PREFIX%,*})
      candidates=(\${candidates:|listed})
      compset -P '*,'
    fi
    compadd -S '' -- \${(M)candidates:#*:} && return
    compadd -- \${candidates:#*:}
    return
  elif [[ $cur == -* ]]; then
    _warren_flags "$at"
    _describe -o 'flag' candidates
  else
    _warren_words "$at"
    _describe 'word' candidates
  fi
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _warren "$@"
else
  compdef _warren warren
fi
`;
}

function namesAndHelp({ help, names }: CompletionFlag): [string, string][] {
  return names.map((name) => [name, help]);
}

function valueCases(path: string, { names, takes, words }: CompletionFlag): string[] {
  if (takes === 'nothing') return [];
  const patterns = names.map((name) => quoted(`${path} ${name}`)).join(' | ');
  return [`    ${patterns}) ${takes === 'file' ? 'files=1' : `candidates=(${words.map(quoted).join(' ')})`} ;;`];
}

/** `'list:the newest tasks first'`: a colon within a word is escaped. */
function described(words: readonly (readonly [word: string, help: string])[]): string {
  return words.map(([word, help]) => quoted(`${word.replaceAll(':', '\\:')}:${help}`)).join(' ');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
