import { describe, expect, it } from '@jest/globals';
import { createOutput } from './output.js';
import { defaultSettings, type Settings } from './settings.js';

function outputFor(settings: Partial<Settings>, tty = false) {
  const written = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({
    isTTY: tty,
    columns: 40,
    write(text: string) {
      written[name] += text;
    },
  });
  const streams = { stdout: sink('stdout'), stderr: sink('stderr'), env: {}, now: () => 0 };
  return { written, output: createOutput(() => ({ ...defaultSettings, ...settings }), streams) };
}

const columns = [{ name: 'id', text: (row: { id: string }) => row.id }];

describe('createOutput', () => {
  it('data goes to stdout, notes to stderr', () => {
    const { written, output } = outputFor({});
    output.result({ id: 1 }, 'one \u001b[31mred\u001b[39m');
    output.note('noted\u001b[2J');
    expect(written).toEqual({ stdout: 'one red\n', stderr: 'noted\n' });
  });

  it('notes are wrapped at words on a terminal, below what leads them, and around commands', () => {
    const { written, output } = outputFor({}, true);
    output.note(' 12ms  dead-lettered: the attempt failed because nobody was there');
    output.note('nothing runs here, so start it with "warren up --detach"');
    expect(written.stderr).toBe(
      [
        ' 12ms  dead-lettered: the attempt failed',
        '       because nobody was there',
        'nothing runs here, so start it with',
        '"warren up --detach"\n',
      ].join('\n'),
    );
  });

  it('prose for a result is wrapped like notes are, below what begins it', () => {
    const text = 'degraded: its log shows why; "warren broker logs"';
    expect(outputFor({}, true).output.prose(text, 'stack  ')).toBe(
      'stack  degraded: its log shows why;\n       "warren broker logs"',
    );
    expect(outputFor({}).output.prose(text, 'stack  ')).toBe(`stack  ${text}`);
  });

  it('--json prints the value, one line each when piped, and never the text', () => {
    const { written, output } = outputFor({ json: true });
    output.result({ id: 1 }, 'one');
    output.result(undefined, 'none');
    output.table([{ id: 'a', more: true }], columns);
    output.table([], columns);
    output.fields({ id: 'b' }, [['ID', 'b']]);
    expect(written.stdout).toBe('{"id":1}\nnull\n[{"id":"a","more":true}]\n[]\n{"id":"b"}\n');
  });

  it('--quiet silences notes and progress, not data', () => {
    const { written, output } = outputFor({ quiet: true }, true);
    output.note('noted');
    output.progress({ label: 'x' }).end();
    output.result(1, 'one');
    expect(written).toEqual({ stdout: 'one\n', stderr: '' });
  });

  it('an empty table is a note: stdout stays empty', () => {
    const { written, output } = outputFor({});
    output.table([], columns, 'no task matches');
    expect(written).toEqual({ stdout: '', stderr: 'no task matches\n' });
  });

  it.each([
    [true, 'not shown in 40 columns: state\n(--columns chooses)\n'],
    [false, 'not shown in 40 columns: state\n'],
  ])('says which columns had to yield, and where it can be said (%s) how to have them', (takesColumns, said) => {
    const { written, output } = outputFor({ takesColumns }, true);
    const wide = [
      { name: 'id', text: () => 'x'.repeat(36) },
      { name: 'state', text: () => 'parked', yields: 1 },
    ];
    output.table([{}], wide);
    expect(written.stderr).toBe(said);
  });

  it('what is printed while a bar is shown goes above it, and nothing of the bar stays', () => {
    const { written, output } = outputFor({}, true);
    const progress = output.progress({ label: 'x' });
    output.note('noted');
    progress.end();
    expect(written.stderr).toBe('\rx\u001b[K\r\u001b[Knoted\n\rx\u001b[K\r\u001b[K');
  });
});
