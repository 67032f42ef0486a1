import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { endWords, identifyProcess, isErrno, type ProcessIdentity } from './processes.js';
import type { ServiceLog } from './service-log.js';

/** One run of a service's program. */
export interface ServiceProcess {
  readonly identity: ProcessIdentity | undefined;
  /** Resolves at the line that says that the service works; never, when it ends before. */
  readonly ready: Promise<void>;
  /** Resolves to how it ended: `exit code 1`, `signal SIGKILL`, or why it could not be started. */
  readonly ended: Promise<string>;
  kill(signal: NodeJS.Signals): void;
}

/** Runs a program with Node in a process group of its own: a Ctrl-C in the terminal is for its supervisor, which drains it. */
export function runServiceProcess(options: {
  main: string;
  cwd: string;
  env: Readonly<Record<string, string | undefined>>;
  log: ServiceLog;
}): ServiceProcess {
  const { main, cwd, env, log } = options;
  const child = spawn(process.execPath, [main], {
    cwd,
    env: { ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', (chunk: Buffer) => log.write(chunk));
  child.stderr.on('data', (chunk: Buffer) => log.write(chunk));
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      if (!saysReady(line)) return;
      resolve();
      lines.removeAllListeners('line');
    });
  });
  return {
    identity: child.pid === undefined ? undefined : identifyProcess(child.pid),
    ready,
    ended: endOf(child),
    kill: (signal) => killGroup(child, signal),
  };
}

/** SIGTERM is for the service, which ends what it started; SIGKILL is for its whole group. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(signal === 'SIGKILL' ? -child.pid : child.pid, signal);
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}

/** A service logs JSON lines; one of them has the message `ready`. */
export function saysReady(line: string): boolean {
  return /"msg"\s*:\s*"ready"/.test(line);
}

/** After `close`, not `exit`: by then all that it printed is in the log. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(endWords(code, signal)));
  });
}
