import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { ServiceStartError } from './service-start-error.js';
import { readStartFailure, writeStartFailure } from './start-failure.js';

let file: string;

beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), 'warren-failure-')), 'start-failure.json');
});
afterEach(() => rmSync(join(file, '..'), { recursive: true }));

it('hands on what an error says, with what comes next', () => {
  const error = new ServiceStartError('producer-1', 'exit code 7', { printed: [], logFile: '/logs/producer-1.log' });
  writeStartFailure(file, error);
  expect(readStartFailure(file)).toMatchObject({
    message: 'the stack did not start: producer-1 did not start (exit code 7), and said nothing',
    code: 'failed',
    next: 'its log is /logs/producer-1.log',
    exitCode: 1,
  });
});

it('hands on the message of an error that says nothing else, or something of another kind', () => {
  writeStartFailure(file, Object.assign(new Error('no room'), { code: 28 }));
  expect(readStartFailure(file)?.message).toBe('the stack did not start: no room');
});

it('knows nothing where nothing was left', () => {
  expect(readStartFailure(file)).toBeUndefined();
});
