import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { credentials } from 'amqplib';
import { z } from 'zod';
import { BrokerUrlError, eachUrl } from './connection-urls.js';
import { messageOf } from './exception.js';

/** The variables that say what a connection by TLS is made with: paths of PEM files, relative ones from the working directory. */
export const tlsEnvironment = z.object({
  /** Whom to trust instead of the authorities that Node knows: one certificate or several. */
  WARREN_TLS_CA: z.string().optional(),
  /** The certificate that the broker is shown, with those between it and its authority. */
  WARREN_TLS_CERT: z.string().optional(),
  WARREN_TLS_KEY: z.string().optional(),
});

type TlsVariable = keyof z.infer<typeof tlsEnvironment>;

/** How RabbitMQ's own clients write the same in an AMQP URL. */
const parameters = {
  WARREN_TLS_CA: 'cacertfile',
  WARREN_TLS_CERT: 'certfile',
  WARREN_TLS_KEY: 'keyfile',
} as const satisfies Record<TlsVariable, string>;

const variables = ['WARREN_TLS_CA', 'WARREN_TLS_CERT', 'WARREN_TLS_KEY'] as const;

/** The variables don't go together, or not with the URL: bad usage. */
export class TlsSettingsError extends BrokerUrlError {
  readonly code = 'usage';
  readonly exitCode = 2;
  readonly field: TlsVariable;

  constructor(field: TlsVariable, message: string) {
    super(message);
    this.field = field;
  }
}

/**
 * The broker's address with what the variables say about TLS, as parameters of each `amqps` URL in it, so that whoever
 * gets the address has all of it. A URL's own parameters win; an empty variable says nothing. Throws a TlsSettingsError where
 * the variables are set and no URL is `amqps`, or one of certificate and key is missing.
 */
export function withTlsSettings(amqpUrl: string, env: { readonly [Name in TlsVariable]?: string | undefined }): string {
  const given = variables.flatMap((name) => {
    const file = env[name]?.trim() ?? '';
    return file === '' ? [] : [{ name, file: resolve(file) }];
  });
  const [first] = given;
  if (first === undefined) return amqpUrl;
  const names = given.map(({ name }) => name);
  if (names.includes('WARREN_TLS_CERT') !== names.includes('WARREN_TLS_KEY')) {
    throw new TlsSettingsError(first.name, 'WARREN_TLS_CERT and WARREN_TLS_KEY go together: set both, or none of them');
  }
  if (!/(^|,)\s*amqps:\/\//i.test(amqpUrl)) {
    throw new TlsSettingsError(
      first.name,
      `${first.name} is set, but the broker's URL is amqp://, which is not encrypted: write amqps://, with port 5671 unless the broker has another, or unset ${names.join(', ')}`,
    );
  }
  return eachUrl(amqpUrl, (url) => (isTls(url) ? given.reduce(addFile, url) : url));
}

function addFile(url: string, { name, file }: { readonly name: TlsVariable; readonly file: string }): string {
  const parameter = parameters[name];
  if (new RegExp(`[?&]${parameter}=`).test(url)) return url;
  return `${url}${url.includes('?') ? '&' : '?'}${parameter}=${encodeURIComponent(file)}`;
}

function isTls(url: string): boolean {
  return /^\s*amqps:/i.test(url);
}

/** What the files hold that a URL names. */
export interface TlsMaterial {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** A file for TLS is not what it should be. The message names it and says what to do. */
export class TlsFileError extends Error {
  override readonly name = 'TlsFileError';
}

/**
 * Reads the files that an `amqps` URL names; nothing for another URL. Read anew for each connection, so a certificate that
 * was renewed is used from the next one on. Throws a TlsFileError.
 */
export function tlsMaterialOf(url: string): TlsMaterial {
  if (!isTls(url)) return {};
  const given = new URL(url).searchParams;
  const read = (name: TlsVariable) => readPem(name, given.get(parameters[name]) ?? '');
  const [ca, cert, key] = [read('WARREN_TLS_CA'), read('WARREN_TLS_CERT'), read('WARREN_TLS_KEY')];
  const material = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  if (cert !== undefined || key !== undefined) assertPair(material);
  return material;
}

/** What amqplib is given beside the URL. Without a password in the URL, the client's certificate says who connects. */
export function tlsOptionsOf(
  url: string,
): TlsMaterial & { readonly credentials?: ReturnType<typeof credentials.external> } {
  const material = tlsMaterialOf(url);
  return { ...material, ...(logsInByCertificate(url) ? { credentials: credentials.external() } : {}) };
}

/** Whether a connection logs in by its certificate (EXTERNAL): it shows one, and its URL has no password. */
export function logsInByCertificate(url: string): boolean {
  if (!isTls(url)) return false;
  const { password, searchParams } = new URL(url);
  return password === '' && (searchParams.get(parameters.WARREN_TLS_CERT) ?? '') !== '';
}

function readPem(name: TlsVariable, file: string): Buffer | undefined {
  if (file === '') return undefined;
  const pem = readOrExplain(name, file);
  if (name !== 'WARREN_TLS_KEY') {
    // Node takes a file without a certificate for one with none to trust, and then trusts nobody.
    if (!isCertificate(pem)) throw new TlsFileError(`${name}: ${file} holds no certificate: name a file in PEM format`);
  } else if (/ENCRYPTED/.test(pem.toString('latin1'))) {
    throw new TlsFileError(
      `${name}: the key in ${file} is encrypted: name one without a passphrase, readable by its user alone`,
    );
  }
  return pem;
}

function readOrExplain(name: TlsVariable, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new TlsFileError(`${name}: ${messageOf(error)}: name a PEM file that this user can read`);
  }
}

function isCertificate(pem: Buffer): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== '';
  } catch {
    return false;
  }
}

function assertPair({ cert, key }: TlsMaterial): void {
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new TlsFileError(
      `WARREN_TLS_CERT and WARREN_TLS_KEY can't be used together (${messageOf(error)}): name a certificate and the key that it was made for, both in PEM format`,
    );
  }
}
