import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest } from '@jest/globals';
import {
  addTopologyCommands,
  applyTopology,
  brokerVersion,
  connectBroker,
  createPublisher,
  hasDelayPlugin,
  managementAddress,
  managementClient,
  readyCount,
  request,
  withTlsSettings,
} from '@warren/broker';
import { taskTypes } from '@warren/tasks';
import { topologyFor } from '@warren/topology';
import { pino } from 'pino';
import { type Authority, type Certificate, createAuthority } from './support/certificates.js';
import { runCommandLine } from './support/command-line.js';
import { needing } from './support/foreign-tools.js';
import { testLog } from './support/test-log.js';
import { startTlsBroker, type TlsBroker } from './support/tls-broker.js';
import { until } from './support/until.js';

jest.setTimeout(120_000);

const { it, why } = needing('openssl');
const topology = topologyFor({ types: taskTypes, delay: 'ladder', profile: 'classic' });

describe(`TLS${why}`, () => {
  let folder: string;
  let authority: Authority;
  let stranger: Authority;
  let client: Certificate;
  let broker: TlsBroker;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'warren-tls-'));
    authority = createAuthority(folder, 'authority');
    stranger = createAuthority(folder, 'stranger');
    client = authority.issue('warren-worker');
    broker = await startTlsBroker(authority, serverCertificate(), {
      'auth_mechanisms.1': 'PLAIN',
      'auth_mechanisms.2': 'EXTERNAL',
      ssl_cert_login_from: 'common_name',
      'ssl_options.fail_if_no_peer_cert': 'false',
    });
  });
  afterAll(async () => {
    await broker.node.discard();
    rmSync(folder, { recursive: true, force: true });
  });

  function serverCertificate(): Certificate {
    return authority.issue('localhost', { usage: 'serverAuth', names: 'DNS:localhost,IP:127.0.0.1' });
  }

  const trusting = (url: string, of: Pick<Authority, 'ca'> = authority) =>
    withTlsSettings(url, { WARREN_TLS_CA: of.ca });
  const showing = (url: string, { cert, key }: Certificate) =>
    withTlsSettings(url, { WARREN_TLS_CA: authority.ca, WARREN_TLS_CERT: cert, WARREN_TLS_KEY: key });

  it('every way to the broker goes by it: the lasting connection, the short ones, and management', async () => {
    const amqpUrl = trusting(broker.url());
    const managementUrl = broker.managementUrl;
    expect(await applyTopology({ amqpUrl, managementUrl, topology })).toMatchObject({ warnings: [] });
    expect(await brokerVersion(amqpUrl)).toBe(broker.node.version);
    expect(await hasDelayPlugin(amqpUrl)).toEqual(expect.any(Boolean));
    const connection = await connectBroker({ urls: amqpUrl, name: 'test', log: testLog });
    const publisher = createPublisher(connection);
    await publisher.publish({
      exchange: 'submit',
      routingKey: 'summarize',
      body: Buffer.from('{}'),
      properties: { messageId: 'one' },
      mandatory: true,
    });
    await publisher.close();
    await connection.close();
    expect(await readyCount(amqpUrl, 'submitted')).toBe(1);
    const management = managementClient(managementAddress(amqpUrl, managementUrl));
    expect(await management.vhosts()).toEqual(['warren']);
  });

  it('a lasting connection that is lost comes back with the certificates as they are then', async () => {
    const said: string[] = [];
    const file = join(folder, 'renewed.pem');
    copyFileSync(authority.ca, file);
    const connection = await connectBroker({
      urls: withTlsSettings(broker.url(), { WARREN_TLS_CA: file }),
      name: 'test',
      log: pino({ level: 'warn' }, { write: (line) => void said.push(line) }),
      reconnect: { baseMs: 10, maxMs: 50 },
    });
    copyFileSync(stranger.ca, file);
    connection.reconnect('the test wants another one');
    await until(() => said.some((line) => line.includes('WARREN_TLS_CA must name')));
    const back = once(connection.events, 'connected');
    copyFileSync(authority.ca, file);
    await back;
    await connection.close();
  });

  it('says what to do about a broker that is not to be trusted', async () => {
    const refused = (url: string) => expect(brokerVersion(url)).rejects;
    await refused(broker.url()).toThrow(/signed by nobody who is trusted here: set WARREN_TLS_CA to/);
    await refused(trusting(broker.url(), stranger)).toThrow(/WARREN_TLS_CA must name the certificate of the authority/);
    await expect(
      connectBroker({ urls: trusting(broker.url(), stranger), name: 'test', log: testLog, connectTimeoutMs: 500 }),
    ).rejects.toThrow(/WARREN_TLS_CA must name the certificate of the authority/);
    const management = managementClient(managementAddress(trusting(broker.url(), stranger), broker.managementUrl));
    await expect(management.overview()).rejects.toThrow(/TLS: .*WARREN_TLS_CA must name/);
  });

  it('says which port speaks what', async () => {
    await expect(brokerVersion(trusting(broker.node.amqpUrl.replace('amqp:', 'amqps:')))).rejects.toThrow(
      'no TLS is spoken at this port',
    );
    await expect(brokerVersion(broker.url().replace('amqps:', 'amqp:'))).rejects.toThrow('write amqps://');
  });

  it('says what is wrong with a file', async () => {
    const broken = join(folder, 'broken.pem');
    writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n');
    const encrypted = join(folder, 'encrypted.key');
    writeFileSync(encrypted, '-----BEGIN ENCRYPTED PRIVATE KEY-----\nnothing\n-----END ENCRYPTED PRIVATE KEY-----\n');
    const version = (url: string) => expect(brokerVersion(url)).rejects;
    const missing = { ca: join(folder, 'none.pem') };
    await version(trusting(broker.url(), missing)).toThrow(/WARREN_TLS_CA: ENOENT.*none\.pem.*name a PEM file/);
    await version(trusting(broker.url(), { ca: broken })).toThrow(/broken\.pem holds no certificate/);
    const other = authority.issue('other');
    await version(showing(broker.url(), { ...client, key: other.key })).toThrow(/can't be used together/);
    await version(showing(broker.url(), { ...client, key: encrypted })).toThrow(/encrypted\.key is encrypted/);
  });

  it('logs in by certificate where the URL has no password, under the name that the certificate bears', async () => {
    const admin = managementAddress(trusting(broker.url()), broker.managementUrl);
    const url = showing(broker.url(''), client);
    await expect(brokerVersion(url)).rejects.toThrow(/the broker knows no user of our client certificate's name/);
    await expect(connectBroker({ urls: url, name: 'test', log: testLog })).rejects.toThrow(
      /credentials were refused: .*the broker knows no user/,
    );
    // A password that is wrong stays wrong, whatever certificate comes with it.
    await expect(brokerVersion(showing(broker.url('warren:wrong'), client))).rejects.toThrow(/ACCESS[_-]REFUSED/);
    await request(admin, 'PUT', '/api/users/warren-worker', { password_hash: '', tags: '' });
    await request(admin, 'PUT', '/api/permissions/warren/warren-worker', { configure: '^$', write: '^$', read: '^$' });
    expect(await brokerVersion(url)).toBe(broker.node.version);
    const connection = await connectBroker({ urls: url, name: 'test', log: testLog });
    await connection.close();
    const nobody = managementClient(managementAddress(url, broker.managementUrl));
    await expect(nobody.overview()).rejects.toThrow(/put them into WARREN_MANAGEMENT_URL/);
  });

  it("refuses, and says so, a client's certificate of somebody else", async () => {
    await expect(brokerVersion(showing(broker.url(''), stranger.issue('warren-worker')))).rejects.toThrow(
      /the broker does not trust our client certificate/,
    );
    await expect(brokerVersion(showing(broker.url(''), authority.issue('x', { expired: true })))).rejects.toThrow(
      /our client certificate has expired: renew WARREN_TLS_CERT/,
    );
  });

  it('commands read the variables; a URL that is not encrypted is no place for them', async () => {
    const env = { AMQP_URL: broker.url(), WARREN_MANAGEMENT_URL: broker.managementUrl, WARREN_TLS_CA: authority.ca };
    const { code, stdout } = await runCommandLine(['topology', 'apply', '--json'], env, addTopologyCommands);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ vhost: 'warren', warnings: [] });
    const plain = { ...env, AMQP_URL: broker.node.amqpUrl };
    const refused = await runCommandLine(['topology', 'apply'], plain, addTopologyCommands);
    expect(refused.stderr).toMatch(/WARREN_TLS_CA is set, but the broker's URL is amqp:\/\/, which is not\s+encrypted/);
    expect(refused.code).toBe(2);
  });

  describe('a broker that is strict, and has another name', () => {
    let strict: TlsBroker;
    beforeAll(async () => {
      const elsewhere = authority.issue('elsewhere', { usage: 'serverAuth', names: 'DNS:elsewhere.example' });
      strict = await startTlsBroker(authority, elsewhere, { 'ssl_options.fail_if_no_peer_cert': 'true' });
    });
    afterAll(async () => {
      await strict.node.discard();
    });

    it('is not taken for the one that the URL names', async () => {
      await expect(brokerVersion(showing(strict.url(), client))).rejects.toThrow(
        /certificate is not for this host name \(.*localhost.*elsewhere\.example\)/,
      );
    });
  });

  describe.each(['tlsv1.3', 'tlsv1.2'])('a broker that asks for certificates, by %s', (version) => {
    let strict: TlsBroker;
    beforeAll(async () => {
      strict = await startTlsBroker(authority, serverCertificate(), {
        'ssl_options.fail_if_no_peer_cert': 'true',
        'ssl_options.versions.1': version,
      });
    });
    afterAll(async () => {
      await strict.node.discard();
    });

    it('lets in who shows one, by password; and says what is missing', async () => {
      expect(await brokerVersion(showing(strict.url(), client))).toBe(strict.node.version);
      await expect(brokerVersion(trusting(strict.url()))).rejects.toThrow(
        /asks for a client certificate.*set WARREN_TLS_CERT and WARREN_TLS_KEY/,
      );
      await expect(brokerVersion(showing(strict.url(''), client))).rejects.toThrow(
        /takes no login by certificate: enable the plugin rabbitmq_auth_mechanism_ssl/,
      );
    });
  });

  it('an expired broker is refused', async () => {
    const names = { usage: 'serverAuth', names: 'DNS:localhost', expired: true } as const;
    const expired = await startTlsBroker(authority, authority.issue('localhost', names));
    try {
      await expect(brokerVersion(trusting(expired.url()))).rejects.toThrow(/has expired: renew it, or correct this/);
    } finally {
      await expired.node.discard();
    }
  });
});
