import { TaskFailure } from '@warren/tasks';

export function tooLarge(name: string, maxBytes: number): TaskFailure {
  return new TaskFailure(
    'invalid-input',
    `${name} is larger than the ${maxBytes} bytes that may be read. Name a smaller source, or raise WARREN_SOURCES_MAX_BYTES.`,
  );
}

/** Passes bytes on, and fails with `invalid-input` as soon as there are more than `maxBytes` of them. */
export async function* atMost(
  source: AsyncIterable<Buffer>,
  maxBytes: number,
  name: string,
): AsyncGenerator<Buffer, void, undefined> {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(name, maxBytes);
    yield chunk;
  }
}

/** All of the bytes in one array with a buffer of its own: Node takes small ones from a shared buffer, which can't be transferred. */
export async function joined(source: AsyncIterable<Buffer>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of source) {
    chunks.push(chunk);
    size += chunk.length;
  }
  const bytes = new Uint8Array(size);
  let end = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, end);
    end += chunk.length;
  }
  return bytes;
}
