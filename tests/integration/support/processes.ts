import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Pids of all processes that carry `folder` in their environment, arguments or working directory; not this one. Linux. */
export function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid && traces(pid).includes(folder));
}

/** The addresses on which these processes listen for TCP, each once. Linux. */
export function listeningAddresses(pids: readonly number[]): string[] {
  const sockets = new Set(pids.flatMap(openSockets));
  const rows = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => readFileSync(table, 'utf8').split('\n').slice(1));
  const listening = '0A';
  const addresses = rows.flatMap((row) => {
    const [, local = '', , state, , , , , , inode = ''] = row.trim().split(/\s+/);
    return state === listening && sockets.has(inode) ? [readableAddress(local.split(':')[0] ?? '')] : [];
  });
  return [...new Set(addresses)];
}

function traces(pid: number): string {
  return [
    () => readFileSync(`/proc/${pid}/environ`, 'utf8'),
    () => readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
    () => readlinkSync(`/proc/${pid}/cwd`),
  ]
    .map((read) => orEmpty(read))
    .join('\n');
}

function openSockets(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const names = orEmpty(() => readdirSync(folder).join(' ')).split(' ');
  return names.flatMap(
    (name) => /^socket:\[(\d+)\]$/.exec(orEmpty(() => readlinkSync(`${folder}/${name}`)))?.[1] ?? [],
  );
}

/** The kernel prints an IPv4 address as one little-endian number; of IPv6 it is enough to know loopback from the rest. */
function readableAddress(hex: string): string {
  if (hex === '00000000000000000000000001000000') return '::1';
  if (hex.length !== 8) return `ipv6 ${hex}`;
  return (hex.match(/../g) ?? [])
    .map((byte) => Number.parseInt(byte, 16))
    .toReversed()
    .join('.');
}

/** Processes end while they are looked at. */
function orEmpty(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
