import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

/**
 * The command line as a process: real pipes, real exit codes, and a pseudo-terminal (by script, of util-linux).
 * Runs what is compiled.
 */
const root = path.resolve(import.meta.dirname, '../..');
const warren = path.join(root, 'bin/warren');
const compiledCli = pathToFileURL(path.join(root, 'packages/cli/dist/index.js')).href;

/** A program with nouns of its own, so that manners are tested without any room. */
const program = `
import { buildProgram, columnsOption, confirm, parseDuration, readInput, readJsonLines, openInput, runCli, UsageError, CommandError } from ${JSON.stringify(compiledCli)};
const { stdout, stderr, stdin, env } = process;
const { program, context } = buildProgram({ version: '9.9.9', stdout, stderr, env, now: () => performance.now() });
const { output } = context;
const columns = [
  { name: 'id', text: (row) => row.id, tone: () => 'good' },
  { name: 'error', text: (row) => row.error, flexible: true },
  { name: 'tenant', text: () => 'acme', optional: true },
  { name: 'state', text: () => 'parked', yields: 1 },
];
const rows = [{ id: 'a-1', error: '研究资料不可用 '.repeat(20) }, { id: 'b-2', error: 'short' }];
const noun = program.command('thing').description('things of every kind');
noun.command('list').addOption(columnsOption(columns)).action(() => { output.note('2 things'); output.table(rows, columns); });
noun.command('endless').action(async () => {
  for (let n = 0; ; n += 1) { output.result(n, 'line ' + n); if (n % 1000 === 0) await new Promise(setImmediate); }
});
noun.command('replay').option('--yes').action(async ({ yes }) => {
  if (!(await confirm('Replay 2 things?', { yes: yes === true, stdin, stderr }))) return output.note('nothing was done');
  const progress = output.progress({ label: 'replaying', total: 2 });
  progress.advance(2);
  progress.end();
  throw new CommandError('1 of 2 things replayed', { exitCode: 3, next: 'look at the other' });
});
noun.command('diff').action(() => { output.result({ missing: 1 }, '1 missing'); process.exitCode = 4; });
noun.command('wait').option('--delay <duration>', '', (text) => parseDuration(text, '--delay')).action(({ delay }) => output.result(delay, String(delay)));
noun.command('read <value>').action(async (value) => { const read = await readInput(value, { flag: '--input', stdin }); output.result(read, JSON.stringify(read)); });
noun.command('lines <file>').action(async (file) => {
  for await (const line of readJsonLines(await openInput(file, { flag: '--from', stdin }), { flag: '--from', name: file }))
    line.ok ? output.result(line.value, 'read ' + line.line) : output.note(line.error.message);
});
noun.command('crash').action(() => { throw new TypeError('x of amqp://u:s3cret@h is not\\na function'); });
const exitCode = await runCli(program, process.argv.slice(2));
if (exitCode !== 0) process.exitCode = exitCode;
`;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: string;
let script: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'warren-cli-'));
  script = path.join(folder, 'program.mjs');
  writeFileSync(script, program);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { NO_COLOR: _no, FORCE_COLOR: _force, WARREN_DEBUG: _debug, ...inherited } = process.env;
const environment = { ...inherited, TERM: 'xterm-256color' };

