import * as http from 'node:http';
import * as https from 'node:https';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TlsMaterial } from './connection-tls.js';
import { messageOf } from './exception.js';
import { brokerAddress, brokerTls } from './inspect-connection.js';
import { tlsProblem } from './tls-problem.js';

/** How long one call to the management API may take, in milliseconds. */
const managementTimeoutMs = 5_000;

/** Where the management API is, and who asks. `baseUrl` holds no credentials, so it may be shown. */
export interface ManagementAddress {
  readonly baseUrl: string;
  /** Empty where nothing says it: the broker's address logs in by certificate, and the management API asks for a password. */
  readonly username: string;
  readonly password: string;
  /** For https: default, whom Node trusts. */
  readonly tls?: TlsMaterial;
}

/**
 * Reads `WARREN_MANAGEMENT_URL`. Without it: the AMQP URL's host, port 15672 (with `amqps`: HTTPS, port 15671).
 * Without credentials in it: those of the AMQP URL. With HTTPS: the certificates of an `amqps` URL. Throws a TlsFileError.
 */
export function managementAddress(amqpUrl: string, managementUrl?: string): ManagementAddress {
  const broker = brokerAddress(amqpUrl);
  if (managementUrl === undefined) {
    const baseUrl = broker.tls ? `https://${broker.host}:15671` : `http://${broker.host}:15672`;
    return { baseUrl, username: broker.username, password: broker.password, ...tlsOf(baseUrl, amqpUrl) };
  }
  const url = URL.canParse(managementUrl) ? new URL(managementUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new Error('WARREN_MANAGEMENT_URL is no http or https URL: write it as http://host:15672');
  }
  const baseUrl = `${url.protocol}//${url.host}${url.pathname.replace(/\/$/, '')}`;
  return {
    baseUrl,
    username: url.username === '' ? broker.username : decodeURIComponent(url.username),
    password: url.username === '' ? broker.password : decodeURIComponent(url.password),
    ...tlsOf(baseUrl, amqpUrl),
  };
}

function tlsOf(baseUrl: string, amqpUrl: string): Pick<ManagementAddress, 'tls'> {
  if (!baseUrl.startsWith('https:')) return {};
  const tls = brokerTls(amqpUrl);
  return Object.keys(tls).length === 0 ? {} : { tls };
}

/** How long a management API that answers with 5xx is asked again, and how soon, in milliseconds. */
const startsWithinMs = 5_000;
const askAgainMs = 250;

/**
 * `unreachable`: no answer that is the management API's. `refused`: it does not let this user in (401, 403).
 * `failed`: it answered with another error `status`.
 */
export type ManagementFailure = 'unreachable' | 'refused' | 'failed';

export class ManagementError extends Error {
  override readonly name = 'ManagementError';
  readonly failure: ManagementFailure;
  readonly status: number | undefined;

  constructor(failure: ManagementFailure, status: number | undefined, message: string) {
    super(message);
    this.failure = failure;
    this.status = status;
  }
}

/** One call. Resolves to the parsed JSON of the answer, `undefined` where it has no body. Rejects with {@link ManagementError}. */
export async function request(
  address: ManagementAddress,
  method: 'GET' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<unknown> {
  const call = `${method} ${address.baseUrl}${path}`;
  if (address.username === '') throw nobodyAsks(call);
  const sent = body === undefined ? undefined : JSON.stringify(body);
  const { status, text } = await settledAnswer(call, address, { method, path, sent });
  if (status >= 400) throw statusError(call, address, status, text);
  if (status >= 300) throw unreachable(`${call} was answered with a redirection (${status})`);
  return text === '' ? undefined : jsonOf(call, text);
}

/** The clock that the server's answer shows, in epoch milliseconds, cut off to whole seconds. Rejects as {@link request} does. */
export async function serverClock(address: ManagementAddress, path: string): Promise<number> {
  const call = `GET ${address.baseUrl}${path}`;
  const { date } = await answerTo(call, address, { method: 'GET', path, sent: undefined });
  const clock = Date.parse(date ?? '');
  if (Number.isNaN(clock)) throw unreachable(`the answer to ${call} has no date`);
  return clock;
}

/**
 * A node that has just started answers with 500 until its statistics stand. What only reads is asked again; what writes may
 * have been done.
 */
async function settledAnswer(call: string, address: ManagementAddress, asked: Call): ReturnType<typeof answerTo> {
  const end = performance.now() + startsWithinMs;
  for (;;) {
    const answer = await answerTo(call, address, asked);
    if (answer.status < 500 || asked.method !== 'GET' || performance.now() > end) return answer;
    await sleep(askAgainMs);
  }
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly sent: string | undefined;
}

async function answerTo(
  call: string,
  address: ManagementAddress,
  { method, path, sent }: Call,
): Promise<{ status: number; text: string; date: string | undefined }> {
  const signal = AbortSignal.timeout(managementTimeoutMs);
  try {
    const incoming = await send(
      new URL(`${address.baseUrl}${path}`),
      {
        method,
        headers: { authorization: basic(address), 'content-type': 'application/json' },
        signal,
        // A connection of its own: one that was kept may be closed by the other side just now.
        agent: false,
        ...address.tls,
      },
      sent,
    );
    return { status: incoming.statusCode ?? 0, text: await textOf(incoming), date: incoming.headers.date };
  } catch (error) {
    if (signal.aborted) throw unreachable(`no answer to ${call} (waited ${managementTimeoutMs} ms)`);
    const problem = tlsProblem(error, { hasCa: address.tls?.ca !== undefined });
    if (problem !== undefined) throw new ManagementError('unreachable', undefined, `no answer to ${call}. ${problem}`);
    throw unreachable(`no answer to ${call} (${messageOf(error)})`);
  }
}

/** Node's own `fetch` can't be told whom to trust. */
function send(url: URL, options: https.RequestOptions, body: string | undefined): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === 'https:' ? https : http;
    request(url, options, resolve).once('error', reject).end(body);
  });
}

function nobodyAsks(call: string): ManagementError {
  return new ManagementError(
    'refused',
    undefined,
    `${call} was not sent: the broker's URL logs in by certificate, and the management API takes user and password: put them into WARREN_MANAGEMENT_URL`,
  );
}

function statusError(call: string, address: ManagementAddress, status: number, text: string): ManagementError {
  if (status === 401 || status === 403) {
    return new ManagementError(
      'refused',
      status,
      `${call} was refused (${status}): give user "${address.username}" the tag "policymaker" or "administrator", or correct the credentials in WARREN_MANAGEMENT_URL`,
    );
  }
  return new ManagementError('failed', status, `${call} failed (${status}): ${text.slice(0, 500)}`);
}

function jsonOf(call: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreachable(`${call} answered with something other than JSON`);
  }
}

function unreachable(what: string): ManagementError {
  const next = 'enable the plugin rabbitmq_management there, or set WARREN_MANAGEMENT_URL to where it is';
  return new ManagementError('unreachable', undefined, `${what}: ${next}`);
}

function basic({ username, password }: ManagementAddress): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
