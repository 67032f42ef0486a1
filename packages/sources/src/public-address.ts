import ipaddr from 'ipaddr.js';

/** All of IPv6 that is handed out for the public internet; whatever lies outside is special or unassigned. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Whether an address belongs to the public internet. Private, loopback, link-local, unique-local, shared (CGNAT),
 * multicast, broadcast, unspecified, documentation and reserved ones don't; nor do those that carry an IPv4 address
 * on to somewhere else (NAT64, 6to4, Teredo), whatever they carry. IPv4-mapped ones are judged by the IPv4 address.
 * What isn't an address at all is not public.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text) || isIpv4Compatible(text)) return false;
  const address = ipaddr.process(text);
  if (address.range() !== 'unicast') return false;
  return address instanceof ipaddr.IPv4 || address.match(globalUnicast);
}

/** `::8.8.8.8`, which goes nowhere today; the library takes it for the mapped `::ffff:8.8.8.8`. */
function isIpv4Compatible(text: string): boolean {
  return /^::\d+(\.\d+){3}$/.test(text);
}
