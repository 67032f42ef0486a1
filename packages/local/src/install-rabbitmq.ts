import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { findRabbitmq, type RabbitmqSoftware } from './rabbitmq-software.js';

/** The ways to become root for one command, or `undefined` when there is none that asks no password. */
export type RootCommand = readonly string[] | undefined;

/**
 * Installs Debian's `rabbitmq-server` and keeps its package from running a system broker, now (policy-rc.d, which the
 * package scripts ask before they start a service, with systemd and without) and after the next boot (disable).
 * A policy that is there already is put aside and back, also when the installation fails or is ended.
 * One script, so that even the end of the process that started it can't leave the policy behind.
 */
const installScript = `
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
exec 9>/run/warren-install.lock
flock 9
[ ! -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || exit 0
restore() {
  rm -f "$policy"
  [ ! -e "$policy.warren-saved" ] || mv "$policy.warren-saved" "$policy"
}
trap restore EXIT
trap 'exit 1' HUP INT TERM
[ ! -e "$policy" ] || [ -e "$policy.warren-saved" ] || mv "$policy" "$policy.warren-saved"
printf '#!/bin/sh\\nexit 101\\n' > "$policy"
chmod 755 "$policy"
install_it() {
  apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 rabbitmq-server
}
ls /var/lib/apt/lists/*_Packages* > /dev/null 2>&1 || apt-get update
install_it || { apt-get update && install_it; }
if command -v systemctl > /dev/null; then systemctl disable --no-reload rabbitmq-server epmd.service epmd.socket || true; fi
`;

/**
 * RabbitMQ as it is on this machine, installed first where it is missing and can be: on Debian and its kin, as root or
 * with a sudo that asks no password. Otherwise throws one line that says what to install.
 */
export async function ensureRabbitmq(options: {
  searchPath: string;
  onProgress: (line: string) => void;
}): Promise<RabbitmqSoftware> {
  const found = findRabbitmq(options.searchPath);
  if (found !== undefined) return found;
  const asRoot = rootCommand();
  if (!isDebianLike() || asRoot === undefined) throw new Error(whatToInstall());
  options.onProgress("RabbitMQ is missing: installing Debian's rabbitmq-server (a minute or two)");
  await runInstallation(asRoot);
  const installed = findRabbitmq(options.searchPath);
  if (installed !== undefined) return installed;
  throw new Error(`rabbitmq-server was installed, but is not where it should be. ${whatToInstall()}`);
}

function runInstallation(asRoot: readonly string[]): Promise<void> {
  const [command = 'sh', ...args] = [...asRoot, 'sh', '-c', installScript];
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let tail = '';
    const keepTail = (chunk: Buffer) => {
      tail = `${tail}${chunk.toString('utf8')}`.slice(-4_000);
    };
    child.stdout.on('data', keepTail);
    child.stderr.on('data', keepTail);
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0
        ? resolve()
        : reject(new Error(`installing rabbitmq-server failed (exit code ${code}). ${whatToInstall()}\n${tail}`)),
    );
  });
}

function rootCommand(): RootCommand {
  if (process.getuid?.() === 0) return [];
  try {
    execFileSync('sudo', ['-n', 'true'], { stdio: 'ignore' });
    return ['sudo', '-n'];
  } catch {
    return undefined;
  }
}

function isDebianLike(): boolean {
  if (!existsSync('/etc/os-release')) return false;
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'));
}

function whatToInstall(): string {
  return 'Install RabbitMQ 3.10 or later (Debian, Ubuntu: "apt-get install rabbitmq-server" as root; macOS: "brew install rabbitmq"), or set AMQP_URL to a broker that runs.';
}
