import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  addTopologyCommands,
  applyTopology,
  type BrokerFinder,
  discoverDelay,
  hasDelayPlugin,
  type ManagementClient,
  managementAddress,
  managementClient,
  queueDepths,
  readyCount,
  readyCounts,
  TopologyConflictError,
} from '@warren/broker';
import { defaultPolicy, type TaskType } from '@warren/tasks';
import { routingKey, type Topology, topologyFor } from '@warren/topology';
import { type ChannelModel, type ConfirmChannel, connect, type GetMessage } from 'amqplib';
import { Command } from 'commander';
import { z } from 'zod';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { until } from './support/until.js';

jest.setTimeout(60_000);

const types: readonly TaskType[] = [typeOf('echo'), typeOf('web-search')];
const topology = topologyFor({ types, delay: 'ladder', profile: 'classic' });
const withPlugin = topologyFor({ types, delay: 'plugin', profile: 'classic' });
/** Nothing listens there: port 1 of the loopback needs a privileged server. */
const nobody = 'http://127.0.0.1:1';

let vhost: FreshVhost;
let management: ManagementClient;
let connection: ChannelModel;
let channel: ConfirmChannel;

const hasPlugin = await brokerHasPlugin();
const itOnPlugin = hasPlugin ? it : it.skip;

beforeEach(async () => {
  vhost = await freshVhost();
  management = managementClient(managementAddress(vhost.amqpUrl, vhost.managementUrl));
  connection = await connect(vhost.amqpUrl, { noDelay: true });
  channel = await connection.createConfirmChannel();
});

afterEach(async () => {
  await connection.close();
  await vhost.dispose();
});

describe('applyTopology', () => {
  it('makes an empty virtual host hold exactly the topology, and again changes nothing', async () => {
    const summary = await applyTopology({ ...vhost, topology });
    expect(summary).toEqual({
      vhost: vhost.vhost,
      exchanges: topology.exchanges.length,
      queues: topology.queues.length,
      bindings: topology.bindings.length,
      policies: 2,
      warnings: [],
    });
    const held = await heldBy(vhost.vhost);
    expect(held).toEqual(asHeld(topology));
    expect(await applyTopology({ ...vhost, topology })).toEqual(summary);
    expect(await heldBy(vhost.vhost)).toEqual(held);
  });

  itOnPlugin('the same where the delay is the plugin', async () => {
    const summary = await applyTopology({ ...vhost, topology: withPlugin });
    expect(summary).toMatchObject({ exchanges: withPlugin.exchanges.length, warnings: [] });
    const held = await heldBy(vhost.vhost);
    expect(held).toEqual(asHeld(withPlugin));
    expect(await applyTopology({ ...vhost, topology: withPlugin })).toEqual(summary);
    expect(await heldBy(vhost.vhost)).toEqual(held);
  });

  it('may run many times at once', async () => {
    const summaries = await Promise.all(Array.from({ length: 4 }, () => applyTopology({ ...vhost, topology })));
    expect(new Set(summaries.map((summary) => JSON.stringify(summary))).size).toBe(1);
    expect(await heldBy(vhost.vhost)).toEqual(asHeld(topology));
  });

  it('without the management API applies everything but the TTL policies, and says so', async () => {
    const { warnings, policies } = await applyTopology({ amqpUrl: vhost.amqpUrl, managementUrl: nobody, topology });
    expect(policies).toBe(0);
    expect(warnings).toEqual([
      expect.stringMatching(/TTL were not set: no answer to PUT http:\/\/127\.0\.0\.1:1\/.*WARREN_MANAGEMENT_URL/),
    ]);
    expect(await heldBy(vhost.vhost)).toEqual({ ...asHeld(topology), policies: [] });
  });

  it("says when an operator's policy keeps a TTL out of force", async () => {
    await management.putPolicy(vhost.vhost, { ...policyFor('echo'), name: 'operator', pattern: '.*', priority: 99 });
    const { warnings } = await applyTopology({ ...vhost, topology });
    expect(warnings.map((warning) => /^queue "(.+?)" is governed by policy "operator"/.exec(warning)?.[1])).toEqual([
      'tasks.echo',
      'tasks.web-search',
    ]);
  });

  it('changes a TTL while the queue stands', async () => {
    await applyTopology({ ...vhost, topology });
    const shorter = topologyFor({ types: [typeOf('echo', 1)], delay: 'ladder', profile: 'classic' });
    await applyTopology({ ...vhost, topology: shorter });
    // The queue takes a new policy a moment after it is set; what it got before keeps the old TTL.
    await until(async () => {
      await publish('tasks', routingKey('echo', 'low'));
      return (await readyCount(vhost.amqpUrl, 'dead-letters')) !== 0;
    });
    expect((await taken('dead-letters')).fields.routingKey).toBe('echo.broker');
  });

  it('a virtual host that does not exist: the error names it and hides the password', async () => {
    const amqpUrl = vhost.amqpUrl.replace(vhost.vhost, 'no-such-vhost');
    const error = await failureOf(applyTopology({ ...vhost, amqpUrl, topology }));
    expect(error.message).toContain('no-such-vhost');
    expect(error.message).not.toContain(new URL(amqpUrl).password);
  });
});

