import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { logsInByCertificate, withTlsSettings } from './connection-tls.js';

const client = { WARREN_TLS_CERT: '/c.pem', WARREN_TLS_KEY: '/k.pem' };

describe('withTlsSettings', () => {
  it.each([
    ['amqps://h/v', { WARREN_TLS_CA: '/a b.pem' }, 'amqps://h/v?cacertfile=%2Fa%20b.pem'],
    ['amqps://h/v?heartbeat=5', { WARREN_TLS_CA: '/a' }, 'amqps://h/v?heartbeat=5&cacertfile=%2Fa'],
    ['amqps://h/v?cacertfile=/mine', { WARREN_TLS_CA: '/a' }, 'amqps://h/v?cacertfile=/mine'],
    ['amqps://h/v', client, 'amqps://h/v?certfile=%2Fc.pem&keyfile=%2Fk.pem'],
    ['amqps://a/v,amqps://b/v', { WARREN_TLS_CA: '/a' }, 'amqps://a/v?cacertfile=%2Fa,amqps://b/v?cacertfile=%2Fa'],
    ['amqps://u:p@a:1,b:2/v', { WARREN_TLS_CA: '/a' }, 'amqps://u:p@a:1,b:2/v?cacertfile=%2Fa'],
    ['amqp://a/v,amqps://b/v', { WARREN_TLS_CA: '/a' }, 'amqp://a/v,amqps://b/v?cacertfile=%2Fa'],
    ['amqp://h/v', { WARREN_TLS_CA: '', WARREN_TLS_KEY: ' ' }, 'amqp://h/v'],
  ])('%s with %j is %s', (url, env, expected) => {
    expect(withTlsSettings(url, env)).toBe(expected);
    // Whoever hands an address on may hand the variables on too.
    expect(withTlsSettings(withTlsSettings(url, env), env)).toBe(expected);
  });

  it('takes a relative path from the working directory, whoever reads it later', () => {
    const expected = `amqps://h?cacertfile=${encodeURIComponent(resolve('ca.pem'))}`;
    expect(withTlsSettings('amqps://h', { WARREN_TLS_CA: 'ca.pem' })).toBe(expected);
  });

  it('refuses settings that would do nothing, or half of it', () => {
    expect(() => withTlsSettings('amqp://u:secret@h', { WARREN_TLS_CA: '/a' })).toThrow(/not encrypted: write amqps/);
    expect(() => withTlsSettings('amqp://u:secret@h', { WARREN_TLS_CA: '/a' })).not.toThrow('secret');
    expect(() => withTlsSettings('amqps://h', { WARREN_TLS_CERT: '/c' })).toThrow(/go together/);
  });
});

describe('logsInByCertificate', () => {
  it.each([
    ['amqps://h?certfile=/c', true],
    ['amqps://name@h?certfile=/c', true],
    ['amqps://u:p@h?certfile=/c', false],
    ['amqps://h?cacertfile=/a', false],
    ['amqp://h?certfile=/c', false],
  ])('%s: %s', (url, expected) => expect(logsInByCertificate(url)).toBe(expected));
});
