import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { addTopologyCommands, applyTopology, hasDelayPlugin, managementAddress, request } from '@warren/broker';
import { taskTypes } from '@warren/tasks';
import {
  type BrokerUser,
  brokerUsers,
  delayMechanisms,
  type ServiceRole,
  serviceRoles,
  type Topology,
  topologyFor,
} from '@warren/topology';
import { type Channel, type ChannelModel, connect } from 'amqplib';
import { passwordVariable } from '../../packages/broker/src/user-passwords.js';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { type Ended, runCommandLine } from './support/command-line.js';
import { serviceNames } from './support/services.js';

jest.setTimeout(120_000);

/** Users are the broker's, not a virtual host's: each test has names of its own. */
interface Site {
  readonly vhost: FreshVhost;
  readonly prefix: string;
  /** The address of a user whose password is {@link passwordOf} it. */
  as(role: string): string;
  /** `warren topology users` of these names, with these words, as the administrator. */
  users(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  dispose(): Promise<void>;
}

const roles = brokerUsers(topologyFor({ types: taskTypes, delay: 'ladder', profile: 'classic' }), taskTypes).map(
  ({ role }) => role,
);
const passwordOf = (role: string) => `password-of-${role}`;
const allPasswords = Object.fromEntries(roles.map((role) => [passwordVariable(role), passwordOf(role)]));

async function openSite(): Promise<Site> {
  const vhost = await freshVhost();
  const prefix = `t${randomBytes(4).toString('hex')}-`;
  const admin = managementAddress(vhost.amqpUrl, vhost.managementUrl);
  return {
    vhost,
    prefix,
    as(role) {
      const url = new URL(vhost.amqpUrl);
      url.username = `${prefix}${role}`;
      url.password = passwordOf(role);
      return url.href;
    },
    users: (args, env = {}) =>
      runCommandLine(
        ['topology', 'users', '--prefix', prefix, ...args],
        { AMQP_URL: vhost.amqpUrl, WARREN_MANAGEMENT_URL: vhost.managementUrl, ...env },
        addTopologyCommands,
      ),
    async dispose() {
      const known = await request(admin, 'GET', '/api/users');
      const names = Array.isArray(known) ? known.map(({ name }) => String(name)) : [];
      for (const name of names.filter((one) => one.startsWith(prefix))) {
        await request(admin, 'DELETE', `/api/users/${name}`);
      }
      await vhost.dispose();
    },
  };
}

const hasPlugin = await withSite(({ vhost }) => hasDelayPlugin(vhost.amqpUrl));

async function withSite<T>(work: (site: Site) => Promise<T>): Promise<T> {
  const site = await openSite();
  try {
    return await work(site);
  } finally {
    await site.dispose();
  }
}

for (const delay of delayMechanisms) {
  const name = `what each user may and may not, with delay by ${delay}`;
  if (delay === 'ladder' || hasPlugin) describe(name, () => rights(delay));
  else describe.skip(`${name}: this broker lacks rabbitmq_delayed_message_exchange`, () => rights(delay));
}

function rights(delay: Topology['delay']): void {
  const topology = topologyFor({ types: taskTypes, delay, profile: 'classic' });
  const services = serviceRoles(topology, taskTypes);
  let site: Site;

  beforeAll(async () => {
    site = await openSite();
    await applyTopology({ ...site.vhost, topology });
    const { code, stderr } = await site.users(['--apply', '--delay', delay], allPasswords);
    expect({ code, stderr }).toMatchObject({ code: 0 });
  });
  afterAll(() => site.dispose());

  it.each(services.map((role) => [role.name, role] as const))('%s', async (_, role) => {
    const connection = await connect(site.as(userOf(role)));
    try {
      const outcomes: Record<string, string> = {};
      const expected: Record<string, string> = {};
      for (const { attempt, isAllowed, what } of attemptsOf(role, topology)) {
        expected[what] = isAllowed ? 'done' : '403';
        outcomes[what] = await outcomeOf(connection, attempt);
      }
      expect(outcomes).toEqual(expected);
    } finally {
      await connection.close();
    }
  });

  it('the topology user declares all of it, and nothing of anybody else', async () => {
    const managementUrl = new URL(site.vhost.managementUrl);
    managementUrl.username = '';
    managementUrl.password = '';
    // Policies too: those that can't be set are warnings.
    const summary = await applyTopology({ amqpUrl: site.as('topology'), managementUrl: managementUrl.href, topology });
    expect(summary).toMatchObject({ warnings: [], policies: taskTypes.length });
    const connection = await connect(site.as('topology'));
    expect(await outcomeOf(connection, (channel) => channel.assertQueue('orders'))).toBe('403');
    expect(await outcomeOf(connection, (channel) => channel.assertExchange('orders', 'topic'))).toBe('403');
    expect(await outcomeOf(connection, (channel) => channel.deleteExchange('amq.topic'))).toBe('403');
    expect(await outcomeOf(connection, (channel) => channel.bindQueue('dead-letters', 'amq.topic', '#'))).toBe('403');
    expect(await outcomeOf(connection, (channel) => channel.deleteQueue('tasks.summarize.high.g2'))).toBe('done');
    await connection.close();
  });

  it('a user who may declare nothing finds out which delay the broker has', async () => {
    expect(await hasDelayPlugin(site.as('summarize-worker'))).toBe(hasPlugin);
  });
}

interface Attempt {
  readonly what: string;
  readonly isAllowed: boolean;
  attempt(channel: Channel): Promise<unknown>;
}

/** Everything that could be tried on everything there is, and whether the role asks for it: by the role, not by patterns. */
function attemptsOf(role: ServiceRole, topology: Topology): Attempt[] {
  const queues = [...topology.queues.filter(({ ladder }) => ladder === undefined), ...sampleLevels(topology.queues)];
  const hasOwnQueue = role.listens.length > 0 || role.awaitsReplies === true;
  return [
    ...queues.flatMap(({ name }): Attempt[] => [
      {
        what: `consume ${name}`,
        isAllowed: role.consumes.includes(name),
        attempt: (channel) => tasteOf(channel, name),
      },
      { what: `delete ${name}`, isAllowed: false, attempt: (channel) => channel.deleteQueue(name) },
      { what: `declare ${name}.g7`, isAllowed: false, attempt: (channel) => channel.assertQueue(`${name}.g7`) },
      {
        what: `bind ${name} to events`,
        // A level's queue has the name of its exchange, and the broker's permissions know names alone.
        isAllowed: role.listens.includes('events') && role.publishes.includes(name),
        attempt: (channel) => channel.bindQueue(name, 'events', '#'),
      },
    ]),
    ...[
      ...topology.exchanges.filter(({ ladder }) => ladder === undefined),
      ...sampleLevels(topology.exchanges),
    ].flatMap((exchange): Attempt[] => [
      ...taskTypes.map(({ name: type }): Attempt => {
        const isOfIts = role.type === undefined || role.type === type || exchange.type !== 'topic';
        return {
          what: `publish to ${exchange.name} for ${type}`,
          isAllowed: role.publishes.includes(exchange.name) && isOfIts,
          attempt: (channel) => published(channel, exchange.name, keyFor(exchange.name, type)),
        };
      }),
      {
        what: `delete exchange ${exchange.name}`,
        isAllowed: false,
        attempt: (channel) => channel.deleteExchange(exchange.name),
      },
      {
        what: `listen to ${exchange.name}`,
        isAllowed: role.listens.includes(exchange.name),
        attempt: (channel) => listened(channel, exchange.name),
      },
    ]),
    {
      what: 'publish to the default exchange',
      isAllowed: role.replies === true,
      attempt: (channel) => published(channel, '', randomUUID()),
    },
    { what: 'have a queue of its own', isAllowed: hasOwnQueue, attempt: (channel) => ownQueue(channel) },
    {
      what: 'have a queue of a name that it chose',
      isAllowed: false,
      attempt: (channel) => channel.assertQueue(randomUUID(), { exclusive: true }),
    },
    { what: 'declare an exchange', isAllowed: false, attempt: (channel) => channel.assertExchange('mine', 'topic') },
    {
      what: 'see how many tasks wait',
      // Before RabbitMQ 4.2.7 and 4.3.1 anybody may.
      isAllowed: true,
      attempt: (channel) =>
        channel.checkQueue(role.looksAtWork === true ? 'tasks.summarize' : (role.consumes[0] ?? 'submitted')),
    },
  ];
}

/** The lowest and the highest of a ladder, and its end. */
function sampleLevels<Part extends { readonly ladder?: string }>(parts: readonly Part[]): Part[] {
  const levels = parts.filter(({ ladder }) => ladder !== undefined);
  return [...levels.slice(0, 2), ...levels.slice(-1)];
}

function keyFor(exchange: string, type: string): string {
  if (exchange === 'submit') return type;
  if (exchange === 'events') return `${type}.${randomUUID()}.running`;
  // No digit of it is 1: it passes through the ladder at once.
  return exchange.startsWith('delay.') ? `${'0.'.repeat(25)}${type}.low` : `${type}.low`;
}

async function tasteOf(channel: Channel, queue: string): Promise<void> {
  const { consumerTag } = await channel.consume(queue, () => undefined);
  await channel.cancel(consumerTag);
}

async function published(channel: Channel, exchange: string, key: string): Promise<void> {
  channel.publish(exchange, key, Buffer.from('{}'));
  // Answered in order: by then the publish was refused or taken.
  await channel.prefetch(1);
}

async function listened(channel: Channel, exchange: string): Promise<void> {
  const queue = await ownQueue(channel);
  await channel.bindQueue(queue, exchange, '#');
}

async function ownQueue(channel: Channel): Promise<string> {
  const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true, durable: false });
  await channel.consume(queue, () => undefined, { noAck: true });
  return queue;
}

