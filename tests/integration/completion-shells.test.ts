import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { needing } from './support/foreign-tools.js';
import { projectRoot } from './support/services.js';

/** The scripts for zsh and fish, run by these shells themselves. What bash does is tested in cli-manners.test.ts. */

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'warren-completion-'));
  writeFileSync(path.join(folder, 'my notes.md'), '');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

async function run(command: string, args: readonly string[]): Promise<string> {
  const { PATH = '' } = process.env;
  // A home of its own: nobody's settings, and no cache left behind.
  const env = { PATH, HOME: folder, TERM: 'xterm' };
  return (await promisify(execFile)(command, args, { cwd: folder, env, timeout: 30_000 })).stdout;
}

interface Shell {
  /** Throws where the script is no program of this shell. */
  check(script: string): Promise<unknown>;
  /** What the shell offers at the end of this line, in order of the alphabet. */
  offered(script: string, line: string): Promise<readonly string[]>;
}

const zsh: Shell = {
  check: (script) => run('zsh', ['-n', script]),
  async offered(script, line) {
    const found = path.join(folder, 'offered');
    const asked = path.join(folder, 'asked.zsh');
    // Completion works at a prompt alone, so a shell at a terminal gets the line and a Tab, and notes what is added.
    writeFileSync(
      asked,
      `autoload -Uz compinit && compinit -u -D
source ${quoted(script)}
compadd() {
  local -a matching
  if [[ " \${(j: :)@[1,(i)--]} " == *' -'[OAD]' '* ]]; then builtin compadd "$@"; return; fi
  builtin compadd -A matching "$@"
  (($#matching)) && print -rl -- $matching >> ${quoted(found)}
}
finish() { exit }
comppostfuncs=(finish)
bindkey '^I' complete-word
`,
    );
    rmSync(found, { force: true });
    const terminal = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell ${quoted(`source ${quoted(asked)}; print READY`)}
zpty -r shell seen '*READY*READY*'
zpty -n -w shell ${quoted(line)}$'\\t'
while zpty -r shell seen; do :; done`;
    await run('zsh', ['-f', '-c', terminal]);
    return existsSync(found) ? readFileSync(found, 'utf8').trim().split('\n').toSorted() : [];
  },
};

const fish: Shell = {
  check: (script) => run('fish', ['--no-config', '--no-execute', script]),
  async offered(script, line) {
    const ask = `source ${quoted(script)}; complete -C ${quoted(line)}`;
    const lines = (await run('fish', ['--no-config', '-c', ask])).split('\n').filter((text) => text !== '');
    return lines.map((text) => text.replace(/\t.*$/, '')).toSorted();
  },
};

const shells = [
  { name: 'zsh', shell: zsh, ...needing('zsh') },
  { name: 'fish', shell: fish, ...needing('fish') },
];

describe.each(shells)('completion in $name$why', ({ it, name, shell }) => {
  let script: string;

  beforeAll(async () => {
    script = path.join(folder, `warren.${name}`);
    writeFileSync(script, await run(process.execPath, [path.join(projectRoot, 'bin/warren'), 'completion', name]));
  });

  it('its script is a program of the shell', async () => {
    await shell.check(script);
    writeFileSync(`${script}.broken`, `${readFileSync(script, 'utf8')}\nif ('\n`);
    await expect(shell.check(`${script}.broken`)).rejects.toThrow();
  });

  it.each([
    ['a noun', 'warren dead', ['dead-letters']],
    ['verbs', 'warren task ', ['cancel', 'list', 'result', 'show', 'submit', 'watch']],
    ['a verb behind global flags', 'warren --json -o table dead-letters esc', ['escalate']],
    ['task types', 'warren task submit ', ['research', 'summarize']],
    ['a flag', 'warren publish summarize --prio', ['--priority']],
    ['a flag of this verb alone', 'warren dead-letters replay some-id --rp', ['--rps']],
    ['nothing that belongs to another verb', 'warren dead-letters list --rp', []],
    ['the choices of a flag', 'warren task list -o ', ['json', 'table']],
    ['the words of a flag', 'warren task list --state par', ['parked']],
    ['keys of a filter', 'warren dead-letters list --filter esc', ['escalated:']],
    ['the choices of an argument', 'warren completion ', ['bash', 'fish', 'zsh']],
    ['nothing where nobody can know', 'warren task list --limit ', []],
  ])('offers %s', async (_name, line, expected) => {
    expect(await shell.offered(script, line)).toEqual(expected);
  });

  /** A shell offers the whole word, or what is added to what stands there. */
  const endOf = (text: string) => text.replace(/^.*[=,:]/, '');

  it.each([
    ['the last of a list', 'warren task list --state parked,q', 'queued'],
    ['a flag with its value in one word', 'warren task list --state=run', 'running'],
    ['the last of a list in one word with its flag', 'warren task list --state=parked,q', 'queued'],
    ['a value of a filter', 'warren task list --filter state:par', 'parked'],
    ['the last value of a filter', 'warren task list --filter code:timeout,rat', 'rate-limited'],
    ['what a list does not hold yet', 'warren task list --filter type:research,', 'summarize'],
  ])('offers %s', async (_name, line, expected) => {
    expect((await shell.offered(script, line)).map(endOf)).toEqual([expected]);
  });

  it('offers files, also with blanks in their names, where a flag takes one', async () => {
    const offered = await shell.offered(script, 'warren publish summarize --file my');
    expect(offered.map((file) => file.replaceAll('\\', ''))).toEqual(['my notes.md']);
  });
});
