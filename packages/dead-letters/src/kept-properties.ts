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
 * Without what two copies of one message differ in: the copy's name, and what the broker wrote on the way of each. By the
 * rest, a copy that the sweeper sends is known for the message that was met before.
 */
export function withoutCopyMarks(properties: MessageProperties): MessageProperties {
  const straight = { exchange: '', routingKey: '', headers: {}, delayed: false };
  const { headers, ...rest } = routedProperties(straight, properties);
  const { [headerNames.copy]: _, ...same } = headers;
  return { ...rest, headers: same };
}

/** The way back. Properties that only the broker sets (`userId` and the like) are left out. */
export function restoreProperties(kept: string): RestoredProperties {
  const { headers, ...rest } = publishable.parse(JSON.parse(kept));
  return { ...rest, headers: restoredTable(headers) };
}

export type RestoredProperties = Omit<z.infer<typeof publishable>, 'headers'> & {
  readonly headers: Readonly<Record<string, unknown>>;
};

const publishable = z.object({
  messageId: z.string().exactOptional(),
  type: z.string().exactOptional(),
  contentType: z.string().exactOptional(),
  contentEncoding: z.string().exactOptional(),
  headers: z.record(z.string(), z.unknown()).default({}),
  priority: z.number().exactOptional(),
  expiration: z.string().exactOptional(),
  correlationId: z.string().exactOptional(),
  replyTo: z.string().exactOptional(),
  timestamp: z.number().exactOptional(),
  deliveryMode: z.number().exactOptional(),
  appId: z.string().exactOptional(),
});

type Table = Readonly<Record<string, unknown>>;

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
  z.strictObject({ table: z.record(z.string(), z.unknown()) }).transform(({ table }) => restoredTable(table)),
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
