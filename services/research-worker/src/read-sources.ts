import type { Document, SourceReader } from '@warren/sources';
import { failureOf, permanentCodes, type SourceReference, TaskFailure } from '@warren/tasks';
import type { HandlerContext } from '@warren/worker';

/** How much one question may read. */
export interface ReadLimits {
  /** Files and pages. Default 2,000. */
  readonly maxDocuments: number;
  /** Bytes of all of them together, as read. Default 16 MiB, whose index fits the memory of one thread. */
  readonly maxBytes: number;
  /** Reads at the same time. Default 4. */
  readonly concurrency: number;
}

export const defaultReadLimits: ReadLimits = { maxDocuments: 2_000, maxBytes: 16 * 1024 * 1024, concurrency: 4 };

/** A file or page to read, and whether the submitter named it or a folder held it. */
interface Wanted {
  readonly reference: SourceReference;
  readonly named: boolean;
}

type ReadContext = Pick<HandlerContext, 'signal' | 'progress' | 'log'>;

/**
 * Reads every source, folders recursively, none twice, in the order given. A source that was named must be readable: if
 * it is not, the task fails as the reader says. A file that a folder held and that can't be read for good is passed over
 * with a warning in the log. Fails with `not-found` where nothing is left to read, `invalid-input` above the limits.
 */
export async function readSources(
  sources: readonly SourceReference[],
  reader: SourceReader,
  context: ReadContext,
  limits: ReadLimits,
): Promise<Document[]> {
  const wanted = await listSources(sources, reader, context);
  if (wanted.length > limits.maxDocuments) throw tooMany(wanted.length, limits);
  const documents = await readAll(wanted, reader, context, limits);
  if (documents.length === 0) {
    const names = sources.map(nameOf).join(', ');
    throw new TaskFailure('not-found', `No text file is in ${names}. Name a folder or file that holds text.`);
  }
  return documents;
}

export function nameOf(source: SourceReference): string {
  return source.kind === 'file' ? source.path : source.url;
}

async function listSources(
  sources: readonly SourceReference[],
  reader: SourceReader,
  { signal, progress }: ReadContext,
): Promise<Wanted[]> {
  const wanted = new Map<string, Wanted>();
  for (const source of sources) {
    progress({ message: `listing ${nameOf(source)}` });
    for (const reference of await reader.list(source, { signal })) {
      const name = nameOf(reference);
      const named = name === nameOf(source) || wanted.get(name)?.named === true;
      wanted.set(name, { reference, named });
    }
  }
  return [...wanted.values()];
}

async function readAll(
  wanted: readonly Wanted[],
  reader: SourceReader,
  context: ReadContext,
  limits: ReadLimits,
): Promise<Document[]> {
  const documents = new Map<number, Document>();
  const queue = wanted.entries();
  const stop = new AbortController();
  const reading = { ...context, signal: AbortSignal.any([context.signal, stop.signal]) };
  let bytes = 0;
  const readOn = async () => {
    for (const [index, next] of queue) {
      reading.signal.throwIfAborted();
      context.progress({ message: `reading ${nameOf(next.reference)}`, done: index, total: wanted.length });
      const document = await readOne(next, reader, reading);
      if (document === undefined) continue;
      bytes += document.bytes;
      if (bytes > limits.maxBytes) throw tooLarge(limits);
      documents.set(index, document);
    }
  };
  try {
    await Promise.all(Array.from({ length: limits.concurrency }, readOn));
  } catch (error) {
    stop.abort(error);
    throw error;
  }
  return [...documents].sort(([a], [b]) => a - b).map(([, document]) => document);
}

async function readOne(
  { reference, named }: Wanted,
  reader: SourceReader,
  { signal, log }: ReadContext,
): Promise<Document | undefined> {
  try {
    return await reader.read(reference, { signal });
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = failureOf(error);
    if (named || !permanentCodes.some((permanent) => permanent === code)) throw error;
    log.warn({ source: nameOf(reference), code, reason: message }, 'passed over a file that cannot be read');
    return undefined;
  }
}

function tooMany(count: number, { maxDocuments }: ReadLimits): TaskFailure {
  return new TaskFailure(
    'invalid-input',
    `"sources" hold ${count} files, more than the ${maxDocuments} that one question may read. Name fewer, or a deeper folder.`,
  );
}

function tooLarge({ maxBytes }: ReadLimits): TaskFailure {
  return new TaskFailure(
    'invalid-input',
    `"sources" hold more than the ${maxBytes} bytes that one question may read. Name fewer, or a deeper folder.`,
  );
}