function run(command: string, args: readonly string[], input = '', env: NodeJS.ProcessEnv = environment) {
  return new Promise<Ended>((resolve, reject) => {
    const child = spawn(command, args, { env, cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
    const ended = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => (ended.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (ended.stderr += text));
    child.on('error', reject).on('close', (code) => resolve({ code, ...ended }));
    // A command that ends without reading its input closes the pipe: that is its right.
    child.stdin.on('error', () => undefined).end(input);
  });
}

const thing = (args: readonly string[], input?: string, env?: NodeJS.ProcessEnv) =>
  run(process.execPath, [script, ...args], input, env);

describe('exit codes and messages', () => {
  it('data on stdout, notes on stderr, no colours and nothing cut when piped', async () => {
    const { code, stdout, stderr } = await thing(['thing', 'list']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '2 things\n' });
    expect(stdout).toContain('研究资料不可用 '.repeat(20).trim());
    expect(stdout).not.toContain('\u001b');
  });

  it.each([
    ['an unknown flag', ['thing', 'list', '--bogus'], "unknown option '--bogus'", '`warren thing list --help` shows'],
    ['a flag of another name', ['thing', '--nothing'], "unknown option '--nothing'\n", '`warren thing --help` shows'],
    ['an unknown noun', ['thng'], "unknown command 'thng' (Did you mean thing?)", '`warren --help` shows'],
    ['a missing verb', ['thing'], 'warren thing: a verb is missing', 'choose from list, endless'],
    ['a missing value', ['thing', 'wait', '--delay'], "option '--delay <duration>' argument missing", '--help'],
    ['a bad value', ['thing', 'wait', '--delay', '5'], '--delay: "5" is not a duration', '90s'],
    [
      'an unknown column',
      ['thing', 'list', '--columns', 'x'],
      'there is no column "x"',
      'choose from id, error, tenant, state',
    ],
    ['flags that disagree', ['thing', 'list', '--json', '-o', 'table'], 'says the opposite', 'drop one'],
    ['input that is not JSON', ['thing', 'read', '{'], '--input: is not JSON', '@file'],
    [
      'a file that is not there',
      ['thing', 'read', '@none.json'],
      "--input: can't read none.json: there is no such",
      '',
    ],
    ['a folder', ['thing', 'read', '@.'], '--input: . is a folder', 'name a file'],
    ['nobody to ask', ['thing', 'replay'], 'nobody can answer "Replay 2 things?"', 'pass --yes'],
  ])('%s exits 2 and says what to do', async (_name, args, message, next) => {
    const { code, stdout, stderr } = await thing(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toContain(next);
  });

  it('with --json the error is JSON, wherever the flag stands and however wrong the line is', async () => {
    for (const args of [
      ['--json', 'thing', 'wait', '--delay', '5'],
      ['thing', 'wait', '--delay', '5', '--json'],
    ]) {
      const { code, stderr } = await thing(args);
      expect(code).toBe(2);
      expect(JSON.parse(stderr)).toEqual({
        error: { code: 'usage', message: '--delay: "5" is not a duration', field: '--delay', next: expect.any(String) },
      });
    }
    const verbless = await thing(['thing', '--json']);
    expect(JSON.parse(verbless.stderr)).toMatchObject({ error: { message: 'warren thing: a verb is missing' } });
  });

  it('partly done exits 3, differences exit 4 without an error', async () => {
    const partly = await thing(['thing', 'replay', '--yes', '--json']);
    expect(partly.code).toBe(3);
    expect(JSON.parse(partly.stderr)).toEqual({
      error: { code: 'failed', message: '1 of 2 things replayed', next: 'look at the other' },
    });
    expect(await thing(['thing', 'diff', '--json'])).toEqual({ code: 4, stdout: '{"missing":1}\n', stderr: '' });
  });

  it('a defect is one line without a password; WARREN_DEBUG shows the stack', async () => {
    const plain = await thing(['thing', 'crash']);
    expect(plain.code).toBe(1);
    expect(plain.stderr).toBe(
      'error: unexpected: x of amqp://u:***@h is not\n next: WARREN_DEBUG=1 shows where it comes from\n',
    );
    const debugged = await thing(['thing', 'crash'], '', { ...environment, WARREN_DEBUG: '1' });
    expect(debugged.stderr).toContain('at ');
    expect(debugged.stderr).not.toContain('s3cret');
  });
});

describe('input', () => {
  it('reads JSON, @file and stdin', async () => {
    writeFileSync(path.join(folder, 'in.json'), '\ufeff{"b":2}');
    expect((await thing(['thing', 'read', '{"a":1}'])).stdout).toBe('{"a":1}\n');
    expect((await thing(['thing', 'read', '@in.json'])).stdout).toBe('{"b":2}\n');
    expect((await thing(['thing', 'read', '-'], '[3]')).stdout).toBe('[3]\n');
  });

  it('reads lines from a file, and tells the number of a bad one', async () => {
    writeFileSync(path.join(folder, 'in.jsonl'), '{"a":1}\nnope\n2\n');
    const { stdout, stderr } = await thing(['thing', 'lines', 'in.jsonl']);
    expect(stdout).toBe('read 1\nread 3\n');
    expect(stderr).toContain('--from: in.jsonl:2: is not JSON');
  });
});

describe('pipes', () => {
  it('ends quietly when the reader has what it wanted', async () => {
    const line = `${quoted(process.execPath)} ${quoted(script)} thing endless | head -n 2; echo "code \${PIPESTATUS[0]}"`;
    expect(await run('bash', ['-c', line])).toEqual({ code: 0, stdout: 'line 0\nline 1\ncode 0\n', stderr: '' });
  });
});

/** Runs under a pseudo-terminal of the given width; answers everything that it shows. */
function inTerminal(args: readonly string[], { width = 40, input = '' } = {}) {
  const command = [process.execPath, script, ...args].map(quoted).join(' ');
  return run('script', ['-qec', `stty cols ${width} -echo; ${command}`, '/dev/null'], input);
}

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;

describe('in a terminal', () => {
  it('a table has colours and fits the width, wide characters counted', async () => {
    const { stdout } = await inTerminal(['thing', 'list']);
    expect(stdout).toContain('\u001b[32ma-1\u001b[39m  研究资料不可用 研究资料不…   parked\r\n');
    // Too narrow for all: what yields is left out, and that is said.
    const narrow = await inTerminal(['thing', 'list', '--no-color'], { width: 24 });
    expect(narrow.stdout).toBe(
      '2 things\r\nID   ERROR\r\na-1  研究资料不可用 研…\r\nb-2  short\r\nnot shown in 24 columns:\r\nstate (--columns\r\nchooses)\r\n',
    );
  });

  it('--no-color leaves the layout', async () => {
    const { stdout } = await inTerminal(['thing', 'list', '--no-color', '--columns', 'tenant,id']);
    expect(stdout).toBe('2 things\r\nTENANT  ID\r\nacme    a-1\r\nacme    b-2\r\n');
  });

  it('asks, takes yes for a yes, and takes the bar away when it is done', async () => {
    const { code, stdout } = await inTerminal(['thing', 'replay'], { input: 'yes\n' });
    expect(code).toBe(3);
    expect(stdout).toContain('Replay 2 things? [y/N] ');
    expect(stdout).toContain('\rreplaying [....................] 0% …\u001b[K\r\u001b[K');
    expect(stdout.split('\u001b[K').at(-1)).toContain('1 of 2 things replayed');
  });

  it.each(['n\n', '\n', '\u0004'])('takes %j for a no', async (input) => {
    const { code, stdout } = await inTerminal(['thing', 'replay'], { input });
    expect(code).toBe(0);
    expect(stdout).toContain('nothing was done');
    expect(stdout).not.toContain('replaying');
  });
});

describe('Ctrl-C at a question', () => {
  it('ends with exit code 1, and says that nothing was done', async () => {
    const command = `stty -echo; exec ${[process.execPath, script, 'thing', 'replay'].map(quoted).join(' ')}`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { env: environment, cwd: folder });
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      shown += text;
      if (String(text).includes('[y/N]')) child.stdin.write('\u0003');
    });
    const [code] = await once(child, 'close');
    expect({ code, shown }).toEqual({ code: 1, shown: expect.stringContaining(' nothing was done\r\n') });
    expect(shown).not.toContain('replaying');
  });
});

