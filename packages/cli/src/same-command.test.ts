import { describe, expect, it } from '@jest/globals';
import { Command } from 'commander';
import { parseColumnNames } from './columns.js';
import { sameCommand } from './same-command.js';
import { addGlobalOptions } from './settings.js';

function said(argv: readonly string[], changed: Record<string, string | undefined>, args?: readonly string[]): string {
  const program = addGlobalOptions(new Command('bin/warren'));
  let text = '';
  program
    .command('task')
    .command('list')
    .argument('[id...]')
    .option('--filter <filter>')
    .option('--older-than <duration>')
    .option('--after <id>')
    .option('--limit <count>', '', '20')
    .option('--columns <names>', '', (names: string) => parseColumnNames(names, [{ name: 'id', text: String }]))
    .option('-y, --yes')
    .option('--no-check')
    .action((_ids, _flags, command: Command) => {
      text = sameCommand(command, changed, args);
    });
  program.parse(argv, { from: 'user' });
  return text;
}

describe('sameCommand', () => {
  it('says the flags that were given again, ready for a shell, and no default', () => {
    const filter = 'tenant:"ann\'s" age:>2h';
    expect(
      said(['task', 'list', '--filter', filter, '--older-than=1h', '-y', '--no-color', '--columns', 'id'], {}),
    ).toBe(`warren task list --no-color --filter 'tenant:"ann'\\''s" age:>2h' --older-than 1h --columns id --yes`);
  });

  it('names other arguments where they are given', () => {
    expect(said(['task', 'list', 'a', 'b', '--limit', '5'], {}, ['b'])).toBe('warren task list b --limit 5');
  });

  it('changes what it is told to, wherever it stood', () => {
    expect(said(['task', 'list', '--after', 'a', '--limit', '5'], { after: 'b@1' })).toBe(
      'warren task list --limit 5 --after b@1',
    );
    expect(said(['task', 'list', 'x y', '--no-check', '--after', 'a'], { after: undefined })).toBe(
      "warren task list 'x y' --no-check",
    );
  });
});