describe('a queue or exchange that stands with other settings', () => {
  const other = { durable: true, arguments: { 'x-queue-type': 'classic', 'x-max-priority': 3 } };

  it('is reported with each argument that differs', async () => {
    await channel.assertQueue('tasks.echo', other);
    const error = await failureOf(applyTopology({ ...vhost, topology }));
    expect(error).toBeInstanceOf(TopologyConflictError);
    expect(error).toMatchObject({
      kind: 'queue',
      object: 'tasks.echo',
      differences: [
        { argument: 'x-dead-letter-exchange', wanted: 'dead', current: null },
        { argument: 'x-dead-letter-routing-key', wanted: 'echo.broker', current: null },
        { argument: 'x-max-priority', wanted: 9, current: 3 },
      ],
    });
    expect(error.message).toContain('x-max-priority should be 9 but is 3');
    expect(error).toHaveProperty(
      'next',
      expect.stringContaining(`rabbitmqctl delete_queue --vhost ${vhost.vhost} tasks.echo`),
    );
  });

  it("without the management API is reported in the broker's words", async () => {
    await channel.assertQueue('tasks.echo', other);
    const error = await failureOf(applyTopology({ amqpUrl: vhost.amqpUrl, managementUrl: nobody, topology }));
    expect(error).toBeInstanceOf(TopologyConflictError);
    expect(error.message).toMatch(/queue "tasks\.echo" .*inequivalent arg '.+' for queue 'tasks\.echo'/);
  });

  itOnPlugin("an exchange of the plugin's, of which the broker itself takes every other delayed type", async () => {
    await channel.assertExchange('delayed', 'x-delayed-message', {
      durable: true,
      arguments: { 'x-delayed-type': 'topic' },
    });
    expect(await failureOf(applyTopology({ ...vhost, topology: withPlugin }))).toMatchObject({
      kind: 'exchange',
      object: 'delayed',
      differences: [{ argument: 'x-delayed-type', wanted: 'fanout', current: 'topic' }],
    });
    // Without the management API there is no telling.
    await applyTopology({ amqpUrl: vhost.amqpUrl, managementUrl: nobody, topology: withPlugin });
  });

  it('an exchange too', async () => {
    await channel.assertExchange('tasks', 'direct', { durable: true });
    expect(await failureOf(applyTopology({ ...vhost, topology }))).toMatchObject({
      kind: 'exchange',
      object: 'tasks',
      differences: [
        { argument: 'alternate-exchange', wanted: 'unroutable', current: null },
        { argument: 'type', wanted: 'topic', current: 'direct' },
      ],
    });
  });
});

describe('the applied topology', () => {
  it('routes each type to its queue, and what has none to queue unroutable', async () => {
    await applyTopology({ ...vhost, topology });
    await publish('tasks', routingKey('web-search', 'high'));
    await publish('tasks', routingKey('no-such-type', 'low'));
    expect((await taken('tasks.web-search')).fields.routingKey).toBe('web-search.high');
    expect((await taken('unroutable')).fields.routingKey).toBe('no-such-type.low');
    expect(await readyCounts(vhost.amqpUrl, ['tasks.echo', 'dead-letters'])).toEqual(
      new Map([
        ['tasks.echo', 0],
        ['dead-letters', 0],
      ]),
    );
  });

  it('refuses a submission with a nack once queue submitted is full, and takes on while work queues grow', async () => {
    const queues = topology.queues.map((queue) =>
      queue.name === 'submitted' ? { ...queue, arguments: { ...queue.arguments, 'x-max-length': 3 } } : queue,
    );
    await applyTopology({ ...vhost, topology: { ...topology, queues } });
    for (let free = 3; free > 0; free -= 1) await publish('submit', 'echo');
    await expect(publish('submit', 'echo')).rejects.toThrow('nacked');
    for (let count = 0; count < 20; count += 1) await publish('tasks', 'echo.normal');
    expect(await readyCounts(vhost.amqpUrl, ['submitted', 'tasks.echo'])).toEqual(
      new Map([
        ['submitted', 3],
        ['tasks.echo', 20],
      ]),
    );
  });
});

