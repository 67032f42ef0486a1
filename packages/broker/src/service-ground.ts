import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ledger, openLedger } from '@warren/ledger';
import type { Logger } from 'pino';
import { type BrokerConnection, connectBroker } from './connection.js';
import { discoverDelay } from './delay-discovery.js';
import { createDispatcher, type Dispatcher } from './dispatch.js';
import { createEventPublisher, type EventPublisher } from './events.js';
import { keepHealthFile } from './health-file.js';
import { assertPriorities } from './profile-choice.js';
import { createPublisher, type Publisher } from './publisher.js';
import { queuesOf } from './queues-of.js';
import type { ServiceConfig } from './service-environment.js';

/** What a service that consumes and publishes stands on. */
export interface ServiceGround {
  readonly ledger: Ledger;
  /**
   * For consumers, and for them alone. During a memory or disk alarm RabbitMQ reads nothing more from a connection that
   * publishes, no ack and no cancel either: whatever was consumed there could not be settled, nor a drain begun.
   */
  readonly consuming: BrokerConnection;
  readonly publisher: Publisher;
  readonly events: EventPublisher;
  readonly dispatcher: Dispatcher;
  /** The names of the queues whose messages consumers of a role are to work now. */
  queuesOf(role: string): Promise<readonly string[]>;
  /** After the consumers: publishes under way get their time, then everything is let go. Bounded, and never rejects. */
  close(): Promise<void>;
}

/** How long a ledger may take to close, in milliseconds: one that is away can't be waited for. */
const ledgerCloseMs = 5_000;

/** Opens ledger and broker. Rejects when either can't be reached, naming the address; what was opened is closed then. */
export async function openServiceGround(options: {
  readonly config: Pick<ServiceConfig, 'amqpUrl' | 'ledgerUrl' | 'delay' | 'profile' | 'priorities' | 'healthFile'>;
  /** Of the process, shown in the management UI. */
  readonly name: string;
  readonly log: Logger;
  readonly now: () => number;
}): Promise<ServiceGround> {
  const { config, log, name, now } = options;
  const { amqpUrl, ledgerUrl } = config;
  const { delay, brokerVersion, reason } = await discoverDelay({ amqpUrl, wanted: config.delay });
  assertPriorities(config.priorities, brokerVersion);
  const ledger = await openLedger(ledgerUrl);
  log.info({ delay: delay.mechanism, reason, brokerVersion, ledger: ledger.label }, 'found out what there is');
  const connections: BrokerConnection[] = [];
  try {
    const consuming = await connectBroker({ urls: amqpUrl, name, log });
    connections.push(consuming);
    const publishing = await connectBroker({ urls: amqpUrl, name: `${name} (publishing)`, log });
    connections.push(publishing);
    const publisher = createPublisher(publishing);
    const events = createEventPublisher(publishing, { log });
    const dispatcher = createDispatcher({ ledger, publisher, delay, now, newCopy: randomUUID });
    const isHealthy = () => consuming.connected && publishing.connected;
    const health = config.healthFile === undefined ? undefined : keepHealthFile(config.healthFile, isHealthy, log);
    return {
      ledger,
      consuming,
      publisher,
      events,
      dispatcher,
      queuesOf: (role) => queuesOf(role, ledger, config),
      close,
    };

    async function close(): Promise<void> {
      health?.end();
      await Promise.all([events.close(), publisher.close()]);
      await letGo();
    }
  } catch (error) {
    await letGo();
    throw error;
  }

  async function letGo(): Promise<void> {
    await Promise.all(connections.map((connection) => connection.close()));
    await closeLedger(ledger, log);
  }
}

/** What an unreachable ledger was not told, the leases' ends will tell. */
async function closeLedger(ledger: Ledger, log: Logger): Promise<void> {
  const timer = new AbortController();
  const late = sleep(ledgerCloseMs, undefined, { signal: timer.signal }).then(
    () => log.warn(`the ledger did not close within ${ledgerCloseMs} ms`),
    () => undefined,
  );
  const closed = ledger
    .close()
    .catch((err: unknown) => log.warn({ err }, 'the ledger did not close cleanly'))
    .finally(() => timer.abort());
  await Promise.race([closed, late]);
}
