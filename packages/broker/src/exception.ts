import { isNativeError } from 'node:util/types';

/** Why a channel is gone, ranked by what died. */
export type ChannelLoss =
  /** The broker closed this channel alone, or would not open it; it is opened again. `code` is AMQP's: 404 no such queue or exchange, 406 precondition failed. */
  | { readonly kind: 'channel-lost'; readonly code: number | undefined; readonly message: string }
  /** The connection is gone with everything on it; it is opened again. */
  | { readonly kind: 'connection-lost'; readonly message: string }
  /** We closed the connection: nothing is opened again. */
  | { readonly kind: 'closed'; readonly message: string };

/** Why a publish has not happened, as far as its caller may assume. */
export type PublishFailure =
  // The publish alone failed.
  /** It can't be encoded, or the broker would close the channel over it. */
  | { readonly kind: 'invalid'; readonly field: string; readonly message: string }
  /** Headers or body are over the limit, both in bytes. */
  | { readonly kind: 'too-large'; readonly part: 'headers' | 'body'; readonly bytes: number; readonly limit: number }
  /** The broker answered basic.nack: the queue is full (`reject-publish`) or failed. */
  | { readonly kind: 'nacked' }
  /** The broker answered basic.return: no queue is bound for this key. Only where `mandatory`. */
  | { readonly kind: 'unroutable' }
  /** So many publishes wait for a place already that this one was turned away. */
  | { readonly kind: 'overloaded'; readonly waiting: number }
  /** Nothing came in time. After waiting for a confirm the broker may have the message nevertheless. */
  | {
      readonly kind: 'timed-out';
      readonly waitedFor: 'connection' | 'channel' | 'place' | 'confirm';
      readonly timeoutMs: number;
    }
  /** The broker takes nothing (memory or disk alarm), and went on so until the timeout. */
  | { readonly kind: 'blocked'; readonly reason: string; readonly timeoutMs: number }
  // The channel or the connection died before the confirm: the broker may have the message nevertheless.
  | ChannelLoss;

/** Every rejection of `publish` is one of these; `failure.kind` says which. */
export class PublishError extends Error {
  override readonly name = 'PublishError';
  readonly failure: PublishFailure;

  constructor(
    failure: PublishFailure,
    to: { readonly exchange: string; readonly routingKey: string; readonly messageId: string },
  ) {
    const target = `message ${shown(to.messageId)} to exchange "${shown(to.exchange)}" with key "${shown(to.routingKey)}"`;
    super(`could not publish ${target}: ${describePublishFailure(failure)}`);
    this.failure = failure;
  }
}

/** What happened and what to do next. */
function describePublishFailure(failure: PublishFailure): string {
  switch (failure.kind) {
    case 'invalid':
      return `${failure.field} ${failure.message}`;
    case 'too-large':
      return `its ${failure.part} take ${failure.bytes} bytes, at most ${failure.limit}: pass larger input by reference`;
    case 'nacked':
      return 'the broker refused it: the queue is full or failed; publish again later, or let its workers catch up';
    case 'unroutable':
      return 'no queue is bound for it: apply the topology, or correct the key';
    case 'overloaded':
      return `${failure.waiting} publishes wait already: submit more slowly`;
    case 'timed-out':
      return `within ${failure.timeoutMs} ms ${describeWait(failure.waitedFor)}`;
    case 'blocked':
      return `the broker has blocked publishers for more than ${failure.timeoutMs} ms (${failure.reason}): free its memory or disk, then publish again`;
    case 'channel-lost':
    case 'connection-lost':
      return `no confirm came before the channel was lost (${failure.message}); publish again: a duplicate is possible`;
    case 'closed':
      return failure.message;
  }
}

function describeWait(waitedFor: (PublishFailure & { kind: 'timed-out' })['waitedFor']): string {
  switch (waitedFor) {
    case 'connection':
      return 'there was no connection to RabbitMQ: check that it runs';
    case 'channel':
      return 'no channel could be opened: the log says why';
    case 'place':
      return 'no place came free behind the publishes ahead of it: submit more slowly';
    case 'confirm':
      return 'no confirm came: publish again, a duplicate is possible';
  }
}

/** No broker let us in within the time given to connect. The message names each address that refused, never credentials. */
export class BrokerUnreachableError extends Error {
  override readonly name = 'BrokerUnreachableError';
  /** Address to the last thing that went wrong there. */
  readonly refusals: ReadonlyMap<string, string>;

  constructor(refusals: ReadonlyMap<string, string>, reason: string) {
    const list = [...refusals].map(([address, refusal]) => `${address}: ${refusal}`).join('; ');
    const isTold = [...refusals.values()].every((refusal) => refusal.startsWith(toldPrefix));
    const next = isTold ? '' : ". Check that it runs there, and the URL's user and vhost";
    super(`no connection to RabbitMQ, ${reason}: ${list}${next}`);
    this.refusals = refusals;
  }
}

/** Begins a refusal by TLS, which says what to do by itself. */
export const toldPrefix = 'TLS: ';

/** A bounded line from whatever was thrown. */
export function messageOf(thrown: unknown): string {
  // Node tries each address of a name and joins what each answered in an error without a message of its own.
  const several = isNativeError(thrown) && thrown.message === '' && 'errors' in thrown ? thrown.errors : undefined;
  const texts = (Array.isArray(several) ? several : [thrown]).map(textOf);
  return texts.join(', ').slice(0, 500);
}

/** AMQP's reply code, where the thrown value carries one. */
export function replyCodeOf(thrown: unknown): number | undefined {
  return isNativeError(thrown) && 'code' in thrown && typeof thrown.code === 'number' ? thrown.code : undefined;
}

function textOf(thrown: unknown): string {
  return isNativeError(thrown) ? thrown.message || thrown.name : String(thrown);
}

function shown(text: string): string {
  return text.length > 255 ? `${text.slice(0, 255)}…` : text;
}
