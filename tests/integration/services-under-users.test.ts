import { type ChildProcess, execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { managementAddress, request, withTlsSettings } from '@warren/broker';
import { type Ledger, openLedger } from '@warren/ledger';
import { summarizeResult } from '@warren/tasks';
import { probePrefix } from '@warren/topology';
import { connect } from 'amqplib';
import { tlsOptionsOf } from '../../packages/broker/src/connection-tls.js';
import { type FlakySource, startFlakySource } from '../../packages/local/src/demo/flaky-source.js';
import { freshVhost } from './support/broker.js';
import { createAuthority } from './support/certificates.js';
import { needing } from './support/foreign-tools.js';
import { projectRoot, serviceNames, startService, terminated } from './support/services.js';
import { startTlsBroker } from './support/tls-broker.js';
import { until } from './support/until.js';

jest.setTimeout(180_000);

const warren = join(projectRoot, 'bin', 'warren');
const text = 'Rabbits dig tunnels. Tunnels join into warrens. A warren lasts longer than any rabbit in it.';

/** A broker on which nothing is declared and no user of Warren's is made yet. */
interface Ground {
  readonly admin: Record<string, string>;
  /** Makes the users, and tells where each logs in. */
  makeUsers(folder: string): Promise<(role: string) => Record<string, string>>;
  dispose(): Promise<void>;
}

describe('every service under its own user, by password', () => wholeWay(byPassword));
const { why } = needing('openssl');
(why === '' ? describe : describe.skip)(`every service under its own user, by certificate${why}`, () =>
  wholeWay(byCertificate),
);

async function runWarren(env: Record<string, string>, cwd: string, ...args: string[]): Promise<string> {
  const PATH = process.env.PATH ?? '';
  return (
    await promisify(execFile)(process.execPath, [warren, ...args], { env: { PATH, ...env }, cwd, timeout: 60_000 })
  ).stdout;
}

async function byPassword(): Promise<Ground> {
  const vhost = await freshVhost();
  const prefix = `t${randomBytes(4).toString('hex')}-`;
  const admin = { AMQP_URL: vhost.amqpUrl, WARREN_MANAGEMENT_URL: vhost.managementUrl };
  const managementUrl = new URL(vhost.managementUrl);
  Object.assign(managementUrl, { username: '', password: '' });
  const made: string[] = [];
  return {
    admin,
    async makeUsers(folder) {
      const { users } = JSON.parse(
        await runWarren(admin, folder, 'topology', 'users', '--apply', '--json', '--prefix', prefix),
      );
      const passwords = new Map<string, string>();
      for (const { name, password, role } of users) {
        made.push(name);
        passwords.set(role, password);
      }
      return (role) => {
        const url = new URL(vhost.amqpUrl);
        Object.assign(url, { username: `${prefix}${role}`, password: passwords.get(role) });
        return { AMQP_URL: url.href, WARREN_MANAGEMENT_URL: managementUrl.href };
      };
    },
    async dispose() {
      const address = managementAddress(vhost.amqpUrl, vhost.managementUrl);
      for (const name of made) await request(address, 'DELETE', `/api/users/${name}`);
      await vhost.dispose();
    },
  };
}

async function byCertificate(): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), 'warren-certificates-'));
  const authority = createAuthority(folder, 'authority');
  const server = authority.issue('localhost', { usage: 'serverAuth', names: 'DNS:localhost' });
  const broker = await startTlsBroker(authority, server, {
    'auth_mechanisms.1': 'PLAIN',
    'auth_mechanisms.2': 'EXTERNAL',
    ssl_cert_login_from: 'common_name',
    'ssl_options.fail_if_no_peer_cert': 'false',
  });
  const { password, username } = new URL(broker.node.amqpUrl);
  const managementUrl = new URL(broker.managementUrl);
  Object.assign(managementUrl, { username, password });
  const admin = { AMQP_URL: broker.url(), WARREN_MANAGEMENT_URL: managementUrl.href, WARREN_TLS_CA: authority.ca };
  return {
    admin,
    async makeUsers(cwd) {
      await runWarren(admin, cwd, 'topology', 'users', '--apply', '--no-passwords');
      return (role) => {
        const { cert, key } = authority.issue(`warren-${role}`);
        return { ...admin, AMQP_URL: broker.url(''), WARREN_TLS_CERT: cert, WARREN_TLS_KEY: key };
      };
    },
    async dispose() {
      const log = readFileSync(broker.node.logFile, 'utf8');
      await broker.node.discard();
      rmSync(folder, { recursive: true, force: true });
      // What is best effort (events, replies) tells nobody else that it was refused. The probe for the plugin may be.
      const refusals = log.match(/.*access_refused.*/g) ?? [];
      expect(refusals.filter((line) => !line.includes(`'${probePrefix}`))).toEqual([]);
    },
  };
}

