import { describe, expect, it } from '@jest/globals';
import { commandName, isCommandLine, withCommandName } from './command-name.js';

const script = '/home/ada/clone/bin/warren';
const env = { PATH: '/usr/bin:/opt/tools' };

describe('commandName', () => {
  it.each([
    ['in a checkout', { script, cwd: '/home/ada/clone', env }, 'bin/warren'],
    ['beside it', { script, cwd: '/home/ada/clone/bin', env }, './warren'],
    ['in a folder of the checkout', { script, cwd: '/home/ada/clone/docs', env }, '../bin/warren'],
    ['from far away', { script, cwd: '/var/lib/some/where/else', env }, script],
    ['on the PATH', { script: '/opt/tools/warren', cwd: '/home', env }, 'warren'],
    ['by npx', { script, cwd: '/home/ada/clone', env: { ...env, npm_command: 'exec' } }, 'npx warren'],
    ['by npm start', { script, cwd: '/home/ada/clone', env: { ...env, npm_command: 'start' } }, 'bin/warren'],
    [
      'in a folder that a shell must not split',
      { script: "/srv/ada's own/bin/warren", cwd: '/srv', env },
      `'ada'\\''s own/bin/warren'`,
    ],
    ['without a script', { script: undefined, cwd: '/', env }, 'warren'],
  ])('%s', (_name, invocation, expected) => {
    expect(commandName(invocation)).toBe(expected);
  });
});

describe('isCommandLine', () => {
  it('sees a command that stands alone, and nothing else', () => {
    const lines = ['warren up', '  warren task list', 'run "warren up"', 'A warren is dug', 'warrens last'];
    expect(lines.map(isCommandLine)).toEqual([true, true, false, false, false]);
  });
});

describe('withCommandName', () => {
  it('names commands, and leaves prose alone', () => {
    expect(
      withCommandName(
        'run "warren up", `warren task list`\n  warren task show 1\nA warren is dug; "warren" is a word',
        'bin/warren',
      ),
    ).toBe(
      'run "bin/warren up", `bin/warren task list`\n  bin/warren task show 1\nA warren is dug; "warren" is a word',
    );
  });
});
