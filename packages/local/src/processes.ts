import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/** A process that can't be mistaken for a later one with the same pid: `startedAt` is the system's own note of its start. */
export const processIdentity = z.object({ pid: z.number().int().positive(), startedAt: z.string().min(1) });
export type ProcessIdentity = z.infer<typeof processIdentity>;

export interface DetachedProcess {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Takes stdout and stderr, appended. */
  readonly outputFile: string;
  /** Whom it runs as; left out: the caller. */
  readonly as?: { readonly uid: number; readonly gid: number };
  /** Told how it ended (`exit code 1`, `signal SIGKILL`), if it ends while this process lives. */
  readonly onEnd?: (how: string) => void;
}

/** Starts a process in a session of its own: neither this process' end nor a Ctrl-C in the terminal ends it. */
export async function spawnDetached(start: DetachedProcess): Promise<ProcessIdentity> {
  const output = openSync(start.outputFile, 'a', 0o600);
  try {
    const child = spawn(start.command, [...start.args], {
      env: { ...start.env },
      cwd: start.cwd,
      detached: true,
      stdio: ['ignore', output, output],
      ...start.as,
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(new Error(`can't start ${start.command}: ${error.message}`)));
    });
    if (start.onEnd !== undefined) child.once('exit', (code, signal) => start.onEnd?.(endWords(code, signal)));
    child.unref();
    const identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
    if (identity === undefined) throw new Error(`${start.command} ended at once; its output is in ${start.outputFile}`);
    return identity;
  } finally {
    closeSync(output);
  }
}

/** `exit code 1`, or `signal SIGKILL`. */
export function endWords(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

/** `undefined` when no such process runs (one that has ended and waits for its parent does not run). */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const found = readProcess(pid);
  return found === undefined ? undefined : { pid, startedAt: found.startedAt };
}

export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startedAt === identity.startedAt;
}

/** Signals the process if it still is the same one. True when it was there. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false;
    throw error;
  }
}

/** True once all have ended, false after `timeoutMs`. */
export async function waitForExit(identities: readonly ProcessIdentity[], timeoutMs: number): Promise<boolean> {
  const giveUpAt = performance.now() + timeoutMs;
  while (identities.some(isRunning)) {
    if (performance.now() >= giveUpAt) return false;
    await sleep(20);
  }
  return true;
}

/**
 * True once the pid is free as well, false after `timeoutMs`. An ended process keeps its pid until its parent has taken
 * note, and whoever asks by signal, as a Postgres that finds an old pid file does, is told that it is there.
 */
export async function waitForFreePid({ pid }: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const giveUpAt = performance.now() + timeoutMs;
  while (isTaken(pid)) {
    if (performance.now() >= giveUpAt) return false;
    await sleep(20);
  }
  return true;
}

function isTaken(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !isErrno(error, 'ESRCH');
  }
}

/**
 * Ends a process and everything that it started: `signal` to the process itself, then `graceMs` of patience, then SIGKILL
 * to all that is left. Resolves when nothing of it runs any more.
 */
export async function endProcessTree(
  root: ProcessIdentity,
  options: { signal: NodeJS.Signals; graceMs: number },
): Promise<void> {
  if (!isRunning(root)) return;
  // Taken before the root ends: its children are adopted by init then, and can't be found through it any more.
  const family = [root, ...descendantsOf(root.pid)];
  signalProcess(root, options.signal);
  if (await waitForExit(family, options.graceMs)) return;
  const stubborn = [...new Set([...family, ...family.flatMap((member) => descendantsOf(member.pid))])];
  for (const member of stubborn) signalProcess(member, 'SIGKILL');
  if (await waitForExit(stubborn, 10_000)) return;
  throw new Error(`process ${root.pid} does not end, not even by SIGKILL: look at it with "ps -p ${root.pid}"`);
}

/** Everything started by `pid`, at any depth. Empty where the system has no /proc. */
export function descendantsOf(pid: number): ProcessIdentity[] {
  const processes = listPids().flatMap((candidate) => {
    const found = readProcess(candidate);
    return found === undefined ? [] : [{ pid: candidate, ...found }];
  });
  const childrenOf = (parent: number): ProcessIdentity[] =>
    processes
      .filter((candidate) => candidate.parent === parent)
      .flatMap(({ pid: child, startedAt }) => [{ pid: child, startedAt }, ...childrenOf(child)]);
  return childrenOf(pid);
}

function listPids(): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

function readProcess(pid: number): { parent: number; startedAt: string } | undefined {
  return process.platform === 'linux' ? readProc(pid) : readPs(pid);
}

/** The command's name, in parentheses, may hold spaces and parentheses: the fields after it begin at the last one. */
function readProc(pid: number): { parent: number; startedAt: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, parent, ticks] = [fields[0], fields[1], fields[19]];
    if (state === 'Z' || state === 'X' || ticks === undefined) return undefined;
    return { parent: Number(parent), startedAt: `${bootId()}/${ticks}` };
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return undefined;
    throw error;
  }
}

/** Start times count from the boot, so they repeat after the next one. */
function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function readPs(pid: number): { parent: number; startedAt: string } | undefined {
  try {
    const line = execFileSync('ps', ['-o', 'ppid=,stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    const [parent, state, ...start] = line.split(/\s+/);
    return state === undefined || state.startsWith('Z')
      ? undefined
      : { parent: Number(parent), startedAt: start.join(' ') };
  } catch {
    // ps exits with 1 when there is no such process.
    return undefined;
  }
}

/** Looks at the code alone: in a test's own realm Node's errors are instances of another `Error`. */
export function isErrno(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
