import { once } from 'node:events';
import { createServer } from 'node:http';

/** A page on this machine that is overloaded at first, as real ones are. */
export interface FlakySource {
  readonly url: string;
  /** `127.0.0.1:<port>`: private, so the worker must be allowed to read it by name. */
  readonly host: string;
  /** How often it was asked so far. */
  readonly requests: () => number;
  close(): Promise<void>;
}

const page = `<!doctype html>
<html><head><title>How a warren stays standing</title></head><body><article>
<h1>How a warren stays standing</h1>
<p>A warren is dug by many rabbits at the same time, and none of them holds the plan. Each tunnel has more than one way
out, so a tunnel that falls in costs the colony a detour and nothing else. The rabbits that dig do not wait for each
other: whoever finds a wall of clay turns back, leaves it for later and digs where the ground is soft.</p>
<p>Sentries sit where tunnels meet. A sentry that is frightened stamps, and every rabbit that hears the stamp is gone
before the second one. What was being dug is not lost, because the loose earth shows where to go on. A rabbit that comes
back takes up the tunnel where the last one left it, and nobody digs the same tunnel twice.</p>
<p>Old warrens last for decades, longer than any rabbit in them. They last because the work is written in the earth and
not in the memory of one animal.</p>
</article></body></html>`;

/** Listens on a free loopback port. Answers 503 with Retry-After to the first `failures` requests, then the page. */
export async function startFlakySource(failures: number): Promise<FlakySource> {
  let requests = 0;
  const server = createServer((_, response) => {
    requests++;
    if (requests <= failures) response.writeHead(503, { 'retry-after': '1' }).end('overloaded, come back in a second');
    else response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the demo source found no port to listen on');
  const host = `127.0.0.1:${address.port}`;
  return {
    url: `http://${host}/how-a-warren-stays-standing.html`,
    host,
    requests: () => requests,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
