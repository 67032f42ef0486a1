import { createServer } from 'node:net';
import { isErrno } from './processes.js';

/**
 * Ports for servers that keep theirs over restarts: below the range from which systems (Linux 32768, macOS 49152) take
 * the local ends of outgoing connections. In that range, while the server is down, a client that keeps reconnecting to
 * localhost can be given the server's own port, connect to itself, and hold the port against the server.
 */
const lowest = 15_000;
const highest = 32_767;

/** `count` different TCP ports of 127.0.0.1 that were free a moment ago. */
export async function freePorts(count: number, random: () => number = Math.random): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries += 1) {
    if (tries > 1_000) throw new Error(`no ${count} free ports of 127.0.0.1 between ${lowest} and ${highest}`);
    const port = lowest + Math.floor(random() * (highest - lowest + 1));
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) =>
      isErrno(error, 'EADDRINUSE') || isErrno(error, 'EACCES') ? resolve(false) : reject(error),
    );
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
