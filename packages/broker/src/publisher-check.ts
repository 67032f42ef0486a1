import { headerBytes, headers as headerNames } from '@warren/tasks';
import type { PublishFailure } from './exception.js';

/** What a message carries besides its body, as on the wire. */
export interface MessageProperties {
  readonly messageId?: string;
  readonly type?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly priority?: number;
  /** How long it may wait in a queue, in whole milliseconds. A string on every delivery, as on the wire. */
  readonly expiration?: string | number;
  readonly correlationId?: string;
  readonly replyTo?: string;
  /** Seconds since 1970. */
  readonly timestamp?: number;
  /** 2 (persistent) or 1. Publications are persistent unless they say 1. */
  readonly deliveryMode?: number;
  readonly appId?: string;
}

/** One message to publish. */
export interface Publication {
  /** `''` is the default exchange, whose keys are queue names. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly properties: MessageProperties & { readonly messageId: string };
  /** Fail as `unroutable` when no queue is bound. Not for the plugin's delayed exchange, which returns everything. */
  readonly mandatory?: boolean;
}

export interface SizeLimits {
  readonly maxHeaderBytes: number;
  readonly maxBodyBytes: number;
}

/** What is wrong with a publication; undefined when the broker can take it. Whatever passes here closes no channel. */
export function checkPublication(publication: Publication, limits: SizeLimits): PublishFailure | undefined {
  return checkSizes(publication, limits) ?? checkHeaders(publication) ?? checkFields(publication);
}

/** The copy that a publication is of its message, where it says so. */
export function copyOf(properties: { readonly headers?: Readonly<Record<string, unknown>> | undefined }): unknown {
  return properties.headers?.[headerNames.copy];
}

function checkSizes({ body, properties }: Publication, limits: SizeLimits): PublishFailure | undefined {
  const { maxHeaderBytes, maxBodyBytes } = limits;
  const bytes = headerBytes(properties.headers ?? {}, maxHeaderBytes);
  if (bytes > maxHeaderBytes) return { kind: 'too-large', part: 'headers', bytes, limit: maxHeaderBytes };
  if (body.byteLength > maxBodyBytes) {
    return { kind: 'too-large', part: 'body', bytes: body.byteLength, limit: maxBodyBytes };
  }
  return undefined;
}

/** Headers by which the broker would route copies elsewhere; one that is no list closes the channel. */
const routingHeaders = ['CC', 'BCC'];

function checkHeaders({ properties }: Publication): PublishFailure | undefined {
  const found = routingHeaders.find((name) => properties.headers?.[name] !== undefined);
  return found === undefined
    ? undefined
    : invalid(`header "${found}"`, 'would route copies past the exchange: remove it');
}

/** The longest per-message TTL that the broker takes, in milliseconds; a longer one closes the channel. */
const maxExpirationMs = 2 ** 32 - 1;

/** AMQP's short strings: at most 255 bytes. */
const shortStrings = [
  'messageId',
  'type',
  'contentType',
  'contentEncoding',
  'correlationId',
  'replyTo',
  'appId',
] as const;

function checkFields({ exchange, routingKey, properties }: Publication): PublishFailure | undefined {
  const { expiration, priority, deliveryMode, timestamp } = properties;
  const texts = [
    ['exchange', exchange] as const,
    ['routing key', routingKey] as const,
    ...shortStrings.map((name) => [name, properties[name]] as const),
  ];
  const long = texts.find(([, text]) => text !== undefined && Buffer.byteLength(text) > 255);
  if (long) return invalid(long[0], 'is longer than 255 bytes: shorten it');
  if (expiration !== undefined && !(/^\d{1,10}$/.test(String(expiration)) && Number(expiration) <= maxExpirationMs)) {
    return invalid('expiration', `is not a whole number of milliseconds up to ${maxExpirationMs}`);
  }
  if (priority !== undefined && !isWholeNumber(priority, 255))
    return invalid('priority', 'is not a whole number from 0 to 255');
  if (deliveryMode !== undefined && deliveryMode !== 1 && deliveryMode !== 2)
    return invalid('deliveryMode', 'is neither 1 nor 2');
  if (timestamp !== undefined && !isWholeNumber(timestamp, Number.MAX_SAFE_INTEGER)) {
    return invalid('timestamp', 'is not a whole number of seconds since 1970');
  }
  return undefined;
}

function isWholeNumber(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= max;
}

function invalid(field: string, message: string): PublishFailure {
  return { kind: 'invalid', field, message };
}
