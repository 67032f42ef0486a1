import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { projectRoot } from './support/services.js';

const variable = /\bWARREN_(?:TEST|PROPERTY)_[A-Z_]+\b/g;

/** `npm test` sets it itself, for the Postgres that it starts. */
const setByTheRun = 'WARREN_TEST_POSTGRES_URL';

function namesIn(text: string): string[] {
  return [...text.matchAll(variable)].map(([name]) => name);
}

function sources(): string[] {
  return ['bin', 'bench', 'packages', 'services', 'tests', 'topology'].flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(ts|mjs)$/.test(file) && !/(^|\/)(dist|node_modules)\//.test(file))
      .map((file) => join(folder, file)),
  );
}

it('CONTRIBUTING tells of every variable that tests take, and each has one name', () => {
  const told = new Set(namesIn(readFileSync(join(projectRoot, 'CONTRIBUTING.md'), 'utf8')));
  const taken = new Set(sources().flatMap((file) => namesIn(readFileSync(join(projectRoot, file), 'utf8'))));
  taken.delete(setByTheRun);
  expect([...taken].toSorted()).toEqual([...told].toSorted());
});