describe('looking at queues', () => {
  it('counts what waits, and knows a queue that is missing from one that is empty', async () => {
    await applyTopology({ ...vhost, topology });
    await publish('tasks', 'echo.normal');
    expect(await readyCount(vhost.amqpUrl, 'tasks.echo')).toBe(1);
    expect(await readyCount(vhost.amqpUrl, 'tasks.web-search')).toBe(0);
    expect(await readyCount(vhost.amqpUrl, 'tasks.no-such-type')).toBeUndefined();
    expect(await readyCounts(vhost.amqpUrl, ['none', 'tasks.echo'])).toEqual(new Map([['tasks.echo', 1]]));
  });

  it('tells ready from unacknowledged, and how many consume', async () => {
    await applyTopology({ ...vhost, topology });
    for (let count = 0; count < 3; count += 1) await publish('tasks', 'echo.normal');
    await channel.prefetch(1);
    await channel.consume('tasks.echo', () => undefined);
    const depth = { queue: 'tasks.echo', ready: 2, unacked: 1, consumers: 1 };
    await until(async () => {
      const depths = await queueDepths(management, vhost.vhost, ['tasks.echo', 'none']);
      return JSON.stringify(depths) === JSON.stringify([depth]);
    });
    expect(await queueDepths(management, vhost.vhost)).toHaveLength(topology.queues.length);
  });
});

describe('discoverDelay', () => {
  it('takes the plugin where the broker has it, else the ladder; and refuses a plugin that is not there', async () => {
    const { amqpUrl } = vhost;
    expect((await discoverDelay({ amqpUrl, wanted: 'ladder' })).delay.mechanism).toBe('ladder');
    const found = await discoverDelay({ amqpUrl, wanted: 'auto' });
    expect(found.delay.mechanism).toBe(hasPlugin ? 'plugin' : 'ladder');
    expect(found.brokerVersion).toBe((await management.overview()).rabbitmq_version);
    const wanted = discoverDelay({ amqpUrl, wanted: 'plugin' });
    if (hasPlugin) expect((await wanted).delay.mechanism).toBe('plugin');
    else
      expect((await failureOf(wanted)).message).toContain('rabbitmq-plugins enable rabbitmq_delayed_message_exchange');
    expect((await management.exchanges(vhost.vhost)).filter(({ name }) => !/^(amq\.|$)/.test(name))).toEqual([]);
  });
});

describe('warren topology', () => {
  it('apply declares what show prints', async () => {
    const env = { AMQP_URL: vhost.amqpUrl, WARREN_MANAGEMENT_URL: vhost.managementUrl };
    const shown = await run(env, ['topology', 'show', '--delay', 'ladder']);
    expect(shown.results).toEqual([
      { value: topology, text: expect.stringMatching(/^tasks\.web-search +x-queue-type=classic/m) },
    ]);
    const applied = await run(env, ['topology', 'apply', '--delay', 'ladder']);
    expect(applied.results).toMatchObject([
      {
        value: {
          delay: 'ladder',
          vhost: vhost.vhost,
          policies: 2,
          warnings: [],
          made: { exchanges: topology.exchanges.length, queues: topology.queues.length },
        },
      },
    ]);
    expect(await heldBy(vhost.vhost)).toEqual(asHeld(topology));
    expect((await run(env, ['topology', 'apply', '--delay', 'ladder'])).results).toMatchObject([
      {
        value: { made: { exchanges: 0, queues: 0, bindings: 0 } },
        text: expect.stringMatching(/; all of them were there already$/),
      },
    ]);
  });

  it('apply finds the broker of a stack that runs where no variable names one, and says where from', async () => {
    const brokerFinder = {
      find: () => ({ amqpUrl: vhost.amqpUrl, managementUrl: vhost.managementUrl, from: 'local stack' }),
      missing: () => new Error('none'),
      adviceWhenSilent: () => 'wait',
    };
    const { notes } = await run({}, ['topology', 'apply', '--delay', 'ladder'], brokerFinder);
    expect(notes[0]).toMatch(new RegExp(`^broker: .*vhost "${vhost.vhost}" \\(from the local stack\\)$`));
    expect(await heldBy(vhost.vhost)).toEqual(asHeld(topology));
    const nowhere = { ...brokerFinder, find: () => undefined, missing: () => new Error('no stack either') };
    expect((await failureOf(run({}, ['topology', 'apply'], nowhere))).message).toBe('no stack either');
  });

  it('show needs no broker; apply says which variable names it', async () => {
    const shown = await run({ AMQP_URL: '' }, ['topology', 'show']);
    expect(shown.results).toMatchObject([{ value: { delay: 'ladder' } }]);
    expect((await failureOf(run({}, ['topology', 'apply']))).message).toContain('AMQP_URL is not set');
    expect((await failureOf(run({ WARREN_DELAY: 'soon' }, ['topology', 'show']))).message).toContain(
      'WARREN_DELAY must be',
    );
  });
});

