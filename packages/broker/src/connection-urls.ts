/** What is wrong with a broker URL. Names the address without its credentials. */
export class BrokerUrlError extends Error {
  override readonly name = 'BrokerUrlError';
}

/**
 * Reads where the broker is: one URL, several (in an array, or joined by commas), or one URL with several hosts
 * (`amqp://user:password@a:5672,b:5672/vhost`). Gives one URL a host, in an order drawn with `random`, so that a
 * cluster's clients spread over its nodes.
 */
export function brokerUrls(given: string | readonly string[], random: () => number): string[] {
  const texts = (typeof given === 'string' ? [given] : given).flatMap(textsOf);
  const urls = texts.flatMap((text) => oneHostEach(text.trim()));
  if (urls.length === 0) throw new BrokerUrlError('no broker URL given: set one such as amqp://127.0.0.1:5672/warren');
  return shuffled(urls, random);
}

/** An address, each of the URLs that are joined in it changed. */
export function eachUrl(given: string, change: (url: string) => string): string {
  return textsOf(given).map(change).join(',');
}

function textsOf(given: string): string[] {
  return given.split(/,(?=amqps?:\/\/)/);
}

/** `host:port vhost "name"`: what people need to find a broker, and nothing secret. */
export function addressOf(url: string): string {
  const { hostname, port, pathname, protocol } = new URL(url);
  const vhost = decodeURIComponent(pathname.slice(1)) || '/';
  return `${hostname}:${port || (protocol === 'amqps:' ? 5671 : 5672)} vhost "${vhost}"`;
}

/** A scheme, perhaps credentials, hosts, the rest. */
const manyHosts = /^(amqps?:\/\/)(?:([^/?#]*)@)?([^/?#@]+)([^@]*)$/;

function oneHostEach(text: string): string[] {
  const [, scheme = '', credentials, hosts = '', rest = ''] = manyHosts.exec(text) ?? [];
  if (scheme === '' || !isDecodable(text)) {
    // With a `/` in a password the host would be read out of the credentials, and shown.
    throw new BrokerUrlError(
      `${withoutCredentials(text)} is no broker URL: write amqp://host:port/vhost, with special characters in user, password and vhost percent-encoded`,
    );
  }
  return hosts.split(',').map((host) => {
    const url = `${scheme}${credentials === undefined ? '' : `${credentials}@`}${host}${rest}`;
    if (!URL.canParse(url) || new URL(url).hostname === '') {
      throw new BrokerUrlError(
        `"${host}" in ${withoutCredentials(text)} is no host and port: write amqp://host:port/vhost`,
      );
    }
    return url;
  });
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function withoutCredentials(text: string): string {
  return `"${text.replace(/^([a-z]+:\/\/)?.*@/is, '$1***@')}"`;
}

/** Fisher and Yates. */
function shuffled(urls: readonly string[], random: () => number): string[] {
  const rest = [...urls];
  return urls.flatMap(() => rest.splice(Math.floor(random() * rest.length), 1));
}
