import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { projectRoot } from './support/services.js';

const page = readFileSync(join(projectRoot, 'CONTRIBUTING.md'), 'utf8');
const { scripts } = z
  .object({ scripts: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')));

const lines = [...page.matchAll(/^```sh\n(.*?)^```$/gms)]
  .flatMap(([, block = '']) => block.split('\n'))
  .map((line) => line.replace(/\s+#.*$/, ''))
  .filter((line) => line !== '');

/** What CI itself runs: these tests are a part of it. */
const runByCi = /^npm (ci|run )/;
/** Names something that only the reader has. */
const forReaders = /\/path\/to|\/\/user:password@/;

const commands = [...new Set(lines)].filter((line) => !runByCi.test(line) && !forReaders.test(line));

describe('CONTRIBUTING', () => {
  it.each(commands)(
    '%s',
    async (line) => {
      const { stdout } = await promisify(execFile)('sh', ['-c', line], { cwd: projectRoot });
      expect(stdout).toMatch(/^[1-9]\d* passed, 0 failed, \d+ skipped$/m);
    },
    180_000,
  );

  it('shows commands that can be run at all', () => {
    expect(commands.length).toBeGreaterThan(3);
  });

  it('names scripts, files and variables that there are', () => {
    const asked = lines.flatMap((line) => /npm run ([\w:]+)/.exec(line)?.[1] ?? []);
    expect(asked.filter((name) => !(name in scripts))).toEqual([]);
    const places = [...page.matchAll(/\b(?:docs|packages|services|tests|bin)\/[\w./-]*\w/g)].map(([place]) => place);
    expect(places.filter((place) => !existsSync(join(projectRoot, place)))).toEqual([]);
    const readers = [
      'bin/run-tests.mjs',
      'packages/ledger/src/dispatch-rules.test.ts',
      'packages/local/src/local-broker.ts',
      'tests/integration/support/test-log.ts',
    ]
      .map((file) => readFileSync(join(projectRoot, file), 'utf8'))
      .join();
    const variables = [...page.matchAll(/\b(?:WARREN_\w+|AMQP_URL)\b/g)].map(([name]) => name);
    expect(variables.filter((name) => !readers.includes(name))).toEqual([]);
  });
});
