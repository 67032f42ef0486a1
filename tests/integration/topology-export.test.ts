import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { addTopologyCommands } from '@warren/broker';
import type { PrivateBroker } from '@warren/local';
import { taskTypes } from '@warren/tasks';
import {
  bootFile,
  bootFileCommand,
  type DelayMechanism,
  definitionsOf,
  type QueueProfile,
  topologyFor,
} from '@warren/topology';
import { z } from 'zod';
import { brokerLayout } from '../../packages/local/src/broker-layout.js';
import { startOwnBroker } from './support/broker.js';
import { type Ended, runCommandLine } from './support/command-line.js';
import { projectRoot } from './support/services.js';

jest.setTimeout(240_000);

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'warren-export-'));
  folders.push(folder);
  return folder;
}

function topologyCommand(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return runCommandLine(['topology', ...args], env, addTopologyCommands);
}

describe('warren topology export', () => {
  it('prints definitions for the virtual host that the broker, the flag or nobody names', async () => {
    const vhostIn = async (args: readonly string[], env = {}) => {
      const { code, stdout } = await topologyCommand(['export', '--delay', 'ladder', ...args], env);
      expect(code).toBe(0);
      return JSON.parse(stdout).vhosts;
    };
    expect(await vhostIn([])).toEqual([{ name: 'warren' }]);
    expect(await vhostIn([], { AMQP_URL: 'amqp://127.0.0.1:1/here' })).toEqual([{ name: 'here' }]);
    expect(await vhostIn(['--vhost', '/'], { AMQP_URL: 'amqp://127.0.0.1:1/here' })).toEqual([{ name: '/' }]);
  });

  it('gives the same as data with --json, and says what it wrote with --out', async () => {
    const topology = topologyFor({ types: taskTypes, delay: 'plugin', profile: 'quorum' });
    const flags = ['export', '--delay', 'plugin', '--profile', 'quorum', '--json'];
    expect(JSON.parse((await topologyCommand(flags)).stdout)).toEqual(definitionsOf(topology, 'warren'));
    const file = join(newFolder(), 'definitions.json');
    const { stdout } = await topologyCommand([...flags, '--out', file]);
    const { exchanges, queues, bindings, policies } = topology;
    expect(JSON.parse(stdout)).toEqual({
      file,
      vhost: 'warren',
      delay: 'plugin',
      profile: 'quorum',
      exchanges: exchanges.length,
      queues: queues.length,
      bindings: bindings.length,
      policies: policies.length,
    });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(definitionsOf(topology, 'warren'));
  });

  it('writes the files of the repository by the commands that their test names', async () => {
    const [, , ...words] = bootFileCommand('quorum', 'ladder').split(' ');
    const file = join(newFolder(), 'again.json');
    const args = words.map((word) => (word === bootFile('quorum', 'ladder') ? file : word));
    const { code } = await topologyCommand(args, { AMQP_URL: 'amqp://127.0.0.1:1/other', WARREN_PROFILE: 'classic' });
    expect(code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(readFileSync(join(projectRoot, bootFile('quorum', 'ladder')), 'utf8'));
  });

  it('refuses what can not be meant, and says what to do where the file can not be written', async () => {
    expect((await topologyCommand(['export', '--out', ''])).code).toBe(2);
    expect((await topologyCommand(['export', '--vhost', ''])).code).toBe(2);
    const missing = await topologyCommand([
      'export',
      '--delay',
      'ladder',
      '--out',
      join(newFolder(), 'none', 'x.json'),
    ]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/could not be written to .*\n next: name a file in a folder that exists/);
  });
});

it('the pages show commands that there are', async () => {
  const pages = ['README.md', 'docs/operating.md', 'docs/docker.md'].map((file) =>
    readFileSync(join(projectRoot, file), 'utf8'),
  );
  const shown = pages.flatMap((page) => [
    ...page.matchAll(/\bwarren topology (draw|export)((?: --?[\w-]+(?: [\w.]+)?)*)/g),
  ]);
  const commands = new Set(shown.map(([, command = '', flags = '']) => `${command}${flags}`));
  expect([...commands]).toEqual(
    expect.arrayContaining([
      'draw --live',
      'draw --format svg',
      'draw --live --out topology.svg',
      'export --out definitions.json',
    ]),
  );
  const folder = newFolder();
  for (const command of [...commands].filter((one) => !one.includes('--live'))) {
    const args = command.split(' ').map((word) => (/\.\w+$/.test(word) ? join(folder, word) : word));
    expect({ command, ...(await topologyCommand(args)) }).toMatchObject({ command, code: 0 });
  }
  for (const command of [...commands].filter((one) => one.includes('--live'))) {
    // A broker is needed: that the command line is understood shows in what it asks for.
    const args = command.split(' ').map((word) => (/\.\w+$/.test(word) ? join(folder, word) : word));
    expect((await topologyCommand(args)).stderr).toContain('AMQP_URL is not set');
  }
});

/** What the entrypoint of the containers' broker prepares for the image's own, with a folder in place of the file system. */
function firstBoot(given: {
  readonly root: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
}): { readonly configuration: string | undefined; readonly definitions: string; readonly said: string } {
  const { root, env = {}, command = ['rabbitmq-server'] } = given;
  const programs = join(root, 'programs');
  for (const folder of ['etc/rabbitmq/conf.d', 'opt/warren', 'programs'])
    mkdirSync(join(root, folder), { recursive: true });
  execFileSync('cp', ['-r', join(projectRoot, 'deploy/broker/definitions'), join(root, 'opt/warren')]);
  writeFileSync(join(programs, 'docker-entrypoint.sh'), '#!/bin/sh\necho "started: $*"\n');
  chmodSync(join(programs, 'docker-entrypoint.sh'), 0o755);
  const said = execFileSync(
    'sh',
    ['-c', `exec 2>&1; exec sh "$0" "$@"`, join(projectRoot, 'deploy/broker/first-boot.sh'), ...command],
    {
      encoding: 'utf8',
      env: {
        PATH: `${programs}:${process.env.PATH ?? ''}`,
        WARREN_BROKER_ROOT: root,
        RABBITMQ_DEFAULT_USER: 'warren',
        RABBITMQ_DEFAULT_PASS: 'secret',
        RABBITMQ_DEFAULT_VHOST: 'warren',
        ...env,
      },
    },
  );
  expect(said).toContain(`started: ${command.join(' ')}\n`);
  const configuration = join(root, 'etc/rabbitmq/conf.d/60-first-boot.conf');
  return {
    configuration: existsSync(configuration) ? readFileSync(configuration, 'utf8') : undefined,
    definitions: join(root, 'etc/rabbitmq/first-boot.json'),
    said,
  };
}

describe("the entrypoint of the containers' broker", () => {
  const variantOf = (definitions: string) => {
    const { users, permissions, ...topology } = JSON.parse(readFileSync(definitions, 'utf8'));
    expect([users, permissions].flat()).toHaveLength(2);
    const files = (['classic', 'quorum'] as const).flatMap((profile) =>
      (['ladder', 'plugin'] as const).map((delay) => bootFile(profile, delay)),
    );
    return files.find(
      (file) => JSON.stringify(topology) === JSON.stringify(JSON.parse(readFileSync(join(projectRoot, file), 'utf8'))),
    );
  };

  it.each([
    [{}, false, 'classic', 'ladder'],
    [{}, true, 'classic', 'plugin'],
    [{ WARREN_DELAY: 'ladder', WARREN_PROFILE: 'quorum' }, true, 'quorum', 'ladder'],
    [{ WARREN_DELAY: 'plugin', WARREN_PROFILE: 'quorum', WARREN_QUORUM_PRIORITIES: 'lanes' }, true, 'quorum', 'plugin'],
  ] as const)(
    'takes the file of the profile and the delay: %p, plugin enabled: %p',
    (env, hasPlugin, profile, delay) => {
      const root = newFolder();
      mkdirSync(join(root, 'etc/rabbitmq'), { recursive: true });
      const plugins = `[rabbitmq_management${hasPlugin ? ',rabbitmq_delayed_message_exchange' : ''}].`;
      writeFileSync(join(root, 'etc/rabbitmq/enabled_plugins'), plugins);
      const { configuration, definitions } = firstBoot({ root, env });
      expect(configuration).toBe(`load_definitions = ${definitions}\n`);
      expect(variantOf(definitions)).toBe(bootFile(profile, delay));
    },
  );

  it('writes the user into it, whatever the password is, for the broker alone to read', () => {
    const password = 'a"b\\c $d \'e `f` %s\\n';
    const { definitions } = firstBoot({ root: newFolder(), env: { RABBITMQ_DEFAULT_PASS: password } });
    expect(JSON.parse(readFileSync(definitions, 'utf8'))).toMatchObject({
      users: [{ name: 'warren', password, tags: 'administrator' }],
      permissions: [{ user: 'warren', vhost: 'warren', configure: '.*', write: '.*', read: '.*' }],
    });
    expect(statSync(definitions).mode & 0o077).toBe(0);
  });

  it.each([
    [{ RABBITMQ_DEFAULT_PASS: '' }, 'name no user'],
    [{ RABBITMQ_DEFAULT_VHOST: '/' }, 'RABBITMQ_DEFAULT_VHOST is not warren'],
    [{ WARREN_QUORUM_PRIORITIES: 'strict' }, 'WARREN_QUORUM_PRIORITIES is not lanes'],
    [{ WARREN_DELAY: 'plugin' }, 'the plugin is not enabled'],
    [{ WARREN_PROFILE: 'other' }, 'other-ladder.json'],
  ])('imports nothing, says why and starts the broker all the same: %p', (env, reason) => {
    const { configuration, definitions, said } = firstBoot({ root: newFolder(), env });
    expect({ configuration, isThere: existsSync(definitions) }).toEqual({ configuration: undefined, isThere: false });
    expect(said).toContain(reason);
  });

  it('imports nothing at a later start, where a queue may have been replaced since', () => {
    const root = newFolder();
    expect(firstBoot({ root }).configuration).toBeDefined();
    mkdirSync(join(root, 'var/lib/rabbitmq/mnesia/rabbit@broker'), { recursive: true });
    const { configuration, definitions, said } = firstBoot({ root });
    expect({ configuration, isThere: existsSync(definitions) }).toEqual({ configuration: undefined, isThere: false });
    expect(said).toContain('the broker has data');
  });

  it('leaves any other command alone', () => {
    const { said, configuration } = firstBoot({ root: newFolder(), command: ['rabbitmqctl', 'status'] });
    expect({ said, configuration }).toEqual({ said: 'started: rabbitmqctl status\n', configuration: undefined });
  });
});

describe('a broker', () => {
  let broker: PrivateBroker;

  beforeAll(async () => {
    broker = await startOwnBroker();
  });

  afterAll(() => broker.discard());

  /** As at a first start: without data, and with what the entrypoint prepared in its configuration. */
  async function bootWith(configuration: string): Promise<void> {
    const { configFolder, dataFolder } = brokerLayout(broker.directory);
    await broker.stop();
    rmSync(dataFolder, { recursive: true, force: true });
    mkdirSync(dataFolder);
    mkdirSync(join(configFolder, 'conf.d'), { recursive: true });
    writeFileSync(join(configFolder, 'conf.d', '60-first-boot.conf'), configuration);
    // It is ready when the user can log in.
    await broker.start();
  }

  function envOf({ amqpUrl, managementUrl }: PrivateBroker): Record<string, string> {
    return { AMQP_URL: amqpUrl, WARREN_MANAGEMENT_URL: managementUrl };
  }

  async function findings(delay: DelayMechanism, profile: QueueProfile): Promise<readonly string[]> {
    const flags = ['draw', '--live', '--json', '--delay', delay, '--profile', profile];
    const { stdout } = await topologyCommand(flags, envOf(broker));
    return z.object({ findings: z.array(z.string()) }).parse(JSON.parse(stdout)).findings;
  }

  it.each(['classic', 'quorum'] as const)('boots with the topology in place: %s', async (profile) => {
    const env = { RABBITMQ_DEFAULT_PASS: new URL(broker.amqpUrl).password, WARREN_PROFILE: profile };
    const { configuration = '' } = firstBoot({ root: newFolder(), env });
    await bootWith(configuration);
    expect(await findings('ladder', profile)).toEqual([]);
  });

  it('that boots with it gets nothing more by apply', async () => {
    const env = { RABBITMQ_DEFAULT_PASS: new URL(broker.amqpUrl).password };
    await bootWith(firstBoot({ root: newFolder(), env }).configuration ?? '');
    const { code, stdout } = await topologyCommand(['apply', '--delay', 'ladder', '--json'], envOf(broker));
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ made: { exchanges: 0, queues: 0, bindings: 0 }, warnings: [] });
  });

  it('without the plugin boots with definitions for it, but only with a part of them; apply makes the rest', async () => {
    const root = newFolder();
    const { definitions } = firstBoot({ root, env: { RABBITMQ_DEFAULT_PASS: new URL(broker.amqpUrl).password } });
    // What the entrypoint keeps from happening.
    const withUser = JSON.parse(readFileSync(definitions, 'utf8'));
    const plugin = definitionsOf(topologyFor({ types: taskTypes, delay: 'plugin', profile: 'classic' }), 'warren');
    const file = join(root, 'plugin.json');
    writeFileSync(file, JSON.stringify({ ...withUser, ...plugin }));
    await bootWith(`load_definitions = ${file}\n`);
    expect(await findings('ladder', 'classic')).toContain('missing: queue dead-letters');
    expect((await topologyCommand(['apply', '--delay', 'ladder'], envOf(broker))).code).toBe(0);
    expect(await findings('ladder', 'classic')).toEqual([]);
  });
});
