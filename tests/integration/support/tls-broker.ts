import { createServer } from 'node:net';
import type { PrivateBroker } from '@warren/local';
import { startOwnBroker } from './broker.js';
import type { Authority, Certificate } from './certificates.js';

/** A broker that also speaks TLS, for AMQP and for management. */
export interface TlsBroker {
  readonly node: PrivateBroker;
  /**
   * The address by TLS, of virtual host `warren`.
   * @param login `user:password`; empty: none. Default: the administrator's.
   */
  url(login?: string): string;
  /** Of the management interface by TLS, without credentials. */
  readonly managementUrl: string;
}

/** Listens as `localhost` by the certificate, and trusts clients' certificates of the authority. The test discards the node. */
export async function startTlsBroker(
  authority: Pick<Authority, 'ca'>,
  certificate: Certificate,
  settings: Readonly<Record<string, string>> = {},
): Promise<TlsBroker> {
  const [amqp, management] = [await freePort(), await freePort()];
  const files = (of: string) => ({
    [`${of}.cacertfile`]: authority.ca,
    [`${of}.certfile`]: certificate.cert,
    [`${of}.keyfile`]: certificate.key,
  });
  const node = await startOwnBroker({
    'listeners.ssl.1': `127.0.0.1:${amqp}`,
    'management.ssl.ip': '127.0.0.1',
    'management.ssl.port': String(management),
    ...files('ssl_options'),
    ...files('management.ssl'),
    'ssl_options.verify': 'verify_peer',
    ...settings,
  });
  const { password, username } = new URL(node.amqpUrl);
  return {
    node,
    url: (login = `${username}:${password}`) => `amqps://${login === '' ? '' : `${login}@`}localhost:${amqp}/warren`,
    managementUrl: `https://localhost:${management}`,
  };
}

/** Free when it was looked for. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address === null || typeof address === 'string' ? reject(new Error('no port')) : resolve(address.port),
      );
    });
  });
}
