import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { lastLines } from './log-tail.js';

let file: string;

beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), 'warren-tail-')), 'a.log');
});
afterEach(() => rmSync(join(file, '..'), { recursive: true }));

it('gives the last lines, of those that were written since', () => {
  writeFileSync(file, 'one\ntwo\n');
  const since = 'one\ntwo\n'.length;
  expect(lastLines(file, 5, since)).toEqual([]);
  appendFileSync(file, 'three\nfour\n');
  expect(lastLines(file, 5, since)).toEqual(['three', 'four']);
  expect(lastLines(file, 1, since)).toEqual(['four']);
  expect(lastLines(file, 3)).toEqual(['two', 'three', 'four']);
});

it('gives all of a file that was begun anew since, and nothing of one that is not there', () => {
  expect(lastLines(file, 5)).toEqual([]);
  writeFileSync(file, 'anew\n');
  expect(lastLines(file, 5, 1_000)).toEqual(['anew']);
});
