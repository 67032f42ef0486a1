import { describe, expect, it } from '@jest/globals';
import { BrokerUnreachableError } from './exception.js';
import { connectionProblem, tlsProblem } from './tls-problem.js';

describe('tlsProblem', () => {
  it.each([
    ['CERT_NOT_YET_VALID', '', /not valid yet/],
    ['CERT_REVOKED', '', /was revoked/],
    ['ERR_SSL_X', 'SSL routines::sslv3 alert bad certificate:SSL alert number 42', /refuses our client certificate/],
    ['ECONNRESET', 'Client network socket disconnected before secure TLS connection was established', /in the middle/],
  ])('%s %s', (code, message, said) => {
    expect(tlsProblem(Object.assign(new Error(message), { code }), { hasCa: true })).toMatch(said);
  });

  it.each(['connect ECONNREFUSED 127.0.0.1:5672', 'Handshake terminated by server: 403 (ACCESS-REFUSED) with PLAIN'])(
    'has nothing to say about: %s',
    (message) => {
      expect(tlsProblem(new Error(message), { hasCa: false })).toBeUndefined();
      expect(connectionProblem(new Error(message), 'amqps://h')).toBe(message);
    },
  );

  it('is advice enough: an error that is of TLS alone gives no other', () => {
    const problem = tlsProblem(Object.assign(new Error(''), { code: 'CERT_HAS_EXPIRED' }), { hasCa: true }) ?? '';
    const message = (...refusals: string[]) =>
      new BrokerUnreachableError(new Map(refusals.map((refusal) => [refusal, refusal])), 'tried').message;
    expect(message(problem)).not.toContain('Check that it runs there');
    expect(message(problem, 'connect ECONNREFUSED')).toContain('Check that it runs there');
  });
});