/** On a channel of its own, which a refusal closes. */
async function outcomeOf(connection: ChannelModel, attempt: (channel: Channel) => Promise<unknown>): Promise<string> {
  const channel = await connection.createChannel();
  let refusal: unknown;
  channel.on('error', (error) => {
    refusal = error;
  });
  try {
    await attempt(channel);
    await channel.close();
    return 'done';
  } catch (error) {
    const why: unknown = refusal ?? error;
    return why instanceof Error && 'code' in why ? String(why.code) : String(why);
  }
}

function userOf({ kind, name }: ServiceRole): BrokerUser['role'] {
  return kind === 'outside' ? 'client' : kind === 'command' ? 'cli' : name;
}

describe('warren topology users --apply', () => {
  let site: Site;
  let folder: string;

  beforeEach(async () => {
    site = await openSite();
    folder = mkdtempSync(join(tmpdir(), 'warren-users-'));
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true });
    await site.dispose();
  });

  const actionsIn = ({ stdout }: Ended) => {
    const { users } = JSON.parse(stdout);
    return Object.fromEntries(
      users.map(({ action, changes, role }: { action: string; changes: string[]; role: string }) => [
        role,
        [action, ...changes].join(' '),
      ]),
    );
  };
  const allOf = (action: string) => Object.fromEntries(roles.map((role) => [role, action]));

  it('makes passwords that let users in, tells them once, and changes nothing when repeated', async () => {
    const first = await site.users(['--apply', '--json']);
    expect(first.code).toBe(0);
    expect(actionsIn(first)).toEqual(allOf('created'));
    for (const { name, password } of JSON.parse(first.stdout).users) {
      const url = new URL(site.vhost.amqpUrl);
      Object.assign(url, { username: name, password });
      await (await connect(url.href)).close();
    }
    const again = await site.users(['--apply', '--json']);
    expect(actionsIn(again)).toEqual(allOf('unchanged'));
    expect(again.stdout).not.toContain('password');
  });

  it('takes passwords from variables and from files, and shows none of them', async () => {
    writeFileSync(join(folder, `${site.prefix}cli`), 'from a file, with spaces\n', { mode: 0o600 });
    const given = { WARREN_PASSWORD_PRODUCER: 'from a variable' };
    const first = await site.users(['--apply', '--password-dir', folder], given);
    expect(first).toMatchObject({ code: 0, stderr: expect.not.stringContaining('error') });
    expect(first.stdout + first.stderr).not.toMatch(/from a/);
    for (const [role, password] of [
      ['cli', 'from a file, with spaces'],
      ['producer', 'from a variable'],
    ]) {
      const url = new URL(site.vhost.amqpUrl);
      Object.assign(url, { username: `${site.prefix}${role}`, password });
      await (await connect(url.href)).close();
    }
    expect(actionsIn(await site.users(['--apply', '--json', '--password-dir', folder], given))).toEqual(
      allOf('unchanged'),
    );
  });

  it('asks before it changes a user that exists; with --yes it changes that one alone, and no password', async () => {
    await site.users(['--apply'], allPasswords);
    const admin = managementAddress(site.vhost.amqpUrl, site.vhost.managementUrl);
    const worker = `${site.vhost.vhost}/${site.prefix}summarize-worker`;
    await request(admin, 'PUT', `/api/permissions/${worker}`, { configure: '.*', write: '.*', read: '.*' });
    await request(admin, 'PUT', `/api/topic-permissions/${worker}`, { exchange: 'amq.topic', write: '.*', read: '.*' });
    await request(admin, 'PUT', `/api/users/${site.prefix}left`, { password: 'whatever', tags: '' });

    const asked = await site.users(['--apply']);
    expect(asked.code).toBe(2);
    expect(asked.stderr).toContain(`change user ${site.prefix}summarize-worker (permissions, topic permissions)?`);
    const permissions = () => request(admin, 'GET', `/api/permissions/${worker}`);
    expect(await permissions()).toMatchObject({ configure: '.*' });

    const done = await site.users(['--apply', '--yes', '--json']);
    expect(actionsIn(done)).toEqual({
      ...allOf('unchanged'),
      'summarize-worker': 'changed permissions topic permissions',
    });
    expect(JSON.parse(done.stdout).leftovers).toEqual([`${site.prefix}left`]);
    expect(done.stderr).toContain(`user ${site.prefix}left is none of these`);
    expect(await permissions()).toMatchObject({ configure: '^$' });
    expect(JSON.stringify(await request(admin, 'GET', `/api/topic-permissions/${worker}`))).not.toContain('amq.topic');
    await (await connect(site.as('summarize-worker'))).close();
  });

  it('changes a password by its variable, and takes it away with --no-passwords', async () => {
    await site.users(['--apply'], allPasswords);
    const changed = await site.users(['--apply', '--yes', '--json'], {
      ...allPasswords,
      WARREN_PASSWORD_CLI: 'another one',
    });
    expect(actionsIn(changed)).toEqual({ ...allOf('unchanged'), cli: 'changed password' });
    await expect(connect(site.as('cli'))).rejects.toThrow('403');
    expect(actionsIn(await site.users(['--apply', '--yes', '--json', '--no-passwords']))).toEqual(
      allOf('changed password'),
    );
    await expect(connect(site.as('producer'))).rejects.toThrow('403');
    expect(actionsIn(await site.users(['--apply', '--json', '--no-passwords']))).toEqual(allOf('unchanged'));
  });

  it('refuses what can not be meant before it does anything', async () => {
    const name = new URL(site.vhost.amqpUrl).username;
    const cases: readonly [readonly string[], Readonly<Record<string, string>>, RegExp][] = [
      [['--apply', '--format', 'rabbitmqctl'], {}, /--format has no say with --apply/],
      [['--no-passwords'], {}, /--no-passwords has no say without --apply/],
      [['--apply', '--no-passwords', '--password-dir', folder], {}, /drop one of them/],
      [['--apply'], { WARREN_PASSWORD_CLI: 'short' }, /WARREN_PASSWORD_CLI holds a password of 5 characters/],
      [['--apply'], { WARREN_PASSWORD_CLI: 'two lines\nof text' }, /WARREN_PASSWORD_CLI holds more than one line/],
      [['--apply', '--prefix', "x'y"], {}, /--prefix takes letters/],
    ];
    for (const [args, env, said] of cases) {
      const { code, stderr } = await site.users(args, env);
      expect(stderr).toMatch(said);
      expect(code).toBe(2);
    }
    expect(name).not.toBe('');
    const admin = managementAddress(site.vhost.amqpUrl, site.vhost.managementUrl);
    expect(JSON.stringify(await request(admin, 'GET', '/api/users'))).not.toContain(site.prefix);
  });

  it('says which user could make users, where this one can not', async () => {
    await site.users(['--apply'], allPasswords);
    const managementUrl = new URL(site.vhost.managementUrl);
    Object.assign(managementUrl, { username: `${site.prefix}cli`, password: passwordOf('cli') });
    const others = ['--apply', '--prefix', `${site.prefix}other-`];
    const { code, stderr } = await site.users(others, { WARREN_MANAGEMENT_URL: managementUrl.href });
    expect({ code, stderr }).toMatchObject({ code: 1 });
    expect(stderr).toMatch(/put user and password of one with the tag\s+"administrator"/);
  });

  it('lets nobody make a user of themselves, who would lose the right to make users', async () => {
    const admin = managementAddress(site.vhost.amqpUrl, site.vhost.managementUrl);
    const name = `${site.prefix}cli`;
    await request(admin, 'PUT', `/api/users/${name}`, { password: 'password', tags: 'administrator' });
    const managementUrl = new URL(site.vhost.managementUrl);
    Object.assign(managementUrl, { username: name, password: 'password' });
    const { code, stderr } = await site.users(['--apply', '--yes'], { WARREN_MANAGEMENT_URL: managementUrl.href });
    expect(stderr).toMatch(/user \S+-cli makes these users and would be one of them/);
    expect(code).toBe(2);
  });
});

