import type { Failure } from '@warren/tasks';

/** Why a run is told to stop before its handler is done. */
export type StopReason =
  | { readonly kind: 'timeout'; readonly failure: Failure }
  | { readonly kind: 'interrupted'; readonly why: string };

/** The reason of the handler's aborted signal. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  readonly stop: StopReason;

  constructor(stop: StopReason) {
    super(stop.kind === 'timeout' ? stop.failure.message : stop.why);
    this.stop = stop;
  }
}

/**
 * Tells one run to stop; the first reason counts. An AbortSignal costs more than a short task's other bookkeeping, so there
 * is one only where a handler asks for it.
 */
export class RunStop {
  #stopped: Stopped | undefined;
  #controller: AbortController | undefined;
  #listener: (() => void) | undefined;
  #ended = false;

  /** Present once the run was told to stop. */
  get stopped(): Stopped | undefined {
    return this.#stopped;
  }

  /** Aborted with {@link Stopped}. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#stopped) this.#controller.abort(this.#stopped);
    return this.#controller.signal;
  }

  stop(reason: StopReason): void {
    if (this.#ended || this.#stopped) return;
    this.#stopped = new Stopped(reason);
    this.#controller?.abort(this.#stopped);
    this.#listener?.();
  }

  /** Calls the listener when the run is told to stop; at once if it was. Throws for a second listener. */
  onStop(listener: () => void): void {
    if (this.#listener) throw new Error('a run has one listener for its stop: this is a defect');
    this.#listener = listener;
    if (this.#stopped) listener();
  }

  /** The handler is done: it is told nothing more. */
  end(): void {
    this.#ended = true;
    this.#listener = undefined;
  }
}

/** The runs of one worker, which are all told to stop when its time to drain is over. */
export class Runs {
  readonly #running = new Set<RunStop>();
  #reason: StopReason | undefined;

  begin(): RunStop {
    const stop = new RunStop();
    this.#running.add(stop);
    if (this.#reason) stop.stop(this.#reason);
    return stop;
  }

  end(stop: RunStop): void {
    this.#running.delete(stop);
    stop.end();
  }

  /** Those under way, and every later one. */
  stop(reason: StopReason): void {
    this.#reason = reason;
    for (const stop of this.#running) stop.stop(reason);
  }
}
