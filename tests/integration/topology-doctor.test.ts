import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { applyTopology, type ManagementClient, managementAddress, managementClient, request } from '@warren/broker';
import type { PrivateBroker } from '@warren/local';
import { taskTypes } from '@warren/tasks';
import { checkNames, type FindingCode, severities, severityOf, topologyFor } from '@warren/topology';
import { type ChannelModel, connect } from 'amqplib';
import { z } from 'zod';
import { clearMemoryAlarm, raiseMemoryAlarm } from './support/alarm.js';
import { type FreshVhost, freshVhost, startOwnBroker } from './support/broker.js';
import { freshDatabase } from './support/postgres.js';
import { projectRoot, type RunningServices, startServices } from './support/services.js';
import { until } from './support/until.js';

jest.setTimeout(180_000);

const report = z.object({
  vhost: z.string(),
  version: z.string(),
  findings: z.array(
    z.object({
      code: z.custom<FindingCode>((code) => typeof code === 'string' && code in severityOf),
      severity: z.enum(severities),
      where: z.string(),
      what: z.string(),
      mend: z.string(),
    }),
  ),
  good: z.array(z.enum(checkNames)),
  notChecked: z.array(z.object({ check: z.enum(checkNames), why: z.string() })),
});

type Environment = Readonly<Record<string, string>>;

/** `bin/warren topology doctor`, as it ships. */
function run(env: Environment, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const program = join(projectRoot, 'bin', 'warren');
  const all = { PATH: process.env.PATH ?? '', WARREN_DELAY: 'ladder', ...env };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, 'topology', 'doctor', ...args], { env: all }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr });
    });
  });
}

async function examine(env: Environment) {
  const { code, stdout, stderr } = await run(env, '--json');
  if (stdout === '') throw new Error(`no report, exit code ${code}: ${stderr}`);
  return { code, ...report.parse(JSON.parse(stdout)) };
}

type Findings = z.infer<typeof report>['findings'];

function found(findings: Findings, code: FindingCode): Findings {
  return findings.filter((one) => one.code === code);
}

