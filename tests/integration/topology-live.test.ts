import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { addTopologyCommands, applyTopology, managementAddress, managementClient } from '@warren/broker';
import { taskTypes } from '@warren/tasks';
import { type QueueProfile, topologyFor } from '@warren/topology';
import { type ChannelModel, connect } from 'amqplib';
import { z } from 'zod';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { type Ended, runCommandLine } from './support/command-line.js';
import { until } from './support/until.js';

jest.setTimeout(120_000);

const drawnLive = z.object({ findings: z.array(z.string()), drawing: z.string() });

let vhost: FreshVhost;
let connection: ChannelModel;

beforeAll(async () => {
  vhost = await freshVhost();
  await applied('classic');
  connection = await connect(vhost.amqpUrl);
});

afterAll(async () => {
  await connection.close();
  await vhost.dispose();
});

async function applied(profile: QueueProfile, on = vhost): Promise<void> {
  const topology = topologyFor({ types: taskTypes, delay: 'ladder', profile });
  await applyTopology({ amqpUrl: on.amqpUrl, managementUrl: on.managementUrl, topology });
}

function draw(args: readonly string[] = [], on = vhost): Promise<Ended> {
  const env = { AMQP_URL: on.amqpUrl, WARREN_MANAGEMENT_URL: on.managementUrl };
  return runCommandLine(['topology', 'draw', '--live', '--delay', 'ladder', ...args], env, addTopologyCommands);
}

async function live(args: readonly string[] = [], on = vhost): Promise<z.infer<typeof drawnLive>> {
  const { code, stdout, stderr } = await draw(['--json', ...args], on);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return drawnLive.parse(JSON.parse(stdout));
}

describe('warren topology draw --live', () => {
  it.each(['classic', 'quorum'] as const)(
    'finds nothing otherwise than planned right after apply: %s',
    async (profile) => {
      const fresh = await freshVhost();
      try {
        await applied(profile, fresh);
        expect((await live(['--profile', profile], fresh)).findings).toEqual([]);
        expect((await draw(['--profile', profile], fresh)).stdout).toContain('Everything is as planned');
      } finally {
        await fresh.dispose();
      }
    },
  );

  it('shows depths and consumers on their queues', async () => {
    const channel = await connection.createConfirmChannel();
    for (let count = 0; count < 7; count += 1) channel.publish('tasks', 'research.high', Buffer.from('{}'));
    await channel.waitForConfirms();
    await channel.prefetch(2);
    await channel.consume('tasks.research', () => undefined);
    // The broker's statistics lag behind by some seconds.
    const shown = /│ tasks\.research +├──► research-worker\n.*│ 5 ready, 2 unacked +│\n.*│ 1 consumer +│\n/;
    await until(async () => shown.test((await draw()).stdout));
    const boxOf = (text: string, name: string) => text.slice(text.indexOf(`│ ${name} `)).split('└')[0];
    expect(boxOf((await draw()).stdout, 'tasks.summarize')).toMatch(/0 ready, 0 unacked +│\n.*no consumer/);
    for (const format of ['mermaid', 'dot', 'svg']) {
      expect((await live(['--format', format])).drawing).toContain('5 ready, 2 unacked');
    }
    await channel.close();
    await connection.createChannel().then(async (one) => {
      await one.purgeQueue('tasks.research');
      await one.close();
    });
  });

  it('marks what is missing, left over and declared otherwise, and passes over what is not ours', async () => {
    const channel = await connection.createChannel();
    await channel.deleteQueue('unroutable');
    await channel.unbindQueue('tasks.research', 'tasks', 'research.*');
    await channel.assertQueue('tasks.translate');
    await channel.bindQueue('tasks.translate', 'tasks', 'translate.*');
    await channel.assertExchange('delayed', 'fanout');
    await channel.assertQueue('somebody-elses');
    await channel.bindQueue('somebody-elses', 'tasks', '#');
    await channel.deleteQueue('dead-letters');
    await channel.assertQueue('dead-letters', { arguments: { 'x-queue-type': 'classic', 'x-max-length': 5 } });
    await channel.bindQueue('dead-letters', 'dead', '#');
    await channel.close();
    const management = managementClient(managementAddress(vhost.amqpUrl, vhost.managementUrl));
    await management.deletePolicy(vhost.vhost, 'tasks.research');

    const { findings, drawing } = await live();
    expect(findings).toEqual([
      'leftover: exchange delayed',
      'missing: queue unroutable',
      'not as planned: queue dead-letters (planned without x-max-length)',
      'leftover: queue tasks.translate',
      'missing: binding tasks (research.*) to queue tasks.research',
      'missing: policy tasks.research',
    ]);
    expect(drawing).toMatch(/─ research\.\* ─+► │ tasks\.research .*\n.* MISSING /);
    expect(drawing).toMatch(/─ translate\.\* ─+► │ tasks\.translate .*\n.* LEFTOVER +│ LEFTOVER /);
    expect(drawing).toMatch(/│ dead-letters .*\n.*│ NOT AS PLANNED /);
    const pictures = await Promise.all(['text', 'mermaid', 'dot', 'svg'].map((format) => live(['--format', format])));
    for (const picture of pictures) expect(picture.drawing).not.toContain('somebody');
  });

  it('says what to do where the management API does not answer', async () => {
    const env = { AMQP_URL: vhost.amqpUrl, WARREN_MANAGEMENT_URL: 'http://127.0.0.1:1' };
    const { code, stderr } = await runCommandLine(
      ['topology', 'draw', '--live', '--delay', 'ladder'],
      env,
      addTopologyCommands,
    );
    expect(code).toBe(1);
    expect(stderr).toContain('enable the plugin rabbitmq_management there, or set WARREN_MANAGEMENT_URL');
  });
});
