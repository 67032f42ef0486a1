import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { addTopologyCommands, applyTopology, brokerAddress, managementAddress, request } from '@warren/broker';
import { taskTypes } from '@warren/tasks';
import { delayMechanisms, documentCommand, serviceRoles, topologyFor } from '@warren/topology';
import { z } from 'zod';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { type Ended, runCommandLine } from './support/command-line.js';
import { projectRoot, type RunningServices, startServices } from './support/services.js';
import { until } from './support/until.js';

jest.setTimeout(120_000);

const committed = readFileSync(join(projectRoot, 'docs', 'topology.md'), 'utf8');
/** Nothing listens there. */
const nobody = 'amqp://127.0.0.1:1';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'warren-topology-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function draw(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return runCommandLine(['topology', 'draw', ...args], env, addTopologyCommands);
}

describe('warren topology draw', () => {
  it('prints the picture for people where nothing is said, and needs no broker', async () => {
    const { code, stdout, stderr } = await draw([]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/║ tasks +╟─┬─ research\.\* ─+► │ tasks\.research +├──► research-worker\n/);
    expect(stdout).toContain('║ delay.100ms-x25.* ');
    expect(stderr).toBe('delay: ladder (nothing names a broker to ask)\n');
  });

  it('draws every level with --full, and the plugin with --delay plugin, asking no broker', async () => {
    const levels = (text: string) => new Set(text.match(/delay\.100ms-x25\.level-\d\d/g)).size;
    expect(levels((await draw(['--full'])).stdout)).toBe(25);
    const plugin = await draw(['--delay', 'plugin', '--full'], { AMQP_URL: nobody });
    expect(levels(plugin.stdout)).toBe(0);
    expect(plugin.stdout).toContain('║ delayed           ╟─── (any)');
  });

  it('draws the profile that --profile or WARREN_PROFILE names', async () => {
    const quorum = await draw(['--profile', 'quorum']);
    expect(quorum.stdout).toMatch(/│ tasks\.research\.high +├──► research-worker\n/);
    expect((await draw([], { WARREN_PROFILE: 'quorum' })).stdout).toBe(quorum.stdout);
    expect((await draw(['--profile', 'classic'], { WARREN_PROFILE: 'quorum' })).stdout).toBe((await draw([])).stdout);
  });

  it('gives data with --json', async () => {
    const { stdout } = await draw(['--json', '--format', 'mermaid', '--delay', 'ladder']);
    expect(JSON.parse(stdout)).toEqual({
      format: 'mermaid',
      delay: 'ladder',
      profile: 'classic',
      drawing: expect.stringMatching(/^flowchart LR\n/),
    });
  });

  it('writes what the ending of --out says, unless --format says otherwise', async () => {
    const written = async (name: string, ...flags: string[]) => {
      const file = join(folder, name);
      const { code, stdout, stderr } = await draw(['--out', file, ...flags]);
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
      expect(stderr).toContain(`written to ${file}`);
      return readFileSync(file, 'utf8');
    };
    expect(await written('picture.mmd')).toMatch(/^flowchart LR\n/);
    expect(await written('picture.txt')).toContain('╔═');
    expect(await written('picture.dot')).toMatch(
      /^digraph "Warren's topology \(classic queues, delay by ladder\)" \{\n/,
    );
    expect(await written('picture.gv')).toMatch(/^digraph /);
    expect(await written('picture.svg')).toMatch(/^<svg .*<\/svg>\n$/s);
    expect(await written('chart.md', '--format', 'mermaid')).toMatch(/^flowchart LR\n/);
    expect(await written('topology.md')).toBe(committed);
  });

  it('writes docs/topology.md the same whatever the environment says', async () => {
    const [, , , ...args] = documentCommand.split(' ');
    const file = join(folder, 'again.md');
    const to = args.map((word) => (word === 'docs/topology.md' ? file : word));
    const { code } = await draw(to, { AMQP_URL: nobody, WARREN_DELAY: 'plugin', WARREN_PROFILE: 'quorum' });
    expect(code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(committed);
  });

  it('refuses what can not be meant, as bad usage', async () => {
    for (const flag of [['--delay', 'ladder'], ['--profile', 'quorum'], ['--live'], ['--full']]) {
      const { code, stderr } = await draw(['--format', 'markdown', ...flag]);
      expect(code).toBe(2);
      expect(stderr).toContain(`error: ${flag[0]} has no say in --format markdown`);
    }
    expect((await draw(['--format', 'png'])).code).toBe(2);
    const unnamed = await draw(['--live']);
    expect(unnamed.code).not.toBe(0);
    expect(unnamed.stderr).toContain('AMQP_URL is not set');
    expect((await draw([], { WARREN_PROFILE: 'mirrored' })).stderr).toContain(
      'WARREN_PROFILE must be "classic" or "quorum"',
    );
    expect((await draw(['--out', ''])).code).toBe(2);
  });

  it('says what to do where the file can not be written, and where the broker does not answer', async () => {
    const missing = await draw(['--out', join(folder, 'none', 'x.txt')]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/could not be written to .*\n next: name a file in a folder that exists/);
    const silent = await draw([], { AMQP_URL: nobody });
    expect(silent.code).toBe(1);
    expect(silent.stderr).toMatch(/next: check that it runs and that AMQP_URL is right; or say "--delay ladder"/);
  });
});

describe('what the document says', () => {
  const channelConsumers = z.array(
    z.object({
      queue: z.object({ name: z.string() }),
      // An empty list until the broker's statistics know the channel.
      channel_details: z
        .object({ connection_name: z.string().optional(), name: z.string().optional() })
        .catch({ connection_name: undefined }),
    }),
  );
  const connections = z.array(
    z.object({ name: z.string(), client_properties: z.object({ connection_name: z.string().optional() }) }),
  );

  let vhost: FreshVhost;
  let services: RunningServices;

  beforeAll(async () => {
    [vhost, services] = await Promise.all([freshVhost(), startServices()]);
  });

  afterAll(async () => {
    await Promise.all([vhost.dispose(), services.stop()]);
  });

  it('has a row for every name that the management UI lists', async () => {
    const topology = topologyFor({ types: taskTypes, delay: 'ladder', profile: 'classic' });
    await applyTopology({ ...vhost, topology });
    const address = managementAddress(vhost.amqpUrl, vhost.managementUrl);
    const listed = async (kind: 'queues' | 'exchanges') =>
      z
        .array(z.object({ name: z.string() }))
        .parse(await request(address, 'GET', `/api/${kind}/${vhost.vhost}`))
        .map(({ name }) => name)
        .filter((name) => name !== '' && !name.startsWith('amq.'));
    const names = [...(await listed('queues')), ...(await listed('exchanges'))];
    expect(names.length).toBeGreaterThan(50);
    expect(names.filter((name) => !committed.includes(`\n| \`${name}\` `))).toEqual([]);
  });

  it.each(delayMechanisms)('names services that there are (delay by %s)', (delay) => {
    const topology = topologyFor({ types: taskTypes, delay, profile: 'classic' });
    const named = serviceRoles(topology, taskTypes).filter(({ kind }) => kind === 'service' || kind === 'worker');
    const folders = readdirSync(join(projectRoot, 'services'));
    expect(folders).toEqual(expect.arrayContaining(named.map(({ name }) => name)));
  });

  it('has each running service consume the queues that it is drawn with', async () => {
    const address = managementAddress(services.amqpUrl, vhost.managementUrl);
    const name = encodeURIComponent(brokerAddress(services.amqpUrl).vhost);
    const topology = topologyFor({ types: taskTypes, delay: 'ladder', profile: 'classic' });
    const drawn = serviceRoles(topology, taskTypes)
      .flatMap((role) => role.consumes.map((queue) => `${shortName(role.name)} <- ${queue}`))
      .toSorted();
    // The broker's statistics lag behind by some seconds.
    await until(async () => JSON.stringify(await seen()) === JSON.stringify(drawn)).catch(async () =>
      expect(await seen()).toEqual(drawn),
    );

    async function seen(): Promise<string[]> {
      const open = connections.parse(await request(address, 'GET', `/api/vhosts/${name}/connections`));
      const consumers = channelConsumers.parse(await request(address, 'GET', `/api/consumers/${name}`));
      const serviceOf = (connection: string | undefined) =>
        open.find((one) => one.name === connection)?.client_properties.connection_name ?? '';
      return consumers
        .map(
          ({ queue, channel_details: channel }) => `${shortName(serviceOf(channel.connection_name))} <- ${queue.name}`,
        )
        .toSorted();
    }
  });
});

/** `research` of `research-worker`, and of a connection's `research@host#1 (consuming)`. */
function shortName(name = 'nobody'): string {
  return name.replace(/[ @#].*$/, '').replace(/-worker$/, '');
}
