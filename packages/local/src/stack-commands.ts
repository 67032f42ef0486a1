import { mkdirSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { withFileLock } from './file-lock.js';
import { type Environment, folderOf, type LocalContext } from './local-context.js';
import type { LocalFolder } from './local-folder.js';
import { applyLocalTopology } from './local-topology.js';
import { lastLines } from './log-tail.js';
import { pollUntil } from './polling.js';
import { isRunning, type ProcessIdentity, spawnDetached } from './processes.js';
import { type BrokerAddresses, type Stack, type StackEnd, startStack, stopStack } from './stack.js';
import { findLocalStack } from './stack-settings.js';
import { readStack, type StackStatus, statusOf } from './stack-state.js';
import { troubleOf } from './stack-trouble.js';
import { readStartFailure, writeStartFailure } from './start-failure.js';
import { removeState } from './state-file.js';
import { type InUse, isUp, lookAtInUse, statusText } from './status-text.js';

/** How long `warren up --detach` waits for the stack, in milliseconds: an installation of RabbitMQ may be part of it. */
const detachedReadyWithinMs = 10 * 60_000;
/** Of a supervisor that ended without a word for people, so many lines are shown. */
const shownSupervisorLines = 15;
/** Lines that a supervisor may say until its stack is up; those beyond are not told. */
const maxSupervisorLines = 1_000;
const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** What shells give for a command that Ctrl-C ended before it had done its work. */
const interruptedExitCode = 130;

export interface StackContext extends LocalContext {
  /** Default: discovers the broker's delay and applies the topology of all task types. */
  readonly applyTopology?: (broker: BrokerAddresses) => Promise<string>;
}

/** Adds `warren up [--detach] | down | status`. */
export function addStackCommands(program: Command, context: StackContext): void {
  program
    .command('up')
    .description('run the local stack: broker, ledger, topology and every service, until Ctrl-C')
    .option('--detach', 'leave it running behind a supervisor of its own, and return when all is ready')
    .addOption(new Option('--supervise', 'be the supervisor behind --detach').hideHelp())
    .action((flags: unknown) => runUp(context, upFlags.parse(flags)));
  program
    .command('down')
    .description('end the local stack: services drain, then the broker stops')
    .action(() => down(context));
  program
    .command('status')
    .description(
      'print what of the local stack runs, and which broker and ledger commands use; exit code 1 when none is up or the stack is degraded',
    )
    .action(() => status(context));
}

const upFlags = z.object({ detach: z.boolean().default(false), supervise: z.boolean().default(false) });

async function runUp(context: StackContext, { detach, supervise }: z.infer<typeof upFlags>): Promise<void> {
  if (detach) return await upDetached(context);
  if (supervise) return await superviseDetached(context);
  await up(context, (now) => show(now, context));
}

/** A supervisor prints into a log, where addresses with passwords have no place. Whoever started it finds in a file why it failed. */
async function superviseDetached(context: StackContext): Promise<void> {
  try {
    await up(context, () => undefined);
  } catch (error) {
    writeStartFailure(folderOf(context).startFailureFile, error);
    throw error;
  }
}

/** Runs the stack in this process until a signal ends it. */
async function up(context: StackContext, show: (now: StackStatus) => void): Promise<void> {
  const { env, output, applyTopology = (broker) => applyLocalTopology(env, broker) } = context;
  const folder = folderOf(context);
  await untilSignalled(async (signal) => {
    const stack = await startStack({ folder, env, applyTopology, onProgress: output.note, signal });
    show(stack.status());
    output.note('the stack is up; Ctrl-C ends it');
    return stack;
  }, output.note);
}

/** Starts something that lives until a signal comes (or it calls `end`), and stops it then; a further signal hurries. */
export async function untilSignalled(
  start: (signal: AbortSignal, end: () => void) => Promise<Stack>,
  note: (line: string) => void,
): Promise<void> {
  const ending = new AbortController();
  let stack: Stack | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    // A hang-up often comes with another signal, and is nobody's impatience.
    if (ending.signal.aborted) return signal === 'SIGHUP' ? undefined : stack?.kill();
    note('stopping: services finish what they can in time, the rest goes back to its queue (again to end at once)');
    ending.abort(new Error('ended by a signal while the stack started'));
  };
  for (const signal of endingSignals) process.on(signal, onSignal);
  try {
    stack = await start(ending.signal, () => ending.abort());
    await aborted(ending.signal);
    await stack.stop();
    note(downText({ brokerRunsOn: stack.leavesBroker }));
  } catch (error) {
    // Ended by its person: that is no failure to tell of.
    if (!ending.signal.aborted) throw error;
    note('the stack is down');
    process.exitCode = interruptedExitCode;
  } finally {
    for (const signal of endingSignals) process.off(signal, onSignal);
  }
}

/** A pending promise keeps no process alive: the services' pipes do, and without services this timer. */
async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const alive = setInterval(() => {}, 60_000);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  clearInterval(alive);
}

/** Runs this same program again as the supervisor. A stack that is up, or is being started, is left to whoever started it. */
async function upDetached(context: StackContext): Promise<void> {
  const { env, output } = context;
  const folder = folderOf(context);
  const relay = supervisorWords(folder, output.note);
  const supervisor = await launch(folder, env, { note: output.note, relay });
  const ready = await detachedReady(folder, supervisor, relay);
  if (supervisor !== undefined && ready.supervisor?.pid === supervisor.pid)
    return show(ready, context, { below: whatNext });
  output.note('the stack is up already');
  show(ready, context);
  if (ready.state === 'degraded') process.exitCode = 1;
}

