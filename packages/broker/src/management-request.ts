import { messageOf } from './exception.js';
import { brokerAddress } from './inspect-connection.js';

/** How long one call to the management API may take, in milliseconds. */
const managementTimeoutMs = 5_000;

/** Where the management API is, and who asks. `baseUrl` holds no credentials, so it may be shown. */
export interface ManagementAddress {
  readonly baseUrl: string;
  readonly username: string;
  readonly password: string;
}

/**
 * Reads `WARREN_MANAGEMENT_URL`. Without it: the AMQP URL's host, port 15672 (with `amqps`: HTTPS, port 15671).
 * Without credentials in it: those of the AMQP URL.
 */
export function managementAddress(amqpUrl: string, managementUrl?: string): ManagementAddress {
  const broker = brokerAddress(amqpUrl);
  if (managementUrl === undefined) {
    const baseUrl = broker.tls ? `https://${broker.host}:15671` : `http://${broker.host}:15672`;
    return { baseUrl, username: broker.username, password: broker.password };
  }
  const url = URL.canParse(managementUrl) ? new URL(managementUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new Error('WARREN_MANAGEMENT_URL is no http or https URL: write it as http://host:15672');
  }
  return {
    baseUrl: `${url.protocol}//${url.host}${url.pathname.replace(/\/$/, '')}`,
    username: url.username === '' ? broker.username : decodeURIComponent(url.username),
    password: url.username === '' ? broker.password : decodeURIComponent(url.password),
  };
}

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
  const { status, text } = await answerTo(call, () =>
    fetch(`${address.baseUrl}${path}`, {
      method,
      headers: { authorization: basic(address), 'content-type': 'application/json' },
      signal: AbortSignal.timeout(managementTimeoutMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  );
  if (status >= 400) throw statusError(call, address, status, text);
  return text === '' ? undefined : jsonOf(call, text);
}

/** The clock that the server's answer shows, in epoch milliseconds, cut off to whole seconds. Rejects as {@link request} does. */
export async function serverClock(address: ManagementAddress, path: string): Promise<number> {
  const call = `GET ${address.baseUrl}${path}`;
  const { date } = await answerTo(call, () =>
    fetch(`${address.baseUrl}${path}`, {
      headers: { authorization: basic(address) },
      signal: AbortSignal.timeout(managementTimeoutMs),
    }),
  );
  const clock = Date.parse(date ?? '');
  if (Number.isNaN(clock)) throw unreachable(`the answer to ${call} has no date`);
  return clock;
}

async function answerTo(
  call: string,
  send: () => Promise<Response>,
): Promise<{ status: number; text: string; date: string | null }> {
  try {
    const response = await send();
    return { status: response.status, text: await response.text(), date: response.headers.get('date') };
  } catch (error) {
    throw unreachable(`no answer to ${call} (${reasonOf(error)})`);
  }
}

/** Node's fetch says only "fetch failed"; what failed is its cause. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `waited ${managementTimeoutMs} ms`;
  return messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
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
