import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { TaskFailure } from '@warren/tasks';
import { atMost, joined, tooLarge } from './byte-limit.js';

/** The encodings that {@link readBody} undoes, as an Accept-Encoding header names them. */
export const acceptedEncodings = 'gzip, deflate, br';

/**
 * A response's body, decompressed. It is counted as it comes, both as sent and as decompressed, so that neither an
 * endless body nor a small one that unpacks to a huge one is ever held. Fails with `invalid-input` when it is too
 * large or its Content-Encoding is unknown.
 */
export async function readBody(
  response: IncomingMessage,
  limits: { name: string; maxBytes: number; signal: AbortSignal },
): Promise<Uint8Array<ArrayBuffer>> {
  const { name, maxBytes, signal } = limits;
  if (Number(response.headers['content-length']) > maxBytes) throw tooLarge(name, maxBytes);
  const limited = (source: AsyncIterable<Buffer>) => atMost(source, maxBytes, name);
  const collect = (source: AsyncIterable<Buffer>) => joined(limited(source));
  const decoder = decoderOf(response, name);
  return decoder === undefined
    ? pipeline(response, collect, { signal })
    : pipeline(response, limited, decoder, collect, { signal });
}

function decoderOf(response: IncomingMessage, name: string): Duplex | undefined {
  const encoding = (response.headers['content-encoding'] ?? '').trim().toLowerCase();
  switch (encoding) {
    case '':
    case 'identity':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    default:
      throw new TaskFailure(
        'invalid-input',
        `${name} comes in the content encoding "${encoding}", which can't be undone. Name a source that is sent as ${acceptedEncodings}.`,
      );
  }
}
