import type { RawFile, RawPage, SourceReader } from '@warren/sources';
import { type SourceReference, TaskFailure } from '@warren/tasks';
import type { HandlerContext } from '@warren/worker';
import { logPassedOver, passOver } from './passed-over.js';

/** How much one question may read. */
export interface FetchLimits {
  /** Files and pages. Default 2,000. */
  readonly maxDocuments: number;
  /** Bytes of all of them together, as read. Default 16 MiB, whose index fits the memory of one thread. */
  readonly maxBytes: number;
  /** Reads at the same time. Default 4. */
  readonly concurrency: number;
}

export const defaultFetchLimits: FetchLimits = { maxDocuments: 2_000, maxBytes: 16 * 1024 * 1024, concurrency: 4 };

/** A file or page to fetch, and whether the submitter named it or a folder held it. */
interface Wanted {
  readonly reference: SourceReference;
  readonly named: boolean;
}

/** A source as it came. One that was named must be readable; one that a folder held need not be. */
export interface FetchedSource {
  readonly raw: RawFile | RawPage;
  readonly named: boolean;
}

type FetchContext = Pick<HandlerContext, 'signal' | 'progress' | 'log'>;

/**
 * Fetches every source, folders recursively, none twice, in the order given; none of an empty folder. If a source that
 * was named can't be fetched, the task fails as the reader says. A file that a folder held and that can't be fetched for
 * good is passed over with a warning in the log. Fails with `invalid-input` above the limits.
 */
export async function fetchSources(
  sources: readonly SourceReference[],
  reader: SourceReader,
  context: FetchContext,
  limits: FetchLimits,
): Promise<FetchedSource[]> {
  const wanted = await listSources(sources, reader, context);
  if (wanted.length > limits.maxDocuments) throw tooMany(wanted.length, limits);
  return fetchAll(wanted, reader, context, limits);
}

export function nameOf(source: SourceReference): string {
  return source.kind === 'file' ? source.path : source.url;
}

async function listSources(
  sources: readonly SourceReference[],
  reader: SourceReader,
  { signal, progress }: FetchContext,
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

async function fetchAll(
  wanted: readonly Wanted[],
  reader: SourceReader,
  context: FetchContext,
  limits: FetchLimits,
): Promise<FetchedSource[]> {
  const fetched = new Map<number, FetchedSource>();
  const queue = wanted.entries();
  const stop = new AbortController();
  const fetching = { ...context, signal: AbortSignal.any([context.signal, stop.signal]) };
  let bytes = 0;
  const fetchOn = async () => {
    for (const [index, next] of queue) {
      fetching.signal.throwIfAborted();
      context.progress({ message: `reading ${nameOf(next.reference)}`, done: index, total: wanted.length });
      const source = await fetchOne(next, reader, fetching);
      if (source === undefined) continue;
      bytes += source.raw.bytes.length;
      if (bytes > limits.maxBytes) throw tooLarge(limits);
      fetched.set(index, source);
    }
  };
  try {
    await Promise.all(Array.from({ length: limits.concurrency }, fetchOn));
  } catch (error) {
    stop.abort(error);
    throw error;
  }
  return [...fetched].sort(([a], [b]) => a - b).map(([, source]) => source);
}

async function fetchOne(
  { reference, named }: Wanted,
  reader: SourceReader,
  { signal, log }: FetchContext,
): Promise<FetchedSource | undefined> {
  try {
    return { raw: await reader.fetch(reference, { signal }), named };
  } catch (error) {
    signal.throwIfAborted();
    logPassedOver(log, passOver(error, { name: nameOf(reference), named }));
    return undefined;
  }
}

function tooMany(count: number, { maxDocuments }: FetchLimits): TaskFailure {
  return new TaskFailure(
    'invalid-input',
    `"sources" hold ${count} files, more than the ${maxDocuments} that one question may read. Name fewer, or a deeper folder.`,
  );
}

function tooLarge({ maxBytes }: FetchLimits): TaskFailure {
  return new TaskFailure(
    'invalid-input',
    `"sources" hold more than the ${maxBytes} bytes that one question may read. Name fewer, or a deeper folder.`,
  );
}
