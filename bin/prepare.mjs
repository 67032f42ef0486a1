// Makes a checkout ready to run: the right Node, the locked packages, compiled code. Plain JavaScript without any package,
// because it runs before there are any. Says nothing when there is nothing to do; progress goes to stderr.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const oldestNode = [20, 19];
const sayAfterMs = 1_000;
const lockWaitMs = 10 * 60_000;
const shownOutputChars = 4_000;
/** How long npm or tsc, and what they started, may take to end after a signal before they are killed, in milliseconds. */
const endGraceMs = 5_000;

let running;
let endedBy;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(signal));
requireNode(process.versions.node);
await withLock(join(root, '.warren', 'prepare.lock'), async () => {
  if (isInstallStale()) {
    say('installing the locked packages (npm ci)');
    await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], 'npm ci failed');
  }
  const timer = setTimeout(() => say('compiling'), sayAfterMs);
  await run('npm', ['run', '--silent', 'build'], 'the code does not compile');
  clearTimeout(timer);
});

function requireNode(version) {
  const [major, minor] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = oldestNode;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  fail(`this is Node ${version}; Warren needs Node ${oldestNode.join('.')} or later: https://nodejs.org`);
}

/** Whether node_modules holds something else than package-lock.json asks for. npm notes in a file what it installed. */
function isInstallStale() {
  const installed = packagesIn(join(root, 'node_modules', '.package-lock.json'));
  const wanted = packagesIn(join(root, 'package-lock.json'));
  if (wanted === undefined) fail('package-lock.json is missing: restore it with "git checkout package-lock.json"');
  if (installed === undefined || !existsSync(join(root, 'node_modules', '.bin', 'tsc'))) return true;
  return Object.entries(wanted)
    .filter(([path]) => path.includes('node_modules/'))
    .some(([path, entry]) => !isInstalled(entry, installed[path]));
}

/** Packages for other platforms are locked, but not installed. */
function isInstalled(wanted, installed) {
  if (installed === undefined) return wanted.optional === true;
  return wanted.link === true ? installed.link === true : installed.version === wanted.version;
}

function packagesIn(lockfile) {
  return existsSync(lockfile) ? JSON.parse(readFileSync(lockfile, 'utf8')).packages : undefined;
}

/** Two commands started at once must not install into one folder: the second waits, and then finds nothing to do. */
async function withLock(file, work) {
  mkdirSync(dirname(file), { recursive: true });
  const giveUpAt = Date.now() + lockWaitMs;
  while (!tryLock(file)) {
    if (Date.now() > giveUpAt) fail(`${file} is held by another process for over ten minutes: end it, then try again`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  process.once('exit', () => rmSync(file, { force: true }));
  await work();
}

function tryLock(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if (!isHeld(file)) rmSync(file, { force: true });
  return false;
}

/** An empty file is one that its holder is still writing. */
function isHeld(file) {
  try {
    const holder = Number(readFileSync(file, 'utf8'));
    if (holder !== 0) process.kill(holder, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Ends what runs, with all that it started, before this process. At a second signal at once. */
function end(signal) {
  const isSecond = endedBy !== undefined;
  endedBy = signal;
  if (running === undefined) process.exit(signalExitCode(signal));
  if (!isSecond) say('stopping');
  signalGroup(running, isSecond ? 'SIGKILL' : 'SIGTERM');
  setTimeout(() => signalGroup(running, 'SIGKILL'), endGraceMs).unref();
}

function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // Nothing of it is left.
    if (error.code !== 'ESRCH') throw error;
  }
}

/** What shells give for a command that a signal ended. */
function signalExitCode(signal) {
  return 128 + constants.signals[signal];
}

/**
 * Runs quietly, in a process group of its own, which can be ended whole; the beginning of what it printed is shown when it
 * fails: there npm and tsc say why.
 */
function run(command, args, whatFailed) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    if (child.pid !== undefined) running = child;
    let output = '';
    const keep = (chunk) => {
      output = `${output}${chunk}`.slice(0, shownOutputChars);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => fail(`${whatFailed}: ${error.message}`));
    child.once('close', (code) => {
      running = undefined;
      if (endedBy !== undefined) {
        // Npm ends before the scripts that it runs.
        signalGroup(child, 'SIGKILL');
        process.exit(signalExitCode(endedBy));
      }
      if (code === 0) resolve();
      else fail(`${whatFailed}:\n${output}`);
    });
  });
}

function say(line) {
  process.stderr.write(`prepare: ${line}\n`);
}

function fail(line) {
  say(line);
  process.exit(1);
}
