import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { processesOf } from './support/processes.js';
import { projectRoot } from './support/services.js';
import { until } from './support/until.js';

/** Stands for npm: what it starts outlives it unless it is ended as well. */
const npm = `#!/bin/sh
sleep 600 &
wait
`;

describe('bin/prepare.mjs', () => {
  let clone: string;

  beforeEach(() => {
    clone = mkdtempSync(join(tmpdir(), 'warren-prepare-'));
    mkdirSync(join(clone, 'bin'));
    mkdirSync(join(clone, 'tools'));
    cpSync(join(projectRoot, 'bin', 'prepare.mjs'), join(clone, 'bin', 'prepare.mjs'));
    writeFileSync(join(clone, 'package-lock.json'), '{"packages":{}}');
    writeFileSync(join(clone, 'tools', 'npm'), npm);
    chmodSync(join(clone, 'tools', 'npm'), 0o755);
  });

  afterEach(() => {
    for (const pid of processesOf(clone)) process.kill(pid, 'SIGKILL');
    rmSync(clone, { recursive: true, force: true });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'ended by %s ends npm and all that it started',
    async (signal, code) => {
      const prepare = spawn(process.execPath, [join(clone, 'bin', 'prepare.mjs')], {
        cwd: clone,
        env: { PATH: `${join(clone, 'tools')}:${process.env.PATH}` },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const exited = once(prepare, 'exit');
      await once(createInterface({ input: prepare.stderr }), 'line');
      // npm, and the sleep that it started.
      await until(() => processesOf(clone).length === 3);
      prepare.kill(signal);
      expect(await exited).toEqual([code, null]);
      await until(() => processesOf(clone).length === 0);
    },
    30_000,
  );
});
