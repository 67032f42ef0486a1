import { isNativeError } from 'node:util/types';
import { TlsFileError } from './connection-tls.js';
import { messageOf, toldPrefix } from './exception.js';

const distrusted = "the broker's certificate is signed by nobody who is trusted here";
const expired = "the broker's certificate, or its authority's, has expired: renew it, or correct this machine's clock";

/** Why a connection to this URL failed, in words. */
export function connectionProblem(error: unknown, url: string): string {
  if (error instanceof TlsFileError) return `${toldPrefix}${error.message}`;
  return tlsProblem(error, { hasCa: /[?&]cacertfile=./.test(url) }) ?? plainTalkProblem(error, url) ?? messageOf(error);
}

/** A broker that waits for TLS hangs up on who begins without. */
function plainTalkProblem(error: unknown, url: string): string | undefined {
  const said = messageOf(error);
  if (!url.startsWith('amqp:') || !/closed abruptly during opening handshake|ECONNRESET/.test(said)) return undefined;
  return `${said}; if this port is the one for TLS, write amqps://`;
}

/**
 * A problem of TLS in words, with what to do about it; undefined for an error that is none. Pure.
 * @param hasCa whether WARREN_TLS_CA says whom to trust.
 */
export function tlsProblem(error: unknown, { hasCa }: { readonly hasCa: boolean }): string | undefined {
  const said = problemOf(error, hasCa);
  return said === undefined ? undefined : `${toldPrefix}${said}`;
}

function problemOf(error: unknown, hasCa: boolean): string | undefined {
  const code = textOf(error, 'code');
  switch (code) {
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_SIGNATURE_FAILURE':
      return hasCa
        ? `${distrusted}: WARREN_TLS_CA must name the certificate of the authority that signed it (${code})`
        : `${distrusted}: set WARREN_TLS_CA to the certificate of the authority that signed it (${code})`;
    case 'CERT_HAS_EXPIRED':
      return expired;
    case 'CERT_NOT_YET_VALID':
      return "the broker's certificate is not valid yet: correct this machine's clock, or the broker's certificate";
    case 'CERT_REVOKED':
      return "the broker's certificate was revoked: give the broker another";
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the broker's certificate is not for this host name (${textOf(error, 'reason') ?? messageOf(error)}): use a name that it holds in the URL, or give the broker a certificate with this one`;
    default:
  }
  if (/wrong version number|packet length too long/.test(messageOf(error))) return noTlsThere;
  return alertOf(messageOf(error)) ?? handshakeOf(messageOf(error));
}

const noTlsThere =
  'no TLS is spoken at this port: use the one for TLS (5671 for AMQP, 15671 for management, unless configured), or write amqp:// or http://';

/** What the broker said about us in a TLS alert. */
function alertOf(message: string): string | undefined {
  if (/alert certificate required/i.test(message))
    return 'the broker asks for a client certificate: set WARREN_TLS_CERT and WARREN_TLS_KEY';
  // What TLS 1.2 says of a missing certificate, and of much else.
  if (/alert handshake failure/i.test(message))
    return 'the broker refused the handshake: it asks for a client certificate (set WARREN_TLS_CERT and WARREN_TLS_KEY), or shares no version or cipher of TLS with us';
  if (/alert unknown ca/i.test(message))
    return 'the broker does not trust our client certificate: have it signed by an authority that the broker trusts (ssl_options.cacertfile)';
  if (/alert certificate expired/i.test(message)) return 'our client certificate has expired: renew WARREN_TLS_CERT';
  if (/alert (bad certificate|certificate unknown|certificate revoked|unsupported certificate)/i.test(message))
    return `the broker refuses our client certificate (${message}): give WARREN_TLS_CERT another, for client authentication; the broker's log says more`;
  return undefined;
}

function handshakeOf(message: string): string | undefined {
  if (/disconnected before secure TLS connection was established/.test(message))
    return 'the connection was closed in the middle of the TLS handshake: see whether the port is the one for TLS, and the log of the broker';
  if (/mechanism EXTERNAL is not provided/i.test(message))
    return 'the broker takes no login by certificate: enable the plugin rabbitmq_auth_mechanism_ssl and add EXTERNAL to auth_mechanisms, or put user and password into the URL';
  if (/^Handshake terminated by server: 403\b.*EXTERNAL/s.test(message))
    return "the broker knows no user of our client certificate's name: make one (its common name with ssl_cert_login_from = common_name, else its whole subject), or put user and password into the URL";
  return undefined;
}

function textOf(error: unknown, property: 'code' | 'reason'): string | undefined {
  const value: unknown = isNativeError(error) ? Reflect.get(error, property) : undefined;
  return typeof value === 'string' ? value : undefined;
}
