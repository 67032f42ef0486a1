import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { applyTopology, connectBroker, createPublisher, readyCount } from '@warren/broker';
import { dlqProcessorConfigFrom, startDlqProcessor } from '@warren/dlq-processor';
import { type Ledger, openLedger } from '@warren/ledger';
import { taskTypes } from '@warren/tasks';
import { exchangeNames, queueNames, topologyFor } from '@warren/topology';
import { pino } from 'pino';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { until } from './support/until.js';

let broker: FreshVhost;
let folder: string;
let ledger: Ledger;
const log = pino({ level: 'silent' });

beforeEach(async () => {
  broker = await freshVhost();
  folder = mkdtempSync(join(tmpdir(), 'warren-dlq-'));
  ledger = await openLedger(join(folder, 'ledger.db'));
}, 60_000);

afterEach(async () => {
  await ledger.close();
  await broker.dispose();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

function config(env: Record<string, string> = {}) {
  return dlqProcessorConfigFrom({
    AMQP_URL: broker.amqpUrl,
    LEDGER_URL: join(folder, 'ledger.db'),
    WARREN_DELAY: 'ladder',
    WARREN_SWEEP_INTERVAL_MS: '50',
    WARREN_SWEEP_LEASE_MS: '5000',
    ...env,
  });
}

describe('the dlq-processor', () => {
  it('decides letters and sweeps until it is stopped, and then lets go of everything', async () => {
    const { amqpUrl, managementUrl } = broker;
    const ladder = { unitMs: 100, levels: 1 };
    await applyTopology({
      amqpUrl,
      managementUrl,
      topology: topologyFor({ types: taskTypes, delay: 'ladder', profile: 'classic', ladder }),
    });
    const service = await startDlqProcessor({ config: config(), log });
    const connection = await connectBroker({ urls: amqpUrl, name: 'test', log });
    const publisher = createPublisher(connection);
    const nonsense = (text: string) =>
      publisher.publish({
        exchange: exchangeNames.dead,
        routingKey: 'summarize.normal',
        body: Buffer.from(text),
        properties: { messageId: randomUUID() },
      });
    await nonsense('one');
    await until(async () => (await ledger.letters.count()).parked === 1);
    const sweeps = () => ledger.leases.acquire('sweeper', 'test', Date.now(), 1);
    await until(async () => !(await sweeps()));

    await service.stop();
    expect(await sweeps()).toBe(true);
    await nonsense('two');
    expect(await readyCount(amqpUrl, queueNames.deadLetters)).toBe(1);
    expect(await ledger.letters.count()).toEqual({ parked: 1 });
    await publisher.close();
    await connection.close();
  }, 60_000);

  it('does not start where the topology was never applied, and says so', async () => {
    await expect(startDlqProcessor({ config: config(), log })).rejects.toThrow(/warren topology apply/);
  }, 60_000);

  it('does not start without its broker, and names the address', async () => {
    const unreachable = config({ AMQP_URL: 'amqp://127.0.0.1:1/warren' });
    await expect(startDlqProcessor({ config: unreachable, log })).rejects.toThrow(/127\.0\.0\.1:1/);
  }, 60_000);
});
