// Runs jest beside a private broker and a private Postgres that live as long as the run. Arguments go to jest.
// `npm test -- --selectProjects unit` starts neither. Where WARREN_TEST_AMQP_URL and WARREN_TEST_MANAGEMENT_URL name a broker,
// that one is the run's; tests that stop, kill or configure theirs start one of their own. Ends with jest's exit code.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ensureRabbitmq,
  findPostgres,
  startPrivateBroker,
  startPrivatePostgres,
} from '../packages/local/dist/index.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** How long jest may take to end after a signal before it is killed. */
const jestGraceMs = 10_000;

const jestArguments = process.argv.slice(2);
const runFolder = mkdtempSync(join(tmpdir(), 'warren-tests-'));
// Postgres runs as another user when this is root, and must be able to pass through.
chmodSync(runFolder, 0o711);
const started = [];
let endedBy;
let jest;

for (const signal of endingSignals) process.on(signal, () => end(signal));

try {
  const servers = needsServers(jestArguments) ? await startServers() : {};
  process.exitCode = endedBy === undefined ? await runJest(servers) : 1;
} catch (error) {
  console.error(`tests: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  await Promise.allSettled(started.map(async (server) => (await server).discard()));
  const summary = summaryOf(join(runFolder, 'results.json'));
  rmSync(runFolder, { recursive: true, force: true });
  if (summary !== undefined) console.log(summary);
  if (endedBy !== undefined) process.exitCode = 128 + constants.signals[endedBy];
}

/** Unit tests need neither; whoever selects no projects, or others, gets both. */
function needsServers(args) {
  const at = args.findIndex((argument) => argument.startsWith('--selectProjects'));
  return (
    at === -1 ||
    !args
      .slice(at)
      .join(' ')
      .match(/^--selectProjects[= ]unit\b/) ||
    args.includes('integration')
  );
}

async function startServers() {
  const software = await ensureRabbitmq({
    searchPath: searchPath(),
    onProgress: (line) => console.error(`tests: ${line}`),
  });
  const postgresSoftware = findPostgres(root);
  if (postgresSoftware === undefined) {
    throw new Error('no Postgres for the tests: run "npm ci", or install Debian\'s package "postgresql"');
  }
  const given = givenBroker();
  const broker =
    given ??
    startPrivateBroker({
      directory: join(runFolder, 'broker'),
      software,
      searchPath: searchPath(),
      pluginFolders: pluginFolders(),
    });
  const postgres = startPrivatePostgres({ directory: join(runFolder, 'postgres'), software: postgresSoftware });
  started.push(...(given === undefined ? [broker] : []), postgres);
  const [{ amqpUrl, managementUrl }, { url }] = await Promise.all([broker, postgres]);
  return {
    WARREN_TEST_AMQP_URL: amqpUrl,
    WARREN_TEST_MANAGEMENT_URL: managementUrl,
    WARREN_TEST_POSTGRES_URL: url,
  };
}

/** The user of its address administers it: tests make virtual hosts there, and delete them. */
function givenBroker() {
  const { WARREN_TEST_AMQP_URL: amqpUrl, WARREN_TEST_MANAGEMENT_URL: managementUrl } = process.env;
  if (!amqpUrl && !managementUrl) return undefined;
  if (amqpUrl && managementUrl) return { amqpUrl, managementUrl };
  throw new Error('WARREN_TEST_AMQP_URL and WARREN_TEST_MANAGEMENT_URL belong together: set both, or neither');
}

function runJest(servers) {
  const program = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', process.env.NODE_OPTIONS ?? ''];
  jest = spawn(
    process.execPath,
    [program, '--json', `--outputFile=${join(runFolder, 'results.json')}`, ...jestArguments],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ...servers, NODE_OPTIONS: node.join(' ').trim() },
    },
  );
  return new Promise((resolve, reject) => {
    jest.once('error', reject);
    jest.once('exit', (code) => resolve(code ?? 1));
  });
}

/** Ends jest, at a second signal at once. The servers are ended after it in any case. */
function end(signal) {
  jest?.kill(endedBy === undefined ? 'SIGTERM' : 'SIGKILL');
  endedBy = signal;
  setTimeout(() => jest?.kill('SIGKILL'), jestGraceMs).unref();
}

/** One line for people and for CI, after the names of the tests that did not run. */
function summaryOf(file) {
  if (!existsSync(file)) return undefined;
  const results = JSON.parse(readFileSync(file, 'utf8'));
  const skipped = results.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status !== 'passed' && status !== 'failed')
      .map(({ fullName }) => `skipped: ${relative(root, name)}: ${fullName}`),
  );
  // A file that can't even be loaded has no tests to count as failed.
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
  return [...skipped, `${results.numPassedTests} passed, ${failed} failed, ${skipped.length} skipped`].join('\n');
}

/** As tests/integration/support/broker.ts reads it for the brokers of single tests. */
function pluginFolders() {
  return (process.env.WARREN_TEST_PLUGIN_FOLDERS ?? '').split(delimiter).filter((folder) => folder !== '');
}

function searchPath() {
  return `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`;
}
