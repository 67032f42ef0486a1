import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';

/** How a service lives and ends, as a process. Runs what is compiled. */
const root = path.resolve(import.meta.dirname, '../..');
const urlOf = (file: string) => JSON.stringify(pathToFileURL(path.join(root, file)).href);

/** A service that does what its first argument says. */
const script = `
import { createServiceLog, runService } from ${urlOf('packages/cli/dist/index.js')};
import { setTimeout as sleep } from 'node:timers/promises';
const [how] = process.argv.slice(2);
const log = createServiceLog('tester');
setInterval(() => {}, 1_000);
const stop = {
  quick: async () => log.info('stop was called'),
  stuck: () => new Promise(() => {}),
  broken: async () => { throw new Error('the door is jammed'); },
}[how] ?? (async () => log.info('stop was called'));
await runService({
  name: 'tester', log,
  start: async () => {
    if (how === 'refused') throw Object.assign(new Error('no connection to amqp://warren:s3cret@10.0.0.1:5672: refused'), { code: 'ECONNREFUSED' });
    if (how === 'defect') undefined.x;
    if (how === 'slow') { log.info('starting'); await sleep(500); }
    if (how === 'never') { log.info('starting'); await new Promise(() => {}); }
    if (how === 'rejection') setTimeout(() => Promise.reject(new Error('nobody waits for amqp://u:s3cret@h')), 10);
    return { stop, stopWithinMs: how === 'stuck' ? 300 : 20_000 };
  },
});
`;

const line = z.looseObject({ msg: z.string(), level: z.number() });
type Line = z.infer<typeof line>;

let folder: string;
const children: ChildProcess[] = [];

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'warren-service-'));
  writeFileSync(path.join(folder, 'service.mjs'), script);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A started service: its log lines as they come, and how it ended. */
function start(args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const lines: Line[] = [];
  const waiting: (() => void)[] = [];
  createInterface({ input: child.stdout }).on('line', (text) => {
    lines.push(line.parse(JSON.parse(text)));
    for (const look of waiting) look();
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const closed = once(child, 'close');
  return {
    lines,
    signal: (name: NodeJS.Signals) => child.kill(name),
    /** Resolves when a line says so. */
    says: (msg: string) =>
      new Promise<void>((resolve, reject) => {
        const look = () => lines.some((one) => one.msg === msg) && resolve();
        waiting.push(look);
        closed.then(() => reject(new Error(`it ended without saying "${msg}": ${JSON.stringify(lines)}${stderr}`)));
        look();
      }),
    async ended() {
      const [code] = await closed;
      return { code, said: lines.map(({ msg }) => msg), stderr };
    },
  };
}

const tester = (how: string) => start([path.join(folder, 'service.mjs'), how]);

describe('runService', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'says when it is ready; %s stops it once, and it ends with 0',
    async (name) => {
      const service = tester('quick');
      await service.says('ready');
      service.signal(name);
      expect(await service.ended()).toEqual({ code: 0, said: ['ready', 'stopping', 'stop was called'], stderr: '' });
    },
  );

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('a second %s ends it at once with %d', async (name, code) => {
    const service = tester('never');
    await service.says('starting');
    service.signal('SIGTERM');
    await service.says('stopping');
    service.signal(name);
    expect((await service.ended()).code).toBe(code);
  });

  it('what does not stop in time ends with 1 and says so', async () => {
    const service = tester('stuck');
    await service.says('ready');
    service.signal('SIGTERM');
    const { code, said } = await service.ended();
    expect({ code, last: said.at(-1) }).toEqual({
      code: 1,
      last: 'did not stop: it took longer than 300 ms; what was in hand is taken over by others',
    });
  });

  it('a stop that fails ends with 1 and says why', async () => {
    const service = tester('broken');
    await service.says('ready');
    service.signal('SIGTERM');
    const { code, said } = await service.ended();
    expect({ code, last: said.at(-1) }).toEqual({ code: 1, last: 'did not stop: the door is jammed' });
  });

  it('a signal during the start waits for its end, and stops what it started', async () => {
    const service = tester('slow');
    await service.says('starting');
    service.signal('SIGTERM');
    expect(await service.ended()).toMatchObject({ code: 0, said: ['starting', 'stopping', 'stop was called'] });
  });

  it('a start that fails is one line with the address and without the password or a stack', async () => {
    const service = tester('refused');
    expect(await service.ended()).toEqual({
      code: 1,
      said: ['did not start: no connection to amqp://warren:***@10.0.0.1:5672: refused'],
      stderr: '',
    });
    expect(service.lines[0]).toMatchObject({ level: 60, service: 'tester', code: 'network' });
    expect(service.lines[0]).not.toHaveProperty('stack');
  });

  it('a defect shows where it comes from', async () => {
    const service = tester('defect');
    expect((await service.ended()).code).toBe(1);
    expect(service.lines[0]).toMatchObject({ level: 60, stack: expect.stringContaining('service.mjs') });
  });

  it('a rejection that nobody handles is logged and ends with 1', async () => {
    const { code, said, stderr } = await tester('rejection').ended();
    expect({ code, last: said.at(-1), stderr }).toEqual({
      code: 1,
      last: 'nobody caught an error: nobody waits for amqp://u:***@h',
      stderr: '',
    });
  });
});

describe('the producer as a process', () => {
  const main = path.join(root, 'services/producer/dist/main.js');
  const { AMQP_URL: _amqp, LEDGER_URL: _ledger, ...environment } = process.env;

  it('names each variable at fault', async () => {
    const { code, said } = await start([main], { ...environment, WARREN_PREFETCH: '0' }).ended();
    expect(code).toBe(1);
    expect(said).toHaveLength(1);
    for (const name of ['AMQP_URL', 'LEDGER_URL', 'WARREN_PREFETCH']) expect(said[0]).toContain(name);
  });

  it('names the broker that refused, without the password', async () => {
    const service = start([main], {
      ...environment,
      AMQP_URL: 'amqp://warren:s3cret@127.0.0.1:1/warren',
      LEDGER_URL: path.join(folder, 'ledger.db'),
    });
    const { code, said, stderr } = await service.ended();
    expect(code).toBe(1);
    expect(said.at(-1)).toContain('127.0.0.1:1');
    expect(JSON.stringify(service.lines) + stderr).not.toContain('s3cret');
  });
});
