import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { exitCodes } from './exit-codes.js';
import { explain } from './explain.js';
import { withoutPasswords } from './printable.js';

/** How long a service may take to stop when it says nothing else, and to start once it is to stop, in milliseconds. */
const defaultStopWithinMs = 30_000;

export interface Service {
  /** Called once. Resolves when nothing is in hand any more. */
  stop(): Promise<void>;
  /** What `stop` may take, in milliseconds. Default 30,000. */
  readonly stopWithinMs?: number;
}

export interface ServiceOptions {
  /** Stands in every line that is logged here, where the log doesn't say it itself: `producer`. */
  readonly name: string;
  /** From `createServiceLog`: the process ends right after its last line. */
  readonly log: Logger;
  /** Reads the configuration and connects. Resolves when the service works; what it throws ends the process. */
  readonly start: () => Promise<Service>;
}

const endingSignals = ['SIGTERM', 'SIGINT'] as const;

/**
 * Runs a service as this process, and logs `ready` once it works. The process then ends with one of these codes:
 * - 0: the first SIGTERM or SIGINT came and the service stopped in time (a signal during the start waits for its end);
 * - 143 or 130: a second SIGTERM or SIGINT came, and nothing was waited for;
 * - 1: it did not start, did not stop in time, or something was thrown that nobody caught. One line says what.
 */
export async function runService(options: ServiceOptions): Promise<void> {
  const { name } = options;
  const log = options.log.bindings().service === undefined ? options.log.child({ service: name }) : options.log;
  let signalled = false;
  process.on('uncaughtException', (error) => fail(error, 'nobody caught an error'));

  // Behind a turn, so that a start which throws at once is met like one that rejects.
  const starting = Promise.resolve().then(options.start);
  for (const signal of endingSignals) process.on(signal, () => onSignal(signal));
  try {
    await starting;
  } catch (error) {
    if (!signalled) fail(error, 'did not start');
  }
  // Whatever the level: a supervisor waits for this line.
  if (!signalled) log.child({}, { level: 'info' }).info('ready');

  function onSignal(signal: (typeof endingSignals)[number]): void {
    if (signalled) process.exit(128 + constants.signals[signal]);
    signalled = true;
    log.info({ signal }, 'stopping');
    stopInTime(starting).then(
      () => process.exit(exitCodes.done),
      (error: unknown) => fail(error, 'did not stop'),
    );
  }

  function fail(thrown: unknown, what: string): never {
    const { code, message, next } = explain(thrown);
    log.fatal({ code, next, stack: stackOf(thrown) }, `${what}: ${message}`);
    process.exit(exitCodes.failed);
  }
}

/** What never started has nothing to stop. */
async function stopInTime(starting: Promise<Service>): Promise<void> {
  const started = starting.catch(() => undefined);
  const service = await Promise.race([started, lateness(defaultStopWithinMs)]);
  await Promise.race([service?.stop(), lateness(service?.stopWithinMs ?? defaultStopWithinMs)]);
}

async function lateness(ms: number): Promise<never> {
  await sleep(ms);
  throw new Error(`it took longer than ${ms} ms; what was in hand is taken over by others`);
}

/** Only of what the language throws: who reads the log of an address that refused needs no stack. */
function stackOf(thrown: unknown): string | undefined {
  const isDefect = explain(thrown).code === 'unexpected';
  return isDefect && thrown instanceof Error ? withoutPasswords(thrown.stack ?? '') : undefined;
}
