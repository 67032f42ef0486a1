import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type BrokerConnection,
  BrokerUnreachableError,
  connectBroker,
  managementAddress,
  request,
} from '@warren/broker';
import type { PrivateBroker } from '@warren/local';
import type { Channel } from 'amqplib';
import { pino } from 'pino';
import { z } from 'zod';
import { type FreshVhost, startOwnBroker } from './support/broker.js';
import { log, quick, useProxiedBroker } from './support/proxied-broker.js';
import { until } from './support/until.js';

describe('connection', () => {
  const broker = useProxiedBroker();

  it('comes back after its socket was cut', async () => {
    const connection = await broker().connected();
    const lost = once(connection.events, 'disconnected');
    const back = once(connection.events, 'connected');
    broker().proxy.cut();
    const [{ reason }] = await lost;
    expect(reason).toMatch(/ECONNRESET|closed/);
    expect(connection.connected).toBe(false);
    const [{ address }] = await back;
    expect(address).toContain(broker().vhost.vhost);
    expect(connection.connected).toBe(true);
  });

  it('tries again and again while it is refused', async () => {
    const connection = await broker().connected();
    const lost = once(connection.events, 'disconnected');
    broker().proxy.refuse();
    await lost;
    for (let attempt = 0; attempt < 3; attempt += 1) await broker().proxy.nextConnection();
    expect(connection.connected).toBe(false);
    const back = once(connection.events, 'connected');
    broker().proxy.restore();
    await back;
  });

  it('goes to the host that answers', async () => {
    const { port } = new URL(broker().url);
    const url = new URL(broker().url);
    const urls = `amqp://${url.username}:${url.password}@127.0.0.1:${await unusedPort()},127.0.0.1:${port}/${broker().vhost.vhost}`;
    const connection = await broker().connected({ urls, random: () => 0 });
    expect(connection.connected).toBe(true);
  });

  it('names the address that refused, and no credentials, in its error and in its log', async () => {
    const port = await unusedPort();
    const lines: string[] = [];
    const refused = connectBroker({
      urls: `amqp://joe:secret@127.0.0.1:${port}/v`,
      name: 'test',
      log: pino({ level: 'trace' }, { write: (line) => void lines.push(line) }),
      connectTimeoutMs: 300,
    });
    await expect(refused).rejects.toThrow(BrokerUnreachableError);
    await expect(refused).rejects.toThrow(`127.0.0.1:${port} vhost "v": connect ECONNREFUSED`);
    await expect(refused).rejects.toThrow(expect.not.objectContaining({ message: expect.stringContaining('secret') }));
    expect(lines.join('')).toContain(`127.0.0.1:${port}`);
    expect(lines.join('')).not.toContain('secret');
  });

  it('names the address that takes the connection and says nothing', async () => {
    broker().proxy.stall();
    const given = connectBroker({ urls: broker().url, name: 'test', log, connectTimeoutMs: 300 });
    await expect(given).rejects.toThrow(`${new URL(broker().url).host} vhost "${broker().vhost.vhost}": no answer yet`);
    broker().proxy.restore();
  });

  it('gives up at once when its credentials are refused', async () => {
    const url = new URL(broker().vhost.amqpUrl);
    url.password = 'wrong';
    const refused = connectBroker({ urls: url.href, name: 'test', log, connectTimeoutMs: 2 ** 30 });
    await expect(refused).rejects.toThrow('credentials were refused');
  });

  it('refuses an invalid URL before it dials', async () => {
    await expect(connectBroker({ urls: 'http://127.0.0.1', name: 'test', log })).rejects.toThrow('is no broker URL');
  });

  it('comes back after an operator closed it', async () => {
    const connection = await broker().connected({ name: 'closed-by-operator' });
    const lost = once(connection.events, 'disconnected');
    const back = once(connection.events, 'connected');
    await closeByName(broker().vhost, 'closed-by-operator');
    const [{ reason }] = await lost;
    expect(reason).toContain('CONNECTION_FORCED');
    await back;
  }, 30_000);

  it('gives up a connection whose other side is silent for two heartbeats', async () => {
    const connection = await broker().connected({ heartbeatSeconds: 1 });
    const lost = once(connection.events, 'disconnected');
    broker().proxy.stall();
    const [{ reason }] = await lost;
    expect(reason).toContain('Heartbeat timeout');
    const back = once(connection.events, 'connected');
    broker().proxy.restore();
    await back;
  }, 30_000);

  it('reconnects on demand, even when the other side does not answer', async () => {
    const connection = await broker().connected({ heartbeatSeconds: 0 });
    const back = once(connection.events, 'connected');
    const lost = once(connection.events, 'disconnected');
    broker().proxy.stall();
    connection.reconnect('wanted by a test');
    await lost;
    broker().proxy.restore();
    await back;
  });

  it('opens a channel again that the broker closed, and leaves the others alone', async () => {
    const connection = await broker().connected();
    const other = channelLog(connection);
    const killed = channelLog(connection);
    await other.opened(1);
    const channel = await killed.opened(1);
    await expect(channel.checkQueue('no-such-queue')).rejects.toThrow('NOT_FOUND');
    await killed.opened(2);
    expect(killed.losses).toEqual([expect.objectContaining({ kind: 'channel-lost', code: 404 })]);
    expect(other.losses).toEqual([]);
    expect(connection.connected).toBe(true);
  });

  it('opens its channels again on the next connection', async () => {
    const connection = await broker().connected();
    const channels = [channelLog(connection), channelLog(connection)];
    await Promise.all(channels.map((channel) => channel.opened(1)));
    broker().proxy.cut();
    await Promise.all(channels.map((channel) => channel.opened(2)));
    for (const { losses } of channels) expect(losses).toEqual([expect.objectContaining({ kind: 'connection-lost' })]);
  });

  it('opens a channel again when its owner could not use it', async () => {
    const connection = await broker().connected();
    const failing = channelLog(connection, 2);
    await failing.opened(3);
    expect(failing.losses).toHaveLength(2);
  });

  it.each(['open', 'stalled', 'silent', 'refused'])(
    'leaves no socket and no timer when it is closed while %s',
    async (network) => {
      const sockets = socketsTo(broker().proxy.port);
      const before = timers();
      const connection = await broker().connected({ heartbeatSeconds: network === 'silent' ? 1 : 0 });
      const channel = channelLog(connection);
      await channel.opened(1);
      const lost = once(connection.events, 'disconnected');
      if (network === 'stalled' || network === 'silent') broker().proxy.stall();
      if (network === 'refused') broker().proxy.refuse();
      if (network === 'silent' || network === 'refused') await lost;
      await Promise.all([connection.close(), connection.close()]);
      await until(() => timers() <= before && sockets.every(({ destroyed }) => destroyed));
      expect(sockets.length).toBeGreaterThan(0);
      expect(connection.connected).toBe(false);
      expect(channel.ends).toBe(1);
      expect(channel.losses).toEqual([
        expect.objectContaining({ kind: network === 'open' || network === 'stalled' ? 'closed' : 'connection-lost' }),
      ]);
      broker().proxy.cut();
    },
  );

  it('calls every listener, whatever one of them throws', async () => {
    const connection = await broker().connected();
    connection.events.on('disconnected', () => {
      throw new Error('a broken listener');
    });
    const lost = once(connection.events, 'disconnected');
    const back = once(connection.events, 'connected');
    broker().proxy.cut();
    await lost;
    await back;
  });
});

