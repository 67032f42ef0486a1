import { EventEmitter, once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createSourceReader,
  defaultSourcesConfig,
  documentFrom,
  type SourceReaderWorld,
  type SourcesConfig,
} from '@warren/sources';

const html = (body: string) => `<!doctype html><title>T</title><p>${body}</p>`;
const opened: (Server | TcpServer)[] = [];

afterEach(async () => {
  for (const server of opened.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

describe('an address that may not be read', () => {
  it.each(['127.0.0.1', 'localhost', '2130706433', '0x7f.0.0.1', '0177.1', '0.0.0.0', '[::1]', '[::ffff:127.0.0.1]'])(
    'is refused without a request: %s',
    async (host) => {
      const site = await serve((_, response) => response.end(html('inside')));
      await expect(read(`http://${host}:${site.port}/`)).rejects.toMatchObject({ code: 'policy-violation' });
      expect(site.requests).toEqual([]);
    },
  );

  it('is refused behind a redirect', async () => {
    const inside = await serve((_, response) => response.end(html('inside')));
    const outside = await serve((_, response) => redirect(response, `http://127.0.0.1:${inside.port}/secret`));
    await expect(read(outside.url, { allowedHosts: [outside.host] })).rejects.toMatchObject({
      code: 'policy-violation',
    });
    expect(outside.requests).toEqual(['/']);
    expect(inside.requests).toEqual([]);
  });

  it('is refused behind a name, however often the name changes its mind', async () => {
    const site = await serve((_, response) => response.end(html('inside')));
    const answers = ['127.0.0.1', '10.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254'];
    const asked: string[] = [];
    const world = { resolve: async (name: string) => addresses(answers[asked.push(name) - 1] ?? '8.8.8.8') };
    for (const _ of answers) {
      await expect(read(`http://rebind.test:${site.port}/`, {}, world)).rejects.toMatchObject({
        code: 'policy-violation',
      });
    }
    expect(asked).toHaveLength(answers.length);
    expect(site.requests).toEqual([]);
  });

  it('is not reached by a name that is public when it is judged and loopback a moment later', async () => {
    const site = await serve((_, response) => response.end(html('inside')));
    const answers = ['192.0.2.1', '127.0.0.1'];
    const asked: string[] = [];
    // The name is an allowed one, so that the first answer is connected to: it must be that answer and no later one.
    const world = { resolve: async (name: string) => addresses(answers[asked.push(name) - 1] ?? '127.0.0.1') };
    const config = { allowedHosts: ['rebind.test'], timeoutMs: 300 };
    await expect(read(`http://rebind.test:${site.port}/`, config, world)).rejects.toMatchObject({
      code: expect.stringMatching(/^(timeout|network)$/),
    });
    expect(asked).toEqual(['rebind.test']);
    expect(site.requests).toEqual([]);
  });

  it('is refused where a public and a private address are mixed', async () => {
    const site = await serve((_, response) => response.end(html('inside')));
    const world = { resolve: async () => [...addresses('127.0.0.1'), ...addresses('10.0.0.1')] };
    await expect(read(`http://mixed.test:${site.port}/`, {}, world)).rejects.toMatchObject({
      code: 'policy-violation',
    });
    expect(site.requests).toEqual([]);
  });

  it('may be allowed by name, and then by that name and port alone', async () => {
    const site = await serve((_, response) => response.end(html('inside')));
    const config = { allowedHosts: [`localhost:${site.port}`] };
    const other = await serve((_, response) => response.end(html('other')));
    expect((await read(`http://localhost:${site.port}/`, config)).text).toBe('inside');
    await expect(read(`http://127.0.0.1:${site.port}/`, config)).rejects.toMatchObject({ code: 'policy-violation' });
    await expect(read(`http://localhost:${other.port}/`, config)).rejects.toMatchObject({ code: 'policy-violation' });
    expect(other.requests).toEqual([]);
  });
});

describe('a redirect', () => {
  it('is followed, relative ones too, up to the limit', async () => {
    const site = await serve((request, response) => {
      const step = Number(request.url?.slice(1));
      if (step < 5) redirect(response, `${step + 1}`);
      else response.setHeader('content-type', 'text/html').end(html('the end'));
    });
    const document = await read(`${site.url}0`, site.allowed);
    expect(document).toMatchObject({ text: 'the end', name: `${site.url}0`, kind: 'url', title: 'T' });
    expect(site.requests).toEqual(['/0', '/1', '/2', '/3', '/4', '/5']);
  });

  it('that goes round in circles ends after five', async () => {
    const site = await serve((_, response) => redirect(response, '/'));
    await expect(read(site.url, site.allowed)).rejects.toMatchObject({ code: 'policy-violation' });
    expect(site.requests).toHaveLength(6);
  });

  it.each(['file:///etc/passwd', 'http://u:p@127.0.0.1/'])(
    'to what may not be read is refused: %s',
    async (location) => {
      const site = await serve((_, response) => redirect(response, location));
      await expect(read(site.url, site.allowed)).rejects.toMatchObject({ code: 'policy-violation' });
    },
  );
});

describe('an answer', () => {
  it.each([
    [404, {}, { code: 'not-found' }],
    [403, {}, { code: 'refused' }],
    [429, { 'retry-after': '3' }, { code: 'rate-limited', retryAfterMs: 3_000 }],
    [503, { 'retry-after': 'Fri, 20 Nov 2026 12:00:10 GMT' }, { code: 'overloaded', retryAfterMs: 10_000 }],
    [500, {}, { code: 'upstream-error' }],
  ])('of %i fails the task as what it is', async (status, headers, failure) => {
    const site = await serve((_, response) => response.writeHead(status, headers).end('sorry'));
    const world = { now: () => Date.parse('2026-11-20T12:00:00Z') };
    await expect(read(site.url, site.allowed, world)).rejects.toMatchObject(failure);
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ] as const)('is decompressed: %s', async (encoding, compress) => {
    const site = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': encoding, 'content-type': 'text/plain' }).end(compress('naïve'));
    });
    expect(await read(site.url, site.allowed)).toMatchObject({ text: 'naïve', format: 'plain', bytes: 6 });
  });

  it('is decoded by its declared charset', async () => {
    const site = await serve((_, response) => {
      response.setHeader('content-type', 'text/plain; charset=ISO-8859-1').end(Buffer.from('naïve', 'latin1'));
    });
    expect((await read(site.url, site.allowed)).text).toBe('naïve');
  });

  it.each([
    ['application/pdf', '%PDF'],
    ['application/json', '{}'],
    ['text/plain', 'a\0b'],
    ['text/plain; charset=klingon', 'a'],
  ])('that is no readable text is refused: %s', async (type, body) => {
    const site = await serve((_, response) => response.setHeader('content-type', type).end(body));
    await expect(read(site.url, site.allowed)).rejects.toMatchObject({ code: 'invalid-input' });
  });

  const bomb = gzipSync(Buffer.alloc(50_000_000, 'x'), { level: 9 });
  it.each([
    ['declared larger than may be read', { 'content-length': '2000' }, [Buffer.alloc(2_000, 'x')], 1_000],
    ['larger than may be read and not declared so', {}, [Buffer.alloc(600, 'x'), Buffer.alloc(600, 'x')], 1_000],
    [
      'larger as sent, though it unpacks to nothing',
      { 'content-encoding': 'gzip' },
      Array(100).fill(gzipSync('')),
      1_000,
    ],
    ['a gzip bomb', { 'content-encoding': 'gzip' }, [bomb], 1_000_000],
  ])('is refused that is %s', async (_, headers, chunks, maxBytes) => {
    const site = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain', ...headers });
      for (const chunk of chunks) response.write(chunk);
      response.end();
    });
    await expect(read(site.url, { ...site.allowed, maxBytes })).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('larger'),
    });
  });

  it('that never ends is cut off, and its connection with it', async () => {
    const connections = new EventEmitter();
    const closed = once(connections, 'closed');
    const site = await serve((_, response) => {
      response.on('close', () => connections.emit('closed'));
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 'x')));
      };
      response.setHeader('content-type', 'text/plain').on('drain', more);
      more();
    });
    await expect(read(site.url, { ...site.allowed, maxBytes: 1_000_000 })).rejects.toMatchObject({
      code: 'invalid-input',
    });
    await closed;
  });

  it.each([
    ['says nothing', () => {}],
    ['stops in the middle of its body', (response: ServerResponse) => response.write('beginning')],
  ])('that %s ends with the time limit', async (_, answer) => {
    const site = await serve((_request, response) => {
      response.setHeader('content-type', 'text/plain');
      answer(response);
    });
    await expect(read(site.url, { ...site.allowed, timeoutMs: 200 })).rejects.toMatchObject({ code: 'timeout' });
  });

  it('that breaks off is a network failure, one that is no HTTP an upstream one', async () => {
    const broken = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '100' }).write('ten bytes.');
      setImmediate(() => response.destroy());
    });
    await expect(read(broken.url, broken.allowed)).rejects.toMatchObject({ code: 'network' });
    const corrupt = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' }).end('not gzip at all');
    });
    await expect(read(corrupt.url, corrupt.allowed)).rejects.toMatchObject({ code: 'upstream-error' });
    const port = await serveRaw('SSH-2.0-OpenSSH_9.2\r\n');
    await expect(read(`http://127.0.0.1:${port}/`, { allowedHosts: ['127.0.0.1'] })).rejects.toMatchObject({
      code: 'upstream-error',
    });
  });

  it('that no one gives is a network failure', async () => {
    const site = await serve(() => {});
    opened.splice(0);
    site.server.close();
    await once(site.server, 'close');
    await expect(read(site.url, site.allowed)).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describe('a signal', () => {
  it('ends a read that is under way with its own reason', async () => {
    const stop = new AbortController();
    const reason = new Error('the task was cancelled');
    const site = await serve((_, response) => {
      response.setHeader('content-type', 'text/plain').write('beginning');
      setImmediate(() => stop.abort(reason));
    });
    const reader = createSourceReader({ ...defaultSourcesConfig, ...site.allowed });
    await expect(reader.fetch({ kind: 'url', url: site.url }, { signal: stop.signal })).rejects.toBe(reason);
  });

  it('ends a read while the name is being looked up, and one before it begins', async () => {
    const stop = new AbortController();
    const reason = new Error('the worker stops');
    const world: SourceReaderWorld = {
      resolve: () => {
        stop.abort(reason);
        return new Promise(() => {});
      },
    };
    const reader = createSourceReader(defaultSourcesConfig, world);
    for (const _ of ['under way', 'before']) {
      await expect(reader.fetch({ kind: 'url', url: 'http://a.test/' }, { signal: stop.signal })).rejects.toBe(reason);
    }
  });
});

describe('a list', () => {
  it('gives a URL itself, unread', async () => {
    const reference = { kind: 'url', url: 'http://127.0.0.1:1/' } as const;
    const reader = createSourceReader(defaultSourcesConfig);
    expect(await reader.list(reference, { signal: new AbortController().signal })).toEqual([reference]);
  });
});

async function read(url: string, config: Partial<SourcesConfig> = {}, world: SourceReaderWorld = {}) {
  const reader = createSourceReader({ ...defaultSourcesConfig, timeoutMs: 10_000, ...config }, world);
  return documentFrom(await reader.fetch({ kind: 'url', url }, { signal: new AbortController().signal }));
}

function redirect(response: ServerResponse, location: string) {
  response.writeHead(302, { location }).end();
}

function addresses(address: string) {
  return [{ address, family: address.includes(':') ? 6 : 4 }];
}

/** A server on every loopback address, which notes what it is asked. */
async function serve(listener: RequestListener) {
  const requests: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url);
    listener(request, response);
  });
  const port = await listen(server);
  const host = `127.0.0.1:${port}`;
  return { server, requests, port, host, url: `http://${host}/`, allowed: { allowedHosts: [host] } };
}

function serveRaw(greeting: string): Promise<number> {
  return listen(
    createTcpServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end(greeting),
    ),
  );
}

async function listen(server: Server | TcpServer): Promise<number> {
  opened.push(server);
  server.listen(0);
  await once(server, 'listening');
  return portOf(server.address());
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}
