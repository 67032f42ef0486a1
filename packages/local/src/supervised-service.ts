import { setTimeout as sleep } from 'node:timers/promises';
import { stopWithinMsUnder } from '@warren/broker';
import type { Environment } from './local-context.js';
import { lastLines } from './log-tail.js';
import type { ProcessIdentity } from './processes.js';
import { endsInARow, type RestartWait, restartWaitMs } from './restart-policy.js';
import { ServiceLog } from './service-log.js';
import { processName, type ServicePlan } from './service-plan.js';
import { runServiceProcess, type ServiceProcess } from './service-process.js';
import { ServiceStartError } from './service-start-error.js';

/** How long a service may take from its start to `ready`, in milliseconds. */
export const readyWithinMs = 60_000;
/** In the last lines of a start that failed, so many, it is said why. */
const readLines = 200;
/** How much longer than services allow themselves they may take to stop before SIGKILL, in milliseconds. */
const killMarginMs = 5_000;

/** How long services that are given this environment may take from SIGTERM to their end before SIGKILL, in milliseconds. */
export function endWithinMs(env: Environment): number {
  return stopWithinMsUnder(env) + killMarginMs;
}

/** `restarting`: it ended by itself and waits for its next start. `failed`: it ended too often and is given up. */
export type ServiceState = 'starting' | 'ready' | 'restarting' | 'stopping' | 'stopped' | 'failed';

/** A service that is started again when it ends by itself. */
export class SupervisedService {
  readonly plan: ServicePlan;
  readonly logFile: string;
  readonly #log: ServiceLog;
  readonly #run: () => ServiceProcess;
  readonly #endWithinMs: number;
  readonly #restartWaitMs: RestartWait;
  readonly #onChange: () => void;
  readonly #tell: (line: string) => void;
  readonly #stopping = new AbortController();
  #process: ServiceProcess | undefined;
  #state: ServiceState = 'starting';
  #restarts = 0;
  #life: Promise<void> = Promise.resolve();

  constructor(options: {
    plan: ServicePlan;
    cwd: string;
    env: Environment;
    logFile: string;
    onChange: () => void;
    /** Told, a line each, when it ended by itself, when it was started again, and when it is given up. */
    tell: (line: string) => void;
    /** Default: that of `restart-policy.ts`. */
    restartWaitMs?: RestartWait;
  }) {
    const { plan, cwd, env, logFile, onChange, tell } = options;
    this.plan = plan;
    this.logFile = logFile;
    this.#log = new ServiceLog(logFile);
    this.#run = () => runServiceProcess({ main: plan.main, cwd, env, log: this.#log });
    this.#endWithinMs = endWithinMs(env);
    this.#restartWaitMs = options.restartWaitMs ?? restartWaitMs;
    this.#onChange = onChange;
    this.#tell = tell;
  }

  get state(): ServiceState {
    return this.#state;
  }

  /** Starts since the first one. */
  get restarts(): number {
    return this.#restarts;
  }

  /** `undefined` while no process runs. */
  get identity(): ProcessIdentity | undefined {
    return this.#process?.identity;
  }

  /** Resolves once it works. Rejects with a ServiceStartError when it ends or takes too long before: a first start is not repeated. */
  async start(): Promise<void> {
    const from = this.#log.size;
    const run = this.#begin();
    const outcome = await untilReady(run);
    if (outcome !== 'ready') {
      run.kill('SIGKILL');
      await run.ended;
      this.#become('failed', undefined);
      const { logFile } = this;
      const printed = lastLines(logFile, readLines, from);
      throw new ServiceStartError(processName(this.plan), outcome, { printed, logFile });
    }
    this.#become('ready', run);
    this.#life = this.#supervise(run);
  }

  /** SIGTERM, a bounded time to drain, SIGKILL. Resolves when no process is left. */
  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return await this.#life;
    this.#stopping.abort();
    const run = this.#process;
    if (run !== undefined) {
      this.#become('stopping', run);
      run.kill('SIGTERM');
      await Promise.race([run.ended, sleep(this.#endWithinMs, undefined, { ref: false })]);
      run.kill('SIGKILL');
      await run.ended;
    }
    await this.#life;
    this.#become('stopped', undefined);
    this.#log.close();
  }

  /** SIGKILL now, also in the middle of a drain. */
  kill(): void {
    this.#stopping.abort();
    this.#process?.kill('SIGKILL');
  }

  async #supervise(first: ServiceProcess): Promise<void> {
    let run: ServiceProcess = first;
    let ends = 0;
    for (;;) {
      const startedAt = performance.now();
      const ended = await run.ended;
      this.#note(`ended: ${ended}`);
      if (this.#stopping.signal.aborted) return;
      ends = endsInARow(ends, performance.now() - startedAt);
      const waitMs = this.#restartWaitMs(ends);
      const what = endText(processName(this.plan), run.identity?.pid, ended);
      if (waitMs === undefined) {
        this.#tell(`${what}, ${ends} times in a row by now: it is not started again. Its log: ${this.logFile}`);
        return this.#become('failed', undefined);
      }
      this.#become('restarting', undefined);
      this.#tell(`${what}; ${startsAgainText(waitMs)}`);
      await sleep(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#stopping.signal.aborted) return;
      this.#restarts += 1;
      run = this.#begin();
      this.#tell(`${what}; started again as pid ${run.identity?.pid ?? 'unknown'}`);
      this.#becomeReadyLater(run);
    }
  }

  /** A restart that hangs before it works is ended, and so counts as one more end. */
  #becomeReadyLater(run: ServiceProcess): void {
    untilReady(run).then((outcome) => {
      if (this.#process !== run || this.#state !== 'starting') return;
      if (outcome === 'ready') this.#become('ready', run);
      else run.kill('SIGKILL');
    });
  }

  #begin(): ServiceProcess {
    const run = this.#run();
    this.#become('starting', run);
    return run;
  }

  #become(state: ServiceState, run: ServiceProcess | undefined): void {
    this.#state = state;
    this.#process = run;
    this.#onChange();
  }

  #note(text: string): void {
    this.#log.write(
      Buffer.from(`${JSON.stringify({ time: Date.now(), supervisor: processName(this.plan), msg: text })}\n`),
    );
  }
}

/** `starts again in 0.5 s`. */
export function startsAgainText(waitMs: number): string {
  return `starts again in ${waitMs / 1_000} s`;
}

/** `summarize-worker-1 (pid 12) was killed by SIGKILL`. */
export function endText(name: string, pid: number | undefined, ended: string): string {
  const [, signal] = /^signal (\w+)$/.exec(ended) ?? [];
  const [, code] = /^exit code (\d+)$/.exec(ended) ?? [];
  const how = signal ? `was killed by ${signal}` : code ? `ended by itself with exit code ${code}` : `ended: ${ended}`;
  return `${name}${pid === undefined ? '' : ` (pid ${pid})`} ${how}`;
}

async function untilReady(run: ServiceProcess): Promise<string> {
  const late = new AbortController();
  const outcome = await Promise.race([
    run.ready.then(() => 'ready'),
    run.ended,
    sleep(readyWithinMs, `not ready after ${readyWithinMs} ms`, { signal: late.signal }),
  ]);
  late.abort();
  return outcome;
}
