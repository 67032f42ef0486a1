import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { warnOfMissingFolders } from './missing-folders.js';

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'warren-folders-'));
});
afterEach(() => rmSync(base, { recursive: true }));

it('warns of each folder that is not there, or is none, by its whole path, and of no other', () => {
  const warned: string[] = [];
  const log = { warn: ({ folder }: { folder: string }) => void warned.push(folder) };
  writeFileSync(join(base, 'file.md'), '');
  symlinkSync(base, join(base, 'link'));
  const missing = relative(process.cwd(), join(base, 'none'));
  warnOfMissingFolders({ directories: [base, join(base, 'link'), missing, join(base, 'file.md')] }, log);
  expect(warned).toEqual([join(base, 'none'), join(base, 'file.md')]);
});