function wholeWay(open: () => Promise<Ground>): void {
  let ground: Ground;
  let as: (role: string) => Record<string, string>;
  let folder: string;
  let source: FlakySource;
  let ledger: Ledger;
  let children: ChildProcess[];
  const common = () => ({
    LEDGER_URL: `sqlite://${join(folder, 'ledger.db')}`,
    WARREN_SOURCES_DIRS: folder,
    WARREN_SOURCES_ALLOW_HOSTS: source.host,
  });
  const cli = (...args: string[]) => runWarren({ ...common(), ...as('cli') }, folder, ...args);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'warren-users-'));
    [ground, source] = await Promise.all([open(), startFlakySource(1)]);
    as = await ground.makeUsers(folder);
    await runWarren(as('topology'), folder, 'topology', 'apply');
    ledger = await openLedger(common().LEDGER_URL);
    const PATH = process.env.PATH ?? '';
    children = await Promise.all(serviceNames.map((name) => startService(name, { PATH, ...common(), ...as(name) })));
  });

  afterAll(async () => {
    expect(await Promise.all(children.map(terminated))).toEqual([0, 0, 0, 0]);
    await ledger.close();
    await source.close();
    await ground.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  it('a program of another language submits, and gets its reply', async () => {
    const { AMQP_URL = '', ...tls } = as('client');
    const url = withTlsSettings(AMQP_URL, tls);
    const connection = await connect(url, tlsOptionsOf(url));
    const channel = await connection.createChannel();
    const { queue } = await channel.assertQueue('', { exclusive: true });
    const replied = new Promise<string>((resolve) => {
      void channel.consume(queue, (message) => resolve(message?.content.toString() ?? ''), { noAck: true });
    });
    const id = randomUUID();
    const body = JSON.stringify({ task_id: id, task_type: 'summarize', payload: { text, length: 1 } });
    channel.publish('submit', 'summarize', Buffer.from(body), { messageId: id, replyTo: queue });
    expect(JSON.parse(await replied)).toMatchObject({ task_id: id, state: 'completed' });
    await connection.close();
  });

  it('a task waits, fails, is dead-lettered, waits again, and is done', async () => {
    const input = JSON.stringify({ source: { kind: 'url', url: source.url }, length: 'short' });
    const printed = await cli('task', 'submit', 'summarize', '--input', input, '--delay', '1s', '--wait', '--json');
    const { id, result, state } = JSON.parse(printed);
    expect(state).toBe('completed');
    expect(summarizeResult.parse(result).sentences.length).toBeGreaterThan(0);
    expect(await ledger.queries.task(id)).toMatchObject({ attempt: 2 });
    expect((await ledger.queries.runs(id)).map(({ outcome }) => outcome)).toEqual(['failed', 'completed']);
  });

  it('a person finds what is parked, mends it, and replays it', async () => {
    const missing = join(folder, 'not-here.md');
    const input = JSON.stringify({ source: { kind: 'file', path: missing } });
    const { id } = JSON.parse(await cli('task', 'submit', 'summarize', '--input', input, '--json'));
    await until(async () => (await ledger.queries.task(id))?.state === 'parked');
    writeFileSync(missing, text);
    await cli('dead-letters', 'replay', id, '--yes');
    await until(async () => (await ledger.queries.task(id))?.state === 'completed');
    expect(await cli('task', 'show', id)).toContain('completed');
  });
}
