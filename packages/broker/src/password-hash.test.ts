import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isHashOf, noPassword, passwordHash } from './password-hash.js';

describe('the hash of a password', () => {
  it("is the broker's: a salt of four bytes, and the SHA-256 of salt and password", () => {
    // The example of RabbitMQ's own documentation.
    const salt = Buffer.from('908DC60A', 'hex');
    expect(passwordHash('test12', salt)).toEqual({
      password_hash: 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR',
      hashing_algorithm: 'rabbit_password_hashing_sha256',
    });
  });

  it('is known again, with its own password alone', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.uint8Array({ minLength: 4, maxLength: 4 }), (one, other, salt) => {
        const hash = passwordHash(one, Buffer.from(salt));
        return isHashOf(hash, one) && isHashOf(hash, other) === (one === other);
      }),
    );
  });

  it("is no password's where there is none, or the algorithm is unknown", () => {
    expect(isHashOf(noPassword, '')).toBe(false);
    const hash = passwordHash('secret', Buffer.alloc(4));
    expect(isHashOf({ ...hash, hashing_algorithm: 'rabbit_password_hashing_argon2' }, 'secret')).toBe(false);
    expect(isHashOf({ ...hash, hashing_algorithm: 'rabbit_password_hashing_sha512' }, 'secret')).toBe(false);
  });
});
