import { execFile } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type ManagementClient, managementAddress, managementClient } from '@warren/broker';
import { canEnter, ensureRabbitmq, PrivateBroker, startPrivateBroker } from '@warren/local';
import { freshVhost, searchPath, startOwnBroker } from './support/broker.js';
import { freshDatabase } from './support/postgres.js';
import { listeningAddresses, processesOf } from './support/processes.js';

const folders: string[] = [];
const nobody = { uid: 65_534, gid: 65_534 };
const program = fileURLToPath(new URL('./support/local-program.mjs', import.meta.url));
/** Only root can become somebody else, and somebody else must be able to reach the checkout. */
const asAnyone = process.getuid?.() === 0 && canEnter(nobody, dirname(program)) ? it : it.skip;

afterEach(async () => {
  for (const folder of folders.splice(0)) {
    await PrivateBroker.find(folder)?.kill();
    await PrivateBroker.find(join(folder, '.warren', 'broker'))?.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);

describe('a private broker', () => {
  it('is killed, started again with its data, stopped, and leaves no process', async () => {
    const broker = await startIn(newFolder());
    expect(processesOf(broker.directory)).toContain(broker.pid);
    await managementOf(broker).putVhost('kept');

    const firstPid = broker.pid;
    const { amqpUrl, managementUrl } = broker;
    await broker.kill();
    expect(broker.pid).toBeUndefined();
    expect(processesOf(broker.directory)).toEqual([]);

    await broker.start();
    expect(broker.pid).not.toBe(firstPid);
    expect({ amqpUrl: broker.amqpUrl, managementUrl: broker.managementUrl }).toEqual({ amqpUrl, managementUrl });
    expect(await managementOf(broker).vhosts()).toEqual(['kept', 'warren']);

    await broker.stop();
    expect(processesOf(broker.directory)).toEqual([]);
    await expect(managementOf(broker).overview()).rejects.toThrow('no answer to GET');
  }, 180_000);

  it('is found and stopped by another process through its state file, which only its owner reads', async () => {
    const broker = await startIn(newFolder());
    const found = PrivateBroker.find(broker.directory);
    expect(found).toMatchObject({ pid: broker.pid, amqpUrl: broker.amqpUrl, version: broker.version });
    expect(statSync(join(broker.directory, 'broker.json')).mode & 0o077).toBe(0);
    await found?.kill();
    expect(broker.running).toBe(false);
    expect(PrivateBroker.find(newFolder())).toBeUndefined();
  }, 120_000);

  it('runs beside another one, each with its own port mapper, on loopback only', async () => {
    const [one, other] = await Promise.all([startIn(newFolder()), startIn(newFolder())]);
    expect(new URL(one.amqpUrl).port).not.toBe(new URL(other.amqpUrl).port);
    const addresses = listeningAddresses([...processesOf(one.directory), ...processesOf(other.directory)]);
    expect(addresses).toContain('127.0.0.1');
    expect(addresses.filter((address) => address !== '127.0.0.1' && address !== '::1')).toEqual([]);
    await one.kill();
    expect(other.running).toBe(true);
    expect(await managementOf(other).vhosts()).toEqual(['warren']);
  }, 180_000);

  it('is not started twice in one folder', async () => {
    const folder = newFolder();
    const [one, other] = await Promise.all([startIn(folder), startIn(folder)]);
    expect(one.pid).toBe(other.pid);
  }, 120_000);

  asAnyone(
    'runs as an ordinary user',
    async () => {
      const folder = newFolder();
      chownSync(folder, nobody.uid, nobody.gid);
      const asNobody = (...args: string[]) => runAs(nobody, folder, args);
      const up = await asNobody('broker', 'up');
      const found = PrivateBroker.find(join(folder, '.warren', 'broker'));
      expect(JSON.parse(up)).toMatchObject({ broker: { running: true, version: found?.version } });
      expect(statSync(`/proc/${found?.pid}`).uid).toBe(nobody.uid);
      expect(JSON.parse(await asNobody('broker', 'logs', '--lines', '3')).lines).toHaveLength(3);
      expect(JSON.parse(await asNobody('broker', 'down'))).toEqual({ stopped: true });
      expect(processesOf(folder)).toEqual([]);
    },
    180_000,
  );

  it('says what its log says when it can not start', async () => {
    await expect(startIn(newFolder(), { 'no.such.setting': '1' })).rejects.toThrow(
      /ended while it started(.|\n)*no\.such\.setting/,
    );
  }, 120_000);
});

describe('the helpers of the tests', () => {
  it('give a virtual host of the broker of the run, and take it away', async () => {
    const fresh = await freshVhost();
    expect(new URL(fresh.amqpUrl).pathname).toBe(`/${fresh.vhost}`);
    const { vhosts, queues } = managementOf(fresh);
    expect(await queues(fresh.vhost)).toEqual([]);
    await fresh.dispose();
    expect(await vhosts()).not.toContain(fresh.vhost);
  }, 120_000);

  it('give a database of the Postgres of the run', async () => {
    const [one, other] = await Promise.all([freshDatabase(), freshDatabase()]);
    expect(one.url).not.toBe(other.url);
    await Promise.all([one.dispose(), other.dispose()]);
  }, 120_000);

  it('start a broker with settings of the test', async () => {
    const broker = await startOwnBroker({ consumer_timeout: '1234567' });
    folders.push(broker.directory);
    expect((await managementOf(broker).overview()).rabbitmq_version).toBe(broker.version);
  }, 120_000);
});

async function startIn(directory: string, settings: Readonly<Record<string, string>> = {}): Promise<PrivateBroker> {
  const software = await ensureRabbitmq({ searchPath, onProgress: (line) => console.warn(line) });
  return await startPrivateBroker({ directory, software, searchPath, settings });
}

async function runAs(user: { uid: number; gid: number }, project: string, args: readonly string[]): Promise<string> {
  const env = { PATH: searchPath, HOME: project, TEST_PROJECT: project };
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], { env, ...user });
  return stdout;
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'warren broker '));
  folders.push(folder);
  return folder;
}

function managementOf(broker: { amqpUrl: string; managementUrl: string }): ManagementClient {
  return managementClient(managementAddress(broker.amqpUrl, broker.managementUrl));
}
