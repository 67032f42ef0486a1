import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './free-ports.js';
import { lastLines } from './log-tail.js';
import { pollUntil } from './polling.js';
import type { PostgresSoftware } from './postgres-software.js';
import {
  endProcessTree,
  isErrno,
  isRunning,
  type ProcessIdentity,
  spawnDetached,
  waitForFreePid,
} from './processes.js';
import { canEnter, type User, unprivilegedUser } from './unprivileged-user.js';

/** How long a server may take to be ready, in milliseconds: seconds at most, unless it recovers from a crash. */
const readyTimeoutMs = 60_000;
/** How long a server may take to stop in good order before it is killed. */
const stopGraceMs = 15_000;
/** How long the pid of an ended server may stay taken, in milliseconds. Then a start from its data may fail. */
const pidFreeWithinMs = 5_000;

const superuser = 'warren';

const serverSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  // What a crash of the process loses nothing by; a crash of the machine may, and then the tests start anew anyway.
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: '64MB',
};

/** A Postgres of our own, on 127.0.0.1, for one test run. */
export interface PrivatePostgres {
  /** The superuser's address of database `postgres`, with its password. Tests make their databases through it. */
  readonly url: string;
  /** Where its data and log lie: below the directory that was asked for, or below the temporary one (see below). */
  readonly directory: string;
  /** `undefined` while it does not run. */
  readonly pid: number | undefined;
  /** Again on the same port and data. Resolves once it takes connections. */
  start(): Promise<void>;
  /** In good order: connections are closed, data is written. No process is left behind. */
  stop(): Promise<void>;
  /** At once, as a crash would. No process is left behind. */
  kill(): Promise<void>;
  /** Kills the server and removes its files. */
  discard(): Promise<void>;
}

/**
 * Makes and starts a Postgres with its files below `directory`. Called as root it runs as an unprivileged user; where that
 * user can't enter `directory`, the files go to a folder of its own below the system's temporary one, which `discard` removes.
 */
export async function startPrivatePostgres(options: {
  directory: string;
  software: PostgresSoftware;
}): Promise<PrivatePostgres> {
  const user = unprivilegedUser();
  const home = makeHome(resolve(options.directory), user);
  const [port = 0] = await freePorts(1);
  try {
    const server: Server = {
      home,
      port,
      password: randomBytes(18).toString('base64url'),
      user,
      ...reachableSoftware(options.software, home, user),
    };
    await initialize(server);
    const postgres = new RunningPostgres(server);
    await postgres.start();
    return postgres;
  } catch (error) {
    rmSync(home, { recursive: true, force: true });
    throw error;
  }
}

interface Server {
  readonly home: string;
  readonly port: number;
  readonly password: string;
  readonly user: User | undefined;
  readonly binFolder: string;
  readonly env: Readonly<Record<string, string>>;
}

class RunningPostgres implements PrivatePostgres {
  readonly url: string;
  readonly directory: string;
  readonly #server: Server;
  #process: ProcessIdentity | undefined;

  constructor(server: Server) {
    this.#server = server;
    this.directory = server.home;
    this.url = `postgres://${superuser}:${server.password}@127.0.0.1:${server.port}/postgres`;
  }

  get pid(): number | undefined {
    return this.#process !== undefined && isRunning(this.#process) ? this.#process.pid : undefined;
  }

  async start(): Promise<void> {
    if (this.pid !== undefined) return;
    const { binFolder, env, home, port, user } = this.#server;
    const settings = Object.entries({ ...serverSettings, port: String(port) });
    const started = await spawnDetached({
      command: join(binFolder, 'postgres'),
      args: ['-D', dataFolder(home), ...settings.flatMap(([key, value]) => ['-c', `${key}=${value}`])],
      env,
      cwd: home,
      outputFile: logFile(home),
      ...(user === undefined ? {} : { as: user }),
    });
    this.#process = started;
    try {
      await pollUntil(() => this.#isReady(started), {
        timeoutMs: readyTimeoutMs,
        onTimeout: () => startFailure(home, `is not ready after ${readyTimeoutMs} ms`),
      });
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#end('SIGINT', stopGraceMs);
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL', 5_000);
  }

  async discard(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The server's own note: the first line of its pid file is its pid, the eighth its status. */
  #isReady(started: ProcessIdentity): true | undefined {
    const { home } = this.#server;
    if (!isRunning(started)) throw startFailure(home, 'ended while it started');
    const lines = readPidFile(home).split('\n');
    return lines[0] === String(started.pid) && lines[7]?.trim() === 'ready' ? true : undefined;
  }

  async #end(signal: 'SIGINT' | 'SIGKILL', graceMs: number): Promise<void> {
    const ended = this.#process;
    if (ended === undefined) return;
    await endProcessTree(ended, { signal, graceMs });
    this.#process = undefined;
    await waitForFreePid(ended, pidFreeWithinMs);
  }
}

async function initialize(server: Server): Promise<void> {
  const { home, user, binFolder, env, password } = server;
  const passwordFile = join(home, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user !== undefined) chownSync(passwordFile, user.uid, user.gid);
  const how = ['--auth=scram-sha-256', `--username=${superuser}`, `--pwfile=${passwordFile}`];
  const what = ['--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'];
  try {
    await promisify(execFile)(join(binFolder, 'initdb'), ['-D', dataFolder(home), ...how, ...what], {
      env: { ...env },
      cwd: home,
      ...user,
    });
  } catch (error) {
    throw new Error(`initdb in ${home} failed: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/** A folder that the server's user owns and can reach. */
function makeHome(directory: string, user: User | undefined): string {
  mkdirSync(directory, { recursive: true, mode: 0o711 });
  const home =
    user === undefined || canEnter(user, directory)
      ? mkdtempSync(join(directory, 'postgres-'))
      : mkdtempSync(join(tmpdir(), 'warren-postgres-'));
  if (user !== undefined) chownSync(home, user.uid, user.gid);
  chmodSync(home, 0o700);
  return home;
}

/** Where the clone lies under a folder that the server's user can't enter, it works from a copy of the binaries (60 MB). */
function reachableSoftware(
  software: PostgresSoftware,
  home: string,
  user: User | undefined,
): Pick<Server, 'binFolder' | 'env'> {
  const reachable = user === undefined || canEnter(user, join(software.root, 'bin'));
  const root = reachable ? software.root : join(home, 'software');
  if (!reachable) cpSync(software.root, root, { recursive: true });
  const libraries = join(home, 'libraries');
  mkdirSync(libraries);
  for (const { name, file } of software.missingLinks) {
    symlinkSync(join(root, file.slice(software.root.length)), join(libraries, name));
  }
  // The programs name their library folder themselves; the libraries that need one another do not.
  const search = [libraries, join(root, 'lib')].join(delimiter);
  return {
    binFolder: join(root, 'bin'),
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', HOME: home, LD_LIBRARY_PATH: search, DYLD_LIBRARY_PATH: search },
  };
}

function startFailure(home: string, what: string): Error {
  return new Error(
    `the private Postgres in ${home} ${what}. The end of its log:\n${lastLines(logFile(home), 15).join('\n')}`,
  );
}

function readPidFile(home: string): string {
  const file = join(dataFolder(home), 'postmaster.pid');
  try {
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  }
}

function dataFolder(home: string): string {
  return join(home, 'data');
}

function logFile(home: string): string {
  return join(home, 'postgres.log');
}