describe('help', () => {
  it('on a verb is the same by either way, and a word that is none is bad input', async () => {
    const [asked, flagged] = await Promise.all([
      run(warren, ['help', 'dead-letters', 'replay']),
      run(warren, ['dead-letters', 'replay', '--help']),
    ]);
    expect(asked).toEqual({ ...flagged, code: 0, stderr: '' });
    expect(asked.stdout).toMatch(/^Usage: \S+ dead-letters replay /);
    expect(await run(warren, ['help', 'dead-letters', 'reply'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('help: there is no command "reply"'),
    });
    expect((await run(warren, ['help'])).stdout).toBe((await run(warren, ['--help'])).stdout);
  });
});

describe('completion', () => {
  let completions: string;
  beforeAll(async () => {
    completions = path.join(folder, 'completions.bash');
    const { code, stdout, stderr } = await run(warren, ['completion', 'bash']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    writeFileSync(completions, stdout);
  });

  /** What bash itself offers for the last of these words, which it has cut as it does a line. */
  async function offered(...words: readonly string[]): Promise<string[]> {
    const ask = `source ${quoted(completions)}
      COMP_WORDS=(${words.map(quoted).join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); COMPREPLY=()
      _warren 2>/dev/null; printf '%s\n' "\${COMPREPLY[@]}"`;
    const { code, stdout, stderr } = await run('bash', ['--norc', '-c', ask]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.trim() === '' ? [] : stdout.trim().split('\n');
  }

  it('is registered with bash for the command, however it is called', async () => {
    const { stdout } = await run('bash', ['--norc', '-c', `source ${quoted(completions)}; complete -p warren`]);
    expect(stdout).toBe('complete -F _warren warren\n');
  });

  it.each([
    ['a noun', ['warren', 'dead'], ['dead-letters']],
    ['verbs', ['warren', 'task', ''], ['submit', 'show', 'list', 'watch', 'result', 'cancel']],
    ['a verb behind global flags', ['warren', '--json', '-o', 'table', 'dead-letters', 'esc'], ['escalate']],
    ['task types', ['warren', 'task', 'submit', ''], ['research', 'summarize']],
    ['a flag', ['warren', 'publish', 'summarize', '--prio'], ['--priority']],
    ['a flag of this verb alone', ['warren', 'dead-letters', 'replay', 'some-id', '--rp'], ['--rps']],
    ['nothing that belongs to another verb', ['warren', 'dead-letters', 'list', '--rp'], []],
    ['the choices of a flag', ['warren', 'task', 'list', '-o', ''], ['table', 'json']],
    ['the words of a flag', ['warren', 'task', 'list', '--state', 'par'], ['parked']],
    ['the last of a list', ['warren', 'task', 'list', '--state', 'parked,q'], ['parked,queued']],
    ['a flag with its value in one word', ['warren', 'task', 'list', '--state', '=', 'run'], ['running']],
    ['keys of a filter', ['warren', 'dead-letters', 'list', '--filter', 'esc'], ['escalated:']],
    ['keys of a filter, and no values yet', ['warren', 'task', 'list', '--filter', 'st'], ['state:']],
    ['values of a filter', ['warren', 'task', 'list', '--filter', 'state', ':', 'pa'], ['parked']],
    ['values of a filter at once', ['warren', 'task', 'list', '--filter', 'type', ':'], ['research', 'summarize']],
    [
      'the last value of a filter',
      ['warren', 'dead-letters', 'list', '--filter', 'code', ':', 'timeout,rat'],
      ['timeout,rate-limited'],
    ],
    [
      'what a list does not hold yet',
      ['warren', 'task', 'list', '--filter', 'type', ':', 'research,'],
      ['research,summarize'],
    ],
    ['what a flag does not hold yet', ['warren', 'dead-letters', 'list', '--state', 'parked,p'], []],
    ['the choices of an argument', ['warren', 'completion', ''], ['bash', 'zsh', 'fish']],
    ['nothing where nobody can know', ['warren', 'task', 'list', '--limit', ''], []],
  ])('offers %s', async (_name, words, expected) => {
    expect(await offered(...words)).toEqual(expected);
  });

  it('offers files, also with blanks in their names, where a flag takes one', async () => {
    writeFileSync(path.join(folder, 'my notes.md'), '');
    expect(await offered('warren', 'publish', 'summarize', '--file', 'my')).toEqual(['my notes.md']);
  });

  it('names every flag of every verb that help names', async () => {
    for (const words of [
      ['task', 'submit'],
      ['dead-letters', 'complete'],
      ['topology', 'apply'],
    ]) {
      const { stdout: help } = await run(warren, [...words, '--help']);
      const flags = [...help.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, flag = '']) => flag);
      expect((await offered('warren', ...words, '--')).toSorted()).toEqual(
        flags.filter((flag) => flag !== '--version').toSorted(),
      );
    }
  });

  it.each(['zsh', 'fish'])(
    'there is a script for %s as well, and none for a shell that nobody knows',
    async (shell) => {
      const { code, stdout } = await run(warren, ['completion', shell]);
      expect(code).toBe(0);
      for (const word of ['dead-letters', 'escalate', 'summarize', 'rps']) expect(stdout).toContain(word);
      expect(await run(warren, ['completion', 'tcsh'])).toMatchObject({ code: 2, stdout: '' });
    },
  );
});

describe('bin/warren', () => {
  it('without a word shows its nouns and ends well', async () => {
    const { code, stdout, stderr } = await run(warren, []);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: \S*bin\/warren <noun> \[verb\]/);
    expect(stdout).toContain('4 differences found');
  });

  it('names itself in hints and help as it was started', async () => {
    const inCheckout = await run(
      'bash',
      ['-c', `cd ${quoted(root)} && bin/warren task list; bin/warren task --help`],
      '',
      {
        PATH: process.env.PATH,
      },
    );
    expect(inCheckout.stderr).toContain('start one with "bin/warren up --detach"');
    expect(inCheckout.stdout).toContain('$ bin/warren task submit');
    const onPath = await run('warren', ['task', 'list'], '', { PATH: `${path.dirname(warren)}:${process.env.PATH}` });
    expect(onPath.stderr).toContain('start one with "warren up --detach"');
  });

  it('every noun has an example, and each names a command that is there and flags that it has', async () => {
    const { stdout: help } = await run(warren, ['--help']);
    const shown = [...help.matchAll(/^ {2}\$ \S+\/warren (\S+)/gm)].map(([, noun = '']) => noun);
    const [, listed = ''] = /^Commands:\n((?: {2}.*\n)*)/m.exec(help) ?? [];
    const nouns = [...listed.matchAll(/^ {2}(?!help )(\S+)/gm)].map(([, noun = '']) => noun);
    expect(shown).toEqual(nouns);
    for (const noun of shown) {
      const { stdout: nounHelp } = await run(warren, [noun, '--help']);
      const examples = [...nounHelp.matchAll(/^ {2}\$ \S+\/warren (.+)$/gm)].map(([, example = '']) => example);
      await Promise.all(examples.map(expectToExist));
    }
    // Some forty processes, each a start of Node.
  }, 240_000);

  it('says what to run first where it is not installed, and where it is not compiled', async () => {
    const elsewhere = path.join(folder, 'clone');
    mkdirSync(path.join(elsewhere, 'bin'), { recursive: true });
    cpSync(warren, path.join(elsewhere, 'bin/warren'));
    writeFileSync(path.join(elsewhere, 'package.json'), '{"type":"module","version":"0.0.0"}');
    const help = () => run(path.join(elsewhere, 'bin/warren'), ['--help']);
    expect(await help()).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^error: Warren is not installed .*\n next: in \S+ run `npm ci && npm run build`/),
    });
    mkdirSync(path.join(elsewhere, 'node_modules'));
    writeFileSync(path.join(elsewhere, 'node_modules', '.package-lock.json'), '{}');
    expect(await help()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: Warren is not compiled .*\n next: in \S+ run `npm run build`/),
    });
  });
});

/** `task submit summarize --wait`: the command is the words that help knows, the rest are its arguments. */
async function expectToExist(example: string): Promise<void> {
  const [noun = '', verb = ''] = example.split(' ');
  const flags = example.match(/(?<= )--[a-z-]+/g) ?? [];
  const { stdout: nounHelp } = await run(warren, [noun, '--help']);
  const words = nounHelp.includes(`\n  ${verb} `) && !verb.startsWith('-') ? [noun, verb] : [noun];
  const { code, stdout } = await run(warren, [...words, '--help']);
  expect({ example, code }).toEqual({ example, code: 0 });
  expect(stdout).toMatch(new RegExp(`^Usage: \\S*bin/warren ${words.join(' ').trim()} `));
  for (const flag of flags) expect(`${example}: ${stdout}`).toContain(`${flag}`);
}
