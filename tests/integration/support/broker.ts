import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll } from '@jest/globals';
import { managementAddress, managementClient } from '@warren/broker';
import { ensureRabbitmq, type PrivateBroker, startPrivateBroker } from '@warren/local';

/** A virtual host that nobody else uses, on the run's broker. */
export interface FreshVhost {
  readonly vhost: string;
  /** Address of the virtual host, with user and password. */
  readonly amqpUrl: string;
  /** Address of the whole broker's management interface, with user and password. */
  readonly managementUrl: string;
  /** Deletes the virtual host with all that is in it. */
  dispose(): Promise<void>;
}

/** PATH under which servers are looked for and run: ordinary users often lack the sbin folders. */
export const searchPath = `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`;

/**
 * `WARREN_TEST_PLUGIN_FOLDERS`: absolute folders, separated as on PATH, that the brokers of the tests search for plugins
 * before their own; empty or not set: none. With the delayed-message plugin in one of them, the plugin's half runs too.
 */
const pluginFolders = (process.env.WARREN_TEST_PLUGIN_FOLDERS ?? '').split(delimiter).filter((folder) => folder !== '');

/** The broker that this test file started because nobody had started one for it. */
let ownBroker: Promise<PrivateBroker> | undefined;

afterAll(async () => {
  await (await ownBroker)?.discard();
}, 60_000);

/**
 * A new virtual host on the broker of the run (`npm test` starts it and names it in WARREN_TEST_AMQP_URL and
 * WARREN_TEST_MANAGEMENT_URL); where a test file is run without one, on a broker of the file's own. Never skips.
 */
export async function freshVhost(): Promise<FreshVhost> {
  const broker = await brokerOfTheRun();
  const vhost = `test-${randomBytes(6).toString('hex')}`;
  const amqpUrl = new URL(broker.amqpUrl);
  amqpUrl.pathname = `/${vhost}`;
  const management = managementClient(managementAddress(broker.amqpUrl, broker.managementUrl));
  await management.putVhost(vhost);
  return {
    vhost,
    amqpUrl: amqpUrl.href,
    managementUrl: broker.managementUrl,
    dispose: () => management.deleteVhost(vhost),
  };
}

/** A broker of the test's own, for tests that stop it, kill it or change its settings. The test discards it. */
export async function startOwnBroker(settings: Readonly<Record<string, string>> = {}): Promise<PrivateBroker> {
  const software = await ensureRabbitmq({ searchPath, onProgress: (line) => console.warn(line) });
  return await startPrivateBroker({ directory: newFolder(), software, searchPath, settings, pluginFolders });
}

async function brokerOfTheRun(): Promise<{ amqpUrl: string; managementUrl: string }> {
  const amqpUrl = process.env.WARREN_TEST_AMQP_URL;
  const managementUrl = process.env.WARREN_TEST_MANAGEMENT_URL;
  if (amqpUrl && managementUrl) return { amqpUrl, managementUrl };
  ownBroker ??= startOwnBroker();
  return await ownBroker;
}

function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'warren-broker-'));
}
