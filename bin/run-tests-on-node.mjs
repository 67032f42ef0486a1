// Runs the tests on another version of Node: `npm run test:node -- 22 [arguments of jest]`. The processes that tests start
// run on it as well. Its binary is npm's package `node-<platform>-<arch>`, kept below .warren/node; to renew one, delete it.
// Ends with the tests' exit code, with 2 for bad usage, with 1 where that Node can't be had; with --if-available behind the
// version it then says that the tests were skipped and ends with 0.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const software = `node-${process.platform}-${process.arch}`;
const shownOutputChars = 2_000;

const [version = '', ...rest] = process.argv.slice(2);
const isSkippable = rest[0] === '--if-available';
const jestArguments = isSkippable ? rest.slice(1) : rest;

if (/^\d+(\.\d+){0,2}$/.test(version)) {
  const binary = findNode() ?? installNode();
  if (binary !== undefined) runTests(binary);
} else {
  console.error('tests: name a version of Node: npm run test:node -- 22');
  process.exitCode = 2;
}

/** What an installation that was broken off left does not run. */
function findNode() {
  const binary = join(folder(), 'node_modules', software, 'bin', 'node');
  try {
    execFileSync(binary, ['--version'], { stdio: 'pipe' });
    return binary;
  } catch {
    return undefined;
  }
}

/** Below a folder of its own, so that no lockfile knows of it. Gives nothing where it can't be installed, and says so. */
function installNode() {
  const wanted = `${software}@${version}`;
  console.error(`tests: installing ${wanted} below ${folder()}`);
  mkdirSync(folder(), { recursive: true });
  const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  try {
    execFileSync('npm', ['install', '--prefix', folder(), ...flags, wanted], { cwd: folder(), stdio: 'pipe' });
  } catch (error) {
    return tellMissing(
      `npm can't install ${wanted}: ${String(error.stderr ?? error.message).slice(0, shownOutputChars)}`,
    );
  }
  return findNode() ?? tellMissing(`${wanted} does not run on this machine`);
}

function tellMissing(why) {
  console.error(`tests: ${why}`);
  if (isSkippable) console.log(`skipped: the tests on Node ${version}`);
  else process.exitCode = 1;
}

function folder() {
  return join(root, '.warren', 'node', version);
}

function runTests(binary) {
  console.error(`tests: on Node ${execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim()}`);
  const tests = spawn(binary, [join(root, 'bin', 'run-tests.mjs'), ...jestArguments], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${dirname(binary)}${delimiter}${process.env.PATH ?? ''}` },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => tests.kill(signal));
  tests.once('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}
