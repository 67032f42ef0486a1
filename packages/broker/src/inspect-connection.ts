import { setTimeout as sleep } from 'node:timers/promises';
import { type ChannelModel, connect } from 'amqplib';
import { endConnection } from './connection-socket.js';
import { logsInByCertificate, type TlsMaterial, tlsMaterialOf, tlsOptionsOf } from './connection-tls.js';
import { addressOf, brokerUrls } from './connection-urls.js';
import { BrokerUnreachableError } from './exception.js';
import { connectionProblem } from './tls-problem.js';

/** How long a look at the broker may take to connect to each of its hosts, in milliseconds. */
const inspectConnectTimeoutMs = 5_000;

/** How long the work on such a connection may take altogether, in milliseconds. A ladder's quorum queues need a few seconds. */
const inspectWorkTimeoutMs = 60_000;

/** How long the broker may take to answer that such a connection is closed, in milliseconds; then its socket is cut. */
const inspectCloseGraceMs = 2_000;

/** The parts of an AMQP URL (of the first one, where there are several) that the management API needs. */
export interface BrokerAddress {
  readonly host: string;
  readonly tls: boolean;
  readonly vhost: string;
  /** Empty, and the password with it, where the client's certificate says who connects. */
  readonly username: string;
  readonly password: string;
}

export function brokerAddress(amqpUrl: string): BrokerAddress {
  const [first = ''] = urlsInOrder(amqpUrl);
  const url = new URL(first);
  const byCertificate = logsInByCertificate(first);
  const anonymous = url.username === '' && url.password === '' && !byCertificate;
  return {
    host: url.hostname,
    tls: url.protocol === 'amqps:',
    vhost: decodeURIComponent(url.pathname.slice(1)) || '/',
    username: anonymous ? 'guest' : byCertificate ? '' : decodeURIComponent(url.username),
    password: anonymous ? 'guest' : decodeURIComponent(url.password),
  };
}

/** What a connection by TLS to the broker is made with, for other ways to it. Throws a TlsFileError. */
export function brokerTls(amqpUrl: string): TlsMaterial {
  return tlsMaterialOf(urlsInOrder(amqpUrl)[0] ?? '');
}

/**
 * Runs `work` on a connection of its own, to the first host that lets us in, and closes it. When the broker closes the
 * connection, its reason is thrown, not the "channel ended" that the pending call got.
 */
export async function withConnection<T>(amqpUrl: string, work: (connection: ChannelModel) => Promise<T>): Promise<T> {
  const { connection, address } = await open(amqpUrl);
  let closedBy: Error | undefined;
  connection.on('error', (error) => {
    closedBy = error;
  });
  const done = new AbortController();
  try {
    return await Promise.race([work(connection), workTimeout(address, done.signal)]);
  } catch (error) {
    throw closedBy ?? error;
  } finally {
    done.abort();
    await endConnection(connection, inspectCloseGraceMs);
  }
}

async function open(amqpUrl: string): Promise<{ connection: ChannelModel; address: string }> {
  const refusals = new Map<string, string>();
  for (const url of urlsInOrder(amqpUrl)) {
    const address = addressOf(url);
    try {
      const options = { noDelay: true, timeout: inspectConnectTimeoutMs, ...tlsOptionsOf(url) };
      return { connection: await connect(url, options), address };
    } catch (error) {
      refusals.set(address, refusalOf(error, url));
    }
  }
  throw new BrokerUnreachableError(refusals, `each address tried for up to ${inspectConnectTimeoutMs} ms`);
}

function urlsInOrder(amqpUrl: string): string[] {
  const first = () => 0;
  return brokerUrls(amqpUrl, first);
}

/** The client does not read the broker's reason when opening the virtual host is refused. */
function refusalOf(error: unknown, url: string): string {
  const said = connectionProblem(error, url);
  return said.startsWith('Expected ConnectionOpenOk')
    ? 'the virtual host does not exist there, or the user has no permissions on it (rabbitmqctl add_vhost, set_permissions)'
    : said;
}

async function workTimeout(address: string, signal: AbortSignal): Promise<never> {
  await sleep(inspectWorkTimeoutMs, undefined, { signal, ref: false });
  throw new Error(
    `${address} did not finish within ${inspectWorkTimeoutMs} ms: look at the broker's log, then try again`,
  );
}