async function brokerHasPlugin(): Promise<boolean> {
  const { amqpUrl, dispose } = await freshVhost();
  try {
    return await hasDelayPlugin(amqpUrl);
  } finally {
    await dispose();
  }
}

function typeOf(name: string, queueTtlMs = 3_600_000): TaskType {
  return { name, summary: name, input: z.unknown(), result: z.unknown(), policy: { ...defaultPolicy, queueTtlMs } };
}

function policyFor(type: string) {
  const [policy] = topologyFor({ types: [typeOf(type)], delay: 'ladder', profile: 'classic' }).policies;
  if (policy === undefined) throw new Error(`no policy for ${type}`);
  return policy;
}

/** What the virtual host holds, without what the broker puts into each by itself. */
async function heldBy(name: string) {
  const [exchanges, queues, bindings, policies] = await Promise.all([
    management.exchanges(name),
    management.queues(name),
    management.bindings(name),
    management.policies(name),
  ]);
  return {
    exchanges: sorted(
      exchanges
        .filter((exchange) => exchange.name !== '' && !exchange.name.startsWith('amq.'))
        .map(({ name, type, durable, arguments: given }) => ({ name, type, durable, given })),
    ),
    queues: sorted(queues.map(({ name, durable, arguments: given }) => ({ name, durable, given }))),
    bindings: sorted(
      bindings
        .filter(({ source }) => source !== '')
        .map(({ source, destination, destination_type: kind, routing_key: key }) => [source, destination, kind, key]),
    ),
    policies: sorted(
      policies.map(({ name, pattern, priority, definition }) => ({ name, pattern, priority, definition })),
    ),
  };
}

function asHeld({ exchanges, queues, bindings, policies }: Topology): Awaited<ReturnType<typeof heldBy>> {
  return {
    exchanges: sorted(exchanges.map(({ name, type, arguments: given }) => ({ name, type, durable: true, given }))),
    queues: sorted(queues.map(({ name, arguments: given }) => ({ name, durable: true, given }))),
    bindings: sorted(
      bindings.map(({ source, destination, destinationKind, routingKey: key }) => [
        source,
        destination,
        destinationKind,
        key,
      ]),
    ),
    policies: sorted(
      policies.map(({ name, pattern, priority, definition }) => ({ name, pattern, priority, definition })),
    ),
  };
}

function sorted<T>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

async function publish(exchange: string, key: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    channel.publish(exchange, key, Buffer.from('{}'), { persistent: true }, (error) =>
      error ? reject(error) : resolve(),
    );
  });
}

async function taken(queue: string): Promise<GetMessage> {
  let message: GetMessage | false = false;
  await until(async () => {
    message = await channel.get(queue, { noAck: true });
    return message !== false;
  });
  if (message === false) throw new Error(`nothing in ${queue}`);
  return message;
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not fail with an error');
}

async function run(env: Record<string, string>, argv: readonly string[], brokerFinder?: BrokerFinder) {
  const notes: string[] = [];
  const results: { value: unknown; text: string }[] = [];
  const output = {
    json: false,
    result: (value: unknown, text: string) => void results.push({ value, text }),
    note: (line: string) => void notes.push(line),
    hint: (text: string) => text,
    prose: (text: string) => text,
    width: undefined,
  };
  const program = new Command().exitOverride();
  addTopologyCommands(program, { env, output, types, ...(brokerFinder === undefined ? {} : { brokerFinder }) });
  await program.parseAsync(argv, { from: 'user' });
  return { results, notes };
}