describe('warren topology users', () => {
  const print = (...args: string[]) => runCommandLine(['topology', 'users', ...args], {}, addTopologyCommands);

  it('prints what it would make, and needs no broker', async () => {
    const { code, stdout } = await print();
    expect(code).toBe(0);
    expect(stdout).toContain('warren-summarize-worker: Works tasks of type summarize.\n  configure  ^$\n');
    expect(stdout).toContain('  keys       on delay.100ms-x25.level-*: ^([01]\\.)+summarize\\.(high|normal|low)$\n');
    const { vhost, delay, users } = JSON.parse((await print('--json', '--delay', 'plugin', '--prefix', 'x-')).stdout);
    expect({ vhost, delay }).toEqual({ vhost: 'warren', delay: 'plugin' });
    expect(users.map(({ name }: { name: string }) => name)).toEqual(roles.map((role) => `x-${role}`));
  });

  it('prints commands for rabbitmqctl', async () => {
    const { stdout } = await print('--format', 'rabbitmqctl');
    const words = stdout.trim().split('\n');
    expect(words).toContain(
      "rabbitmqctl set_permissions --vhost 'warren' warren-producer '^$' '^(tasks|delay\\.100ms-x25\\.level-[0-9]+|events)$' '^submitted(\\.(high|normal|low))?(\\.g[0-9]+)?$'",
    );
    expect(words.filter((line) => line.startsWith('rabbitmqctl add_user '))).toHaveLength(roles.length);
    expect(words).toContain('rabbitmqctl set_user_tags warren-topology policymaker');
  });

  it('is what the documents say', async () => {
    const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
    for (const role of roles) expect(read('topology.md')).toContain(`| \`warren-${role}\` `);
    const commands = [...read('operating.md').matchAll(/^\$ bin\/warren topology (users.*?)\s*(?:#.*)?$/gm)];
    expect(commands).toHaveLength(3);
    for (const [, words = ''] of commands) {
      // An unknown flag is refused before help is given.
      const { code } = await runCommandLine(['topology', ...words.split(' '), '--help'], {}, addTopologyCommands);
      expect([words, code]).toEqual([words, 0]);
    }
    const [, override = ''] = /^```yaml\n(.*?)^```$/ms.exec(read('docker.md')) ?? [];
    const logins = [
      ...override.matchAll(/^ {2}(\S+):\n {4}environment:\n {6}AMQP_URL: amqp:\/\/(\S+?):\$\{(\w+):\?\}@/gm),
    ];
    expect(logins.map(([, service, user, variable]) => [service, user, variable]).toSorted()).toEqual(
      serviceNames.map((name) => [name, `warren-${name}`, passwordVariable(name)]).toSorted(),
    );
  });
});
