import { createServer, type Server } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { ManagementError, managementAddress, request } from './management-request.js';

describe('managementAddress', () => {
  it.each([
    ['amqp://u:p@host:5999/v', undefined, { baseUrl: 'http://host:15672', username: 'u', password: 'p' }],
    ['amqp://host', undefined, { baseUrl: 'http://host:15672', username: 'guest', password: 'guest' }],
    ['amqps://u:p%40@host', undefined, { baseUrl: 'https://host:15671', username: 'u', password: 'p@' }],
    ['amqp://u:p@a:1,b:2/v', undefined, { baseUrl: 'http://a:15672', username: 'u', password: 'p' }],
    ['amqp://u:p@host', 'http://m:8080/', { baseUrl: 'http://m:8080', username: 'u', password: 'p' }],
    ['amqp://u:p@host', 'https://x:y%2F@m/rabbit/', { baseUrl: 'https://m/rabbit', username: 'x', password: 'y/' }],
  ])('%s and %s', (amqpUrl, managementUrl, address) => {
    expect(managementAddress(amqpUrl, managementUrl)).toEqual(address);
  });

  it.each(['secret', 'ftp://u:secret@host'])('refuses %s without repeating it', (managementUrl) => {
    const judge = () => managementAddress('amqp://host', managementUrl);
    expect(judge).toThrow('WARREN_MANAGEMENT_URL is no http or https URL');
    expect(judge).not.toThrow('secret');
  });
});

describe('request', () => {
  it.each([
    [401, '{"error":"not_authorized"}', 'refused', 'give user "u" the tag'],
    [400, '{"reason":"bad pattern"}', 'failed', 'bad pattern'],
    [500, 'x'.repeat(5_000), 'failed', 'failed (500)'],
    [200, '<html>', 'unreachable', 'something other than JSON'],
  ])(
    'an answer of %i %s is the failure "%s"',
    async (status, body, failure, message) => {
      const error = await withServer(answering(status, body), async (baseUrl) =>
        errorOf(request({ ...u, baseUrl }, 'GET', '/api/overview')),
      );
      expect(error.failure).toBe(failure);
      expect(error.message).toContain(message);
      expect(error.message).not.toContain('secret');
      expect(error.message.length).toBeLessThan(1_000);
    },
    20_000,
  );

  it('asks a node again that has just started and answers with 500', async () => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      response.writeHead(asked < 3 ? 500 : 200).end(asked < 3 ? '' : '{"ready":true}');
    });
    expect(await withServer(server, (baseUrl) => request({ ...u, baseUrl }, 'GET', '/api/overview'))).toEqual({
      ready: true,
    });
  });

  it('asks for nothing twice that writes', async () => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      response.writeHead(500).end();
    });
    const error = await withServer(server, async (baseUrl) =>
      errorOf(request({ ...u, baseUrl }, 'PUT', '/api/vhosts/v', {})),
    );
    expect([error.failure, asked]).toEqual(['failed', 1]);
  });

  it('nobody there: names the call and what to set', async () => {
    const nobody = { baseUrl: 'http://127.0.0.1:1', username: 'u', password: 'secret' };
    const error = await errorOf(request(nobody, 'GET', '/api/overview'));
    expect(error.failure).toBe('unreachable');
    expect(error.message).toMatch(/^no answer to GET http:\/\/127\.0\.0\.1:1\/api\/overview \(.+\): enable/);
    expect(error.message).not.toContain('secret');
  });
});

const u = { username: 'u', password: 'secret' };

/** A server that answers everything alike. */
function answering(status: number, body: string): Server {
  return createServer((_, response) => response.writeHead(status).end(body));
}

async function withServer<T>(server: Server, work: (baseUrl: string) => Promise<T>): Promise<T> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  try {
    return await work(`http://127.0.0.1:${address.port}`);
  } finally {
    server.close();
  }
}

async function errorOf(call: Promise<unknown>): Promise<ManagementError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ManagementError) return error;
  }
  throw new Error('it did not fail with a ManagementError');
}