describe('connection to a broker that goes away', () => {
  let broker: PrivateBroker;
  let connection: BrokerConnection | undefined;

  beforeAll(async () => {
    broker = await startOwnBroker();
  }, 60_000);

  afterAll(async () => {
    await connection?.close();
    await broker.discard();
  });

  it('comes back after the broker was killed and started again', async () => {
    connection = await connectBroker({ urls: broker.amqpUrl, name: 'test', log, reconnect: quick });
    const lost = once(connection.events, 'disconnected');
    await broker.kill();
    await lost;
    const back = once(connection.events, 'connected');
    await broker.start();
    await back;
  }, 60_000);
});

/** Opens a channel and keeps what becomes of it. Its first `failures` openings are refused by its owner. */
function channelLog(connection: BrokerConnection, failures = 0) {
  const channels: Channel[] = [];
  const losses: unknown[] = [];
  let ends = 0;
  connection.openChannel({
    name: 'under test',
    onOpen: async (channel) => {
      channels.push(channel);
      if (channels.length <= failures) throw new Error('not usable');
    },
    onLost: (loss) => losses.push(loss),
    onEnd: () => {
      ends += 1;
    },
  });
  return {
    losses,
    get ends() {
      return ends;
    },
    async opened(times: number): Promise<Channel> {
      await until(() => channels.length >= times);
      const channel = channels[times - 1];
      if (channel === undefined) throw new Error('no channel was opened');
      return channel;
    },
  };
}

/** Timers that keep this process alive, the test runner's included. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
}

/** Collects the sockets that this process connects to a port from now on. */
function socketsTo(port: number): Socket[] {
  const sockets: Socket[] = [];
  subscribe('net.client.socket', (message) => {
    const { socket } = z.object({ socket: z.instanceof(Socket) }).parse(message);
    socket.once('connect', () => {
      if (socket.remotePort === port) sockets.push(socket);
    });
  });
  return sockets;
}

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was free');
  return address.port;
}

const connectionList = z.array(
  z.object({ name: z.string(), client_properties: z.object({ connection_name: z.string().optional() }) }),
);

/** As an operator does it in the management UI, which learns of new connections with some delay. */
async function closeByName(vhost: FreshVhost, name: string): Promise<void> {
  let found: string | undefined;
  const address = managementAddress(vhost.amqpUrl, vhost.managementUrl);
  await until(async () => {
    const list = connectionList.safeParse(await request(address, 'GET', `/api/vhosts/${vhost.vhost}/connections`));
    found = list.data?.find((one) => one.client_properties.connection_name === name)?.name;
    return found !== undefined;
  });
  await request(address, 'DELETE', `/api/connections/${encodeURIComponent(found ?? '')}`);
}
