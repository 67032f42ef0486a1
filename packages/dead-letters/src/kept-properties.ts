import { type MessageProperties, routedProperties } from '@warren/broker';
import { headers as headerNames } from '@warren/tasks';
import { z } from 'zod';

/** Tables and lists in headers are kept down to this depth; what lies deeper is no sane message's. */
export const maxKeptDepth = 32;

/**
 * A message's properties and headers as JSON text, so that the message can be published again as it was. What JSON has
 * no word for is written as an object with one key: bytes `{"base64"}`, NaN and infinities `{"number"}`; a table that
 * happens to look like one of these is wrapped as `{"table"}`. AMQP timestamps and decimals stay as the client gives
 * them, `{"!": "timestamp", "value": …}`.
 */
export function keepProperties(properties: MessageProperties): string {
  const { headers, ...rest } = properties;
  return JSON.stringify({ ...rest, ...(headers === undefined ? {} : { headers: keptTable(headers, 0) }) });
}

/**
 * By what a message is known when it comes again, as text: another copy of it that the sweeper sends, and what a person
 * replays. Without what Warren and the broker write on its way, and what a replay or a death in a queue changes of it.
 */
export function identityOf({ headers = {}, ...properties }: MessageProperties): string {
  const same = Object.entries(properties).filter(
    // A message without an id is replayed with an empty one.
    ([name, value]) => name in publishable.shape && !changing.includes(name) && (name !== 'messageId' || value !== ''),
  );
  const sorted = Object.entries(sendersHeaders(headers)).sort(([a], [b]) => (a < b ? -1 : 1));
  return keepProperties({ ...Object.fromEntries(same), headers: Object.fromEntries(sorted) });
}

const changing: readonly string[] = ['deliveryMode', 'expiration'];

/** Headers that Warren writes itself. */
const insideHeaders: readonly string[] = [
  headerNames.dispatch,
  headerNames.attempt,
  headerNames.copy,
  headerNames.reasonCode,
  headerNames.error,
  headerNames.worker,
  headerNames.retryAfterMs,
  headerNames.history,
  headerNames.sourceQueue,
];

/** What a submission may carry: without the headers that Warren writes, and those that the broker does. */
export function sendersHeaders(headers: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const straight = { exchange: '', routingKey: '', headers: {}, delayed: false };
  const { headers: unrouted } = routedProperties(straight, { headers });
  return Object.fromEntries(Object.entries(unrouted).filter(([name]) => !insideHeaders.includes(name)));
}

/** The way back. Properties that only the broker sets (`userId` and the like) are left out. */
export function restoreProperties(kept: string): RestoredProperties {
  const { headers, ...rest } = publishable.parse(JSON.parse(kept));
  return { ...rest, headers: restoredTable(headers) };
}

export type RestoredProperties = Omit<z.infer<typeof publishable>, 'headers'> & {
  readonly headers: Readonly<Record<string, unknown>>;
};

type Table = Readonly<Record<string, unknown>>;

/** Not `z.record`, which drops a key "__proto__": a header may be called so. */
const someTable = z.custom<Table>((value) => typeof value === 'object' && value !== null && !Array.isArray(value));

const publishable = z.object({
  messageId: z.string().exactOptional(),
  type: z.string().exactOptional(),
  contentType: z.string().exactOptional(),
  contentEncoding: z.string().exactOptional(),
  headers: someTable.default({}),
  priority: z.number().exactOptional(),
  expiration: z.string().exactOptional(),
  correlationId: z.string().exactOptional(),
  replyTo: z.string().exactOptional(),
  timestamp: z.number().exactOptional(),
  deliveryMode: z.number().exactOptional(),
  appId: z.string().exactOptional(),
});

/** Counted by the broker anew at each delivery: with it the same message would look like another one. */
const deliveryCount = 'x-delivery-count';

function keptTable(table: Table, depth: number): Table {
  const entries = Object.entries(table).filter(([name]) => name !== deliveryCount);
  return Object.fromEntries(entries.map(([name, value]) => [name, kept(value, depth + 1)]));
}

function kept(value: unknown, depth: number): unknown {
  if (Buffer.isBuffer(value)) return { base64: value.toString('base64') };
  if (typeof value === 'number' && !isJsonNumber(value)) return { number: Object.is(value, -0) ? '-0' : String(value) };
  if (typeof value !== 'object' || value === null) return value;
  if (depth > maxKeptDepth) return { omitted: `nested deeper than ${maxKeptDepth} levels` };
  if (Array.isArray(value)) return value.map((item) => kept(item, depth + 1));
  const table = keptTable(Object.fromEntries(Object.entries(value)), depth);
  return looksMarked(table) ? { table } : table;
}

function isJsonNumber(value: number): boolean {
  return Number.isFinite(value) && !Object.is(value, -0);
}

const marked = z.union([
  z.strictObject({ base64: z.string() }).transform(({ base64 }) => Buffer.from(base64, 'base64')),
  z.strictObject({ number: z.string() }).transform(({ number }) => Number(number)),
  z.strictObject({ table: someTable }).transform(({ table }) => restoredTable(table)),
]);

/** By its keys alone: a table from elsewhere may hold anything under them. */
function looksMarked(table: Table): boolean {
  const [only, ...others] = Object.keys(table);
  return others.length === 0 && (only === 'base64' || only === 'number' || only === 'table');
}

function restoredTable(table: Table): Table {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, restored(value)]));
}

function restored(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(restored);
  if (typeof value !== 'object' || value === null) return value;
  const special = marked.safeParse(value);
  return special.success ? special.data : restoredTable(Object.fromEntries(Object.entries(value)));
}
