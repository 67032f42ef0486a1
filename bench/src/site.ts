import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applyTopology, discoverDelay } from '@warren/broker';
import { ensureRabbitmq, findPostgres, PrivateBroker, startPrivatePostgres } from '@warren/local';
import { type DelayMechanism, topologyFor } from '@warren/topology';
import amqp from 'amqplib';
import { measuredTask } from './measured-task.js';

/** Where everything is measured: a broker and a Postgres of this run's own, on this machine. */
export interface Site {
  readonly amqpUrl: string;
  /** A new, empty ledger of this kind. */
  readonly ledgerUrl: (kind: LedgerKind) => string;
  readonly delays: readonly DelayMechanism[];
  readonly environment: Environment;
  discard(): Promise<void>;
}

export type LedgerKind = 'sqlite' | 'postgres';

/** What the figures were measured on. */
export interface Environment {
  readonly node: string;
  readonly rabbitmq: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
}

/** The queue of the bare client; Warren's tasks go to the queue of their type. */
export const bareQueue = 'bare';

export async function openSite(): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'warren-bench-'));
  // Postgres runs as another user when this is root, and must be able to pass through.
  chmodSync(folder, 0o711);
  const [broker, postgres] = await Promise.all([startBroker(join(folder, 'broker')), startPostgres(folder)]);
  const { amqpUrl, managementUrl } = broker;
  const { delay } = await discoverDelay({ amqpUrl, wanted: 'auto' });
  const topology = topologyFor({ types: [measuredTask], delay: delay.mechanism, profile: 'classic' });
  await applyTopology({ amqpUrl, managementUrl, topology });
  await declareBareQueue(amqpUrl);
  let ledgers = 0;

  return {
    amqpUrl,
    ledgerUrl: (kind) => (kind === 'postgres' ? postgres.url : `sqlite://${join(folder, `ledger-${ledgers++}.db`)}`),
    delays: delay.mechanism === 'plugin' ? ['plugin', 'ladder'] : ['ladder'],
    environment: environmentOf(broker.version),
    async discard() {
      await Promise.all([broker.kill(), postgres.discard()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startBroker(directory: string): Promise<PrivateBroker> {
  const searchPath = `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`;
  const software = await ensureRabbitmq({ searchPath, onProgress: (line) => console.error(`bench: ${line}`) });
  const pluginFolders = (process.env.WARREN_TEST_PLUGIN_FOLDERS ?? '').split(delimiter).filter(Boolean);
  return await PrivateBroker.start({ directory, software, searchPath, pluginFolders });
}

async function startPostgres(folder: string): ReturnType<typeof startPrivatePostgres> {
  const software = findPostgres(fileURLToPath(new URL('../..', import.meta.url)));
  if (!software) throw new Error('no Postgres to measure with: run "npm ci"');
  return await startPrivatePostgres({ directory: join(folder, 'postgres'), software });
}

async function declareBareQueue(amqpUrl: string): Promise<void> {
  const connection = await amqp.connect(amqpUrl);
  const channel = await connection.createChannel();
  await channel.assertQueue(bareQueue, { durable: true });
  await connection.close();
}

function environmentOf(rabbitmq: string): Environment {
  const [processor, ...others] = cpus();
  return {
    node: process.version,
    rabbitmq,
    cpu: processor?.model ?? 'unknown',
    cores: others.length + 1,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
  };
}