describe('warren topology doctor on a good broker', () => {
  let services: RunningServices;
  /** On the same broker, with nobody in it. */
  let vhost: FreshVhost;
  let env: Environment;

  beforeAll(async () => {
    [vhost, services] = await Promise.all([freshVhost(), startServices()]);
    env = { AMQP_URL: services.amqpUrl, WARREN_MANAGEMENT_URL: vhost.managementUrl };
  });

  afterAll(async () => {
    await Promise.all([vhost.dispose(), services.stop()]);
  });

  it('finds nothing to mend but its age, says what it looked at, and ends with 0', async () => {
    const database = await freshDatabase();
    const withLedger = { ...env, LEDGER_URL: database.url };
    // A node's first statistics come some seconds after its start.
    await until(async () => !(await examine(env)).notChecked.some(({ check }) => check === 'alarms'));
    const { code, findings, good, notChecked } = await examine(withLedger);
    await database.dispose();
    expect(findings.filter(({ severity }) => severity !== 'information').map((one) => one.code)).toEqual(
      findings.some((one) => one.code === 'broker-old-series') ? ['broker-old-series'] : [],
    );
    expect({ code, notChecked }).toEqual({ code: 0, notChecked: [] });
    expect(good).toEqual(expect.arrayContaining(checkNames.filter((check) => check !== 'version')));
  });

  it('tells a person the same in blocks, what was found good in one line', async () => {
    const { code, stdout, stderr } = await run(env);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^broker: .* \(from AMQP_URL\)\n$/);
    expect(stdout).toMatch(/^INFORMATION\n {2}broker-version {2}RabbitMQ \d/m);
    expect(stdout).toMatch(/^good: .*\bpermissions\b.*$/m);
    expect(stdout).toMatch(/^not checked: clocks \(the ledger's: LEDGER_URL is not set\)$/m);
  });

  it('ends with 0 where there are warnings alone', async () => {
    await applyTopology({ ...vhost, topology: topologyFor({ types: taskTypes, delay: 'ladder', profile: 'classic' }) });
    const { code, findings } = await examine({ ...env, AMQP_URL: vhost.amqpUrl });
    expect(found(findings, 'queue-without-consumers').map(({ where }) => where)).toEqual(
      ['dead-letters', 'submitted', 'tasks.research', 'tasks.summarize', 'unroutable'].map((name) => `queue "${name}"`),
    );
    expect(findings.map(({ severity }) => severity)).not.toContain('error');
    expect(code).toBe(0);
  });
});

describe('warren topology doctor on a broker with faults', () => {
  let broker: PrivateBroker;
  let management: ManagementClient;

  beforeAll(async () => {
    // Shorter than any attempt may take.
    broker = await startOwnBroker({ consumer_timeout: '59000' });
    management = managementClient(managementAddress(broker.amqpUrl, broker.managementUrl));
  });

  afterAll(async () => {
    await broker.discard();
  });

  it('names each planted fault with its mend, and ends with 1', async () => {
    const { env, amqpUrl, vhost } = await freshTopology('faulty');
    const connection = await connect(amqpUrl);
    const isOld = broker.version.startsWith('3.');
    await plantFaults(connection, vhost, isOld);
    // What a channel does is told by statistics, some seconds late.
    await until(async () => found((await examine(env)).findings, 'deprecated-global-qos').length === (isOld ? 1 : 0));
    const { code, findings } = await examine(env);
    const { stdout } = await run(env);
    await connection.close();
    expect(code).toBe(1);

    const planted: [FindingCode, string, string][] = [
      ['policy-of-operator', 'queue "tasks.summarize"', 'operator policy "short"'],
      ['length-limit', 'queue "unroutable"', 'Take "max-length" out of operator policy "capped"'],
      ['policy-overridden', 'queue "tasks.research"', 'Give policy "mine"'],
      ['dead-letter-cycle', 'queue "dead-letters"', 'Remove the policy or the binding that leads back'],
      ['binding-leads-nowhere', 'exchange "tasks" with key "#" to exchange "audit"', 'Bind a queue to the exchange'],
      ['exchange-leads-nowhere', 'exchange "submit"', 'topology apply'],
      ['dead-letter-at-most-once', 'queue "tasks.research.g2"', '"at-least-once"'],
      ['dead-letter-exchange-missing', 'queue "tasks.summarize.g2"', 'correct or remove that policy'],
      ['dead-letter-unrouted', 'queue "tasks.research.g3"', 'topology apply'],
      ['queue-without-consumers', 'queue "submitted"', 'Start the producer'],
      ['queue-without-consumers', 'queue "tasks.research.g3"', 'Start the research-worker'],
      ['consumer-timeout-too-short', '"tasks.research"', 'consumer_timeout = '],
      ...(isOld
        ? ([
            ['deprecated-classic-mirroring', 'policy "mirrored"', 'Remove the policy'],
            ['deprecated-transient-queue', 'queue "fleeting"', 'declare it durable'],
            ['deprecated-global-qos', 'channel', 'global=false'],
            ['prefetch-unlimited', 'queue "unroutable"', 'Look up whose consumer it is'],
          ] satisfies [FindingCode, string, string][])
        : []),
    ];
    for (const [fault, where, mend] of planted) {
      const one = found(findings, fault).find((finding) => finding.where.includes(where));
      expect({ fault, where, mend: one?.mend }).toEqual({ fault, where, mend: expect.stringContaining(mend) });
      expect(stdout).toContain(`  ${fault}  `);
      if (!mend.startsWith('Run')) expect(stdout.replaceAll('bin/warren', 'warren')).toContain(one?.mend);
    }
    expect(found(findings, 'dead-letter-cycle')[0]?.what).toContain('"dead-letters" by policy "around"');
    // A consumer that is there is seen at once, by its queue's own count.
    expect(found(findings, 'queue-without-consumers').map(({ where }) => where)).not.toContain('queue "unroutable"');
    expect(new Set(findings.map((one) => one.code))).toEqual(
      new Set([...planted.map(([fault]) => fault), 'broker-version', ...(isOld ? ['broker-old-series'] : [])]),
    );
  });

  it('tells a memory alarm, and what it blocks', async () => {
    const { env, amqpUrl } = await freshTopology('alarmed');
    const connection = await connect(amqpUrl);
    connection.on('error', () => undefined);
    const channel = await connection.createChannel();
    await raiseMemoryAlarm(broker);
    try {
      // The broker blocks a connection when it publishes.
      channel.publish('events', 'nobody', Buffer.from('listens'));
      await until(async () => {
        const { findings } = await examine(env);
        return found(findings, 'alarm-memory').length + found(findings, 'connections-blocked').length === 2;
      });
      const { code, findings } = await examine(env);
      expect(code).toBe(1);
      expect(found(findings, 'alarm-memory')).toEqual([
        expect.objectContaining({
          where: `node "${broker.nodeName}"`,
          mend: expect.stringContaining('vm_memory_high_watermark'),
        }),
      ]);
      expect(found(findings, 'connections-blocked')[0]?.mend).toContain('Mend the alarm');
    } finally {
      await clearMemoryAlarm(broker);
      await connection.close();
    }
    await until(async () => found((await examine(env)).findings, 'alarm-memory').length === 0);
  });

  it('tells what the user of AMQP_URL may not do', async () => {
    const { env, amqpUrl, vhost } = await freshTopology('permitted');
    const limited = await newUser('limited', vhost, { tags: 'administrator', read: '^(tasks|events|amq\\.)' });
    const { code, findings } = await examine({ ...env, AMQP_URL: asUser(amqpUrl, limited) });
    expect(code).toBe(1);
    const lacking = found(findings, 'permission-missing');
    expect(lacking.map(({ where }) => where)).toEqual(['producer', 'dlq-processor', 'topology apply']);
    expect(lacking[1]?.what).toContain('read "dead-letters", "unroutable"');
    expect(lacking[1]?.mend).toContain('rabbitmqctl set_permissions --vhost permitted limited ".*" ".*" ".*"');
  });

  it('says what it can not check, and why, to a user whom the management API tells little or nothing', async () => {
    const { amqpUrl, vhost } = await freshTopology('unseen');
    const as = async (user: string, tags: string) => {
      const url = asUser(broker.managementUrl, await newUser(user, vhost, { tags, read: '.*' }));
      return await examine({ AMQP_URL: asUser(amqpUrl, user), WARREN_MANAGEMENT_URL: url });
    };
    const untagged = await as('untagged', '');
    expect(untagged.code).toBe(0);
    expect(untagged.findings.map(({ code }) => code)).toContain('management-refused');
    expect(untagged.good).toEqual(['delay']);
    expect(untagged.notChecked.length).toBe(checkNames.length - (untagged.good.length + 2));

    const tagged = await as('tagged', 'management');
    expect(tagged.findings.map(({ code }) => code)).toContain('management-limited');
    expect(tagged.good).toEqual(expect.arrayContaining(['topology', 'bindings', 'dead-lettering']));
    const open = Object.fromEntries(tagged.notChecked.map(({ check, why }) => [check, why]));
    expect(open.alarms).toBe('user "tagged" of the management API has no tag "monitoring"');
    expect(open.permissions).toContain('no tag "administrator"');
  });

  it('tells an empty virtual host, a missing plugin, and a management API that is away', async () => {
    await management.putVhost('empty');
    const env = { AMQP_URL: inVhost(broker.amqpUrl, 'empty'), WARREN_MANAGEMENT_URL: broker.managementUrl };
    const empty = await examine({ ...env, WARREN_DELAY: 'plugin' });
    expect(empty.code).toBe(1);
    const codes = new Set(empty.findings.map(({ code }) => code));
    expect([...codes]).toEqual(expect.arrayContaining(['exchange-missing', 'queue-missing', 'delay-missing']));
    const hasPlugin = codes.has('delay-plugin-ends');
    expect(codes.has('delay-plugin-missing')).toBe(!hasPlugin);

    const away = await examine({ ...env, WARREN_MANAGEMENT_URL: 'http://127.0.0.1:1' });
    expect(away.code).toBe(0);
    expect(found(away.findings, 'management-unreachable')[0]?.mend).toContain('rabbitmq_management');
  });

  it('says where a broker is silent, and what to do', async () => {
    const { code, stdout, stderr } = await run({ AMQP_URL: 'amqp://127.0.0.1:1' });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/next: check that it runs and that AMQP_URL is right/);
  });

  async function freshTopology(vhost: string): Promise<{ vhost: string; amqpUrl: string; env: Environment }> {
    await management.putVhost(vhost);
    const amqpUrl = inVhost(broker.amqpUrl, vhost);
    const { managementUrl } = broker;
    const topology = topologyFor({ types: taskTypes, delay: 'ladder', profile: 'classic' });
    await applyTopology({ amqpUrl, managementUrl, topology });
    return { vhost, amqpUrl, env: { AMQP_URL: amqpUrl, WARREN_MANAGEMENT_URL: managementUrl } };
  }

  async function plantFaults(connection: ChannelModel, vhost: string, isOld: boolean): Promise<void> {
    const policy = (name: string, pattern: string, definition: Record<string, string | number>, priority = 99) =>
      management.putPolicy(vhost, { name, pattern, applyTo: 'queues', priority, definition });
    await policy('mine', '^tasks\\.research$', { expires: 1_000_000_000 });
    await policy('around', '^dead-letters$', { 'dead-letter-exchange': 'dead' });
    await operatorPolicy(vhost, 'short', '^tasks\\.summarize$', { 'message-ttl': 1_000 });
    await operatorPolicy(vhost, 'capped', '^unroutable$', { 'max-length': 5 });
    const channel = await connection.createChannel();
    await channel.assertExchange('audit', 'topic');
    await channel.bindExchange('audit', 'tasks', '#');
    await channel.unbindQueue('submitted', 'submit', '#');
    const declare = (name: string, type: string, deadLetterExchange: string, key: string) =>
      channel.assertQueue(name, {
        arguments: {
          'x-queue-type': type,
          'x-dead-letter-exchange': deadLetterExchange,
          'x-dead-letter-routing-key': key,
        },
      });
    await declare('tasks.research.g2', 'quorum', 'dead', 'research.broker');
    await declare('tasks.summarize.g2', 'classic', 'gone', 'summarize.broker');
    await declare('tasks.research.g3', 'classic', 'audit', 'research.broker');
    if (!isOld) {
      await channel.consume('unroutable', () => undefined);
      return;
    }
    await policy('mirrored', '^nothing$', { 'ha-mode': 'all' });
    await channel.assertQueue('fleeting', { durable: false });
    await channel.prefetch(9, true);
    await channel.consume('unroutable', () => undefined);
  }

  async function operatorPolicy(vhost: string, name: string, pattern: string, definition: Record<string, number>) {
    const address = managementAddress(broker.amqpUrl, broker.managementUrl);
    const body = { pattern, definition, priority: 0, 'apply-to': 'queues' };
    await request(address, 'PUT', `/api/operator-policies/${vhost}/${name}`, body);
  }

  async function newUser(name: string, vhost: string, { tags, read }: { tags: string; read: string }): Promise<string> {
    const address = managementAddress(broker.amqpUrl, broker.managementUrl);
    await request(address, 'PUT', `/api/users/${name}`, { password: name, tags });
    const permissions = { configure: '.*', write: '.*', read };
    await request(address, 'PUT', `/api/permissions/${vhost}/${name}`, permissions);
    return name;
  }
});

it('every finding stands in docs/operating.md with its severity, and no other', () => {
  const page = readFileSync(join(projectRoot, 'docs', 'operating.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z-]+)` +\| (error|warning|information) /gm)];
  expect(rows.map(([, code]) => code).sort()).toEqual(Object.keys(severityOf).sort());
  for (const [, code = '', severity] of rows) expect(severityOf).toHaveProperty(code, severity);
});

function inVhost(amqpUrl: string, vhost: string): string {
  const url = new URL(amqpUrl);
  url.pathname = `/${vhost}`;
  return url.href;
}

/** The password is the name. */
function asUser(address: string, name: string): string {
  const url = new URL(address);
  url.username = name;
  url.password = name;
  return url.href;
}