/** Undefined where somebody has started the stack before. One at a time: who comes second finds it starting. */
async function launch(
  folder: LocalFolder,
  env: Environment,
  { note, relay }: { readonly note: (line: string) => void; readonly relay: () => void },
): Promise<ProcessIdentity | undefined> {
  mkdirSync(folder.logs, { recursive: true, mode: 0o700 });
  return await withFileLock(folder.detachLock, detachedReadyWithinMs, async () => {
    const { state, supervisor: other } = statusOf(readStack(folder));
    if (state === 'starting') note(`the stack is being started already (supervisor pid ${other?.pid})`);
    if (state === 'starting' || state === 'ready' || state === 'degraded') return undefined;
    removeState(folder.supervisorLog);
    removeState(folder.startFailureFile);
    const supervisor = await spawnDetached({
      command: process.execPath,
      args: [...process.execArgv, process.argv[1] ?? '', 'up', '--supervise'],
      env: definedOnly(env),
      cwd: folder.projectRoot,
      outputFile: folder.supervisorLog,
    });
    note(`supervisor pid ${supervisor.pid}, log ${folder.supervisorLog}`);
    await pollUntil(
      () => {
        relay();
        return !isRunning(supervisor) || readStack(folder)?.supervisor.pid === supervisor.pid ? true : undefined;
      },
      { timeoutMs: detachedReadyWithinMs, everyMs: 50, onTimeout: () => notReady(folder, lateWords) },
    );
    return supervisor;
  });
}

const whatNext = `"warren down" ends it. Until then, to begin with:
  warren task submit summarize --text "Rabbits dig. Warrens last." --wait
  warren task list
  warren broker ui`;

const lateWords = `is not ready after ${detachedReadyWithinMs} ms, and goes on starting`;

function notReady(folder: LocalFolder, what: string): Error {
  const said = lastLines(folder.supervisorLog, shownSupervisorLines).join('\n');
  return new Error(`the stack ${what}. Its supervisor said:\n${said}`);
}

/** @param supervisor undefined: another one starts the stack. */
async function detachedReady(
  folder: LocalFolder,
  supervisor: ProcessIdentity | undefined,
  relay: () => void,
): Promise<StackStatus> {
  return await pollUntil(
    () => {
      const now = statusOf(readStack(folder));
      const isOwn = now.supervisor?.pid === supervisor?.pid;
      // Its last words may have come since they were looked for.
      if (now.state === 'ready' && isOwn) relay();
      if (now.state === 'ready' || (now.state === 'degraded' && !isOwn)) return now;
      const starts = supervisor !== undefined && isRunning(supervisor);
      // Somebody may have been faster, at a terminal: this supervisor has ended then, and theirs is on its way.
      if (!starts && now.state !== 'starting') {
        throw readStartFailure(folder.startFailureFile) ?? notReady(folder, 'did not start');
      }
      if (starts) relay();
      return undefined;
    },
    { timeoutMs: detachedReadyWithinMs, everyMs: 100, onTimeout: () => notReady(folder, lateWords) },
  );
}

/** Tells what the supervisor has said since it was asked last: the start takes a while. Why it fails is told once, at its end. */
function supervisorWords(folder: LocalFolder, note: (line: string) => void): () => void {
  let told = 0;
  return () => {
    const lines = lastLines(folder.supervisorLog, maxSupervisorLines);
    const news = lines.slice(told);
    told = lines.length;
    // The supervisor says it there before it says it in its log.
    if (readStartFailure(folder.startFailureFile) === undefined) for (const line of news) note(line);
  };
}

async function down(context: StackContext): Promise<void> {
  const { output } = context;
  const end = await stopStack(folderOf(context));
  output.result(end, output.prose(end.stopped ? downText(end) : 'the stack was not up'));
}

function downText({ brokerRunsOn }: Pick<StackEnd, 'brokerRunsOn'>): string {
  const broker = '; the broker runs on, as "warren broker up" started it: "warren broker down" stops it';
  return `the stack is down${brokerRunsOn ? broker : ''}`;
}

async function status(context: StackContext): Promise<void> {
  const { env, projectRoot } = context;
  const now = statusOf(readStack(folderOf(context)));
  const inUse = await lookAtInUse(env, findLocalStack(projectRoot));
  show(now, context, { inUse });
  if (!isUp(now.state, inUse)) process.exitCode = 1;
}

/** @param more `below`: what else a person is told. */
function show(now: StackStatus, { output }: StackContext, more: { inUse?: InUse; below?: string } = {}): void {
  const { inUse, below } = more;
  const trouble = troubleOf(now);
  const shown = trouble === undefined ? null : { what: trouble.what, next: output.hint(trouble.next) };
  const text = statusText(now, { prose: output.prose, ...(inUse === undefined ? {} : { inUse }) });
  output.result(
    { ...now, trouble: shown, ...(inUse === undefined ? {} : { inUse }) },
    below === undefined ? text : `${text}\n\n${output.prose(below)}`,
  );
}

function definedOnly(env: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]])),
  );
}
