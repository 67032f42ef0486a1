import { describe, expect, it } from '@jest/globals';
import { UsageError } from './errors.js';
import { asksForJson, defaultSettings, readSettings } from './settings.js';

describe('readSettings', () => {
  it('no flags: the defaults', () => {
    expect(readSettings({})).toEqual(defaultSettings);
  });

  it('--json and --output json are the same', () => {
    expect(readSettings({ json: true })).toEqual(readSettings({ output: 'json' }));
    expect(readSettings({ json: true }).json).toBe(true);
  });

  it.each([
    [{ json: true, output: 'table' }, '--json'],
    [{ json: true, columns: ['id'] }, '--columns'],
    [{ output: 'json', columns: ['id'] }, '--columns'],
  ])('refuses flags that disagree: %j', (options, field) => {
    expect(() => readSettings(options)).toThrow(expect.objectContaining({ name: UsageError.name, field }));
  });
});

it.each([
  [['task', 'list', '--json'], true],
  [['--output', 'json', 'task'], true],
  [['--output=json'], true],
  [['-o', 'json'], true],
  [['--output', 'table'], false],
  [['task', '--', '--json'], false],
  [[], false],
])('asksForJson %j', (argv, expected) => {
  expect(asksForJson(argv)).toBe(expected);
});
