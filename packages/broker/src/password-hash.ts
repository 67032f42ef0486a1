import { createHash, timingSafeEqual } from 'node:crypto';

/** A password as RabbitMQ keeps it and as its management API takes it. */
export interface PasswordHash {
  /** Base64 of a salt of 4 bytes and the digest of salt and password. Empty: none, so no password lets the user in. */
  readonly password_hash: string;
  readonly hashing_algorithm: string;
}

const saltBytes = 4;

/** RabbitMQ's algorithms that need no more than a digest. The first is its default since 3.6. */
const digests: Readonly<Record<string, 'sha256' | 'sha512' | 'md5'>> = {
  rabbit_password_hashing_sha256: 'sha256',
  rabbit_password_hashing_sha512: 'sha512',
  rabbit_password_hashing_md5: 'md5',
};

/** Of a user that logs in by certificate alone. */
export const noPassword: PasswordHash = { password_hash: '', hashing_algorithm: 'rabbit_password_hashing_sha256' };

/** Sent in place of the password, so that neither a wire without TLS nor a log of the broker sees it. `salt`: 4 random bytes. */
export function passwordHash(password: string, salt: Buffer): PasswordHash {
  if (salt.length !== saltBytes) throw new RangeError(`a salt has ${saltBytes} bytes, not ${salt.length}`);
  return {
    password_hash: Buffer.concat([salt, digestOf('sha256', salt, password)]).toString('base64'),
    hashing_algorithm: 'rabbit_password_hashing_sha256',
  };
}

/** Whether this is the hash of the password. False for an algorithm that is unknown here. */
export function isHashOf(
  { password_hash: hash, hashing_algorithm: algorithm }: PasswordHash,
  password: string,
): boolean {
  const digest = digests[algorithm];
  const bytes = Buffer.from(hash, 'base64');
  if (digest === undefined || bytes.length <= saltBytes) return false;
  const [salt, kept] = [bytes.subarray(0, saltBytes), bytes.subarray(saltBytes)];
  const made = digestOf(digest, salt, password);
  return made.length === kept.length && timingSafeEqual(made, kept);
}

function digestOf(digest: 'sha256' | 'sha512' | 'md5', salt: Buffer, password: string): Buffer {
  return createHash(digest).update(salt).update(password, 'utf8').digest();
}
