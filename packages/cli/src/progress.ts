import { formatRoughly } from './duration.js';
import type { LiveLine } from './live-line.js';
import { oneLine } from './printable.js';

/** What a long action reports while it runs. */
export interface Progress {
  /** `count` (1) more are done; `detail` replaces the words at the line's end. */
  advance(count?: number, detail?: string): void;
  /** Only the words change: `attempt 2, waits for the source`. */
  update(detail: string): void;
  /** Takes the line away. What came of it is a note or a result. Calls after it are ignored. */
  end(): void;
}

export interface ProgressOptions {
  /** What goes on, as a verb: `replaying`. */
  readonly label: string;
  /** How many there are; undefined: unknown, and there is neither bar nor ETA. */
  readonly total?: number;
}

export interface ProgressState extends ProgressOptions {
  readonly done: number;
  readonly elapsedMs: number;
  readonly detail: string;
}

/** Where progress is drawn: over and over on a terminal, as a plain line now and then elsewhere, or nowhere. */
export type ProgressSurface =
  | { readonly kind: 'terminal'; readonly line: LiveLine }
  | { readonly kind: 'plain'; readonly print: (line: string) => void }
  | { readonly kind: 'none' };

/** Between two drawings, at least. */
const everyMs: Readonly<Record<ProgressSurface['kind'], number>> = { terminal: 100, plain: 10_000, none: 0 };

/** @param now a clock in milliseconds; only differences count. */
export function createProgress(options: ProgressOptions, surface: ProgressSurface, now: () => number): Progress {
  const startedAt = now();
  // A terminal shows the first state at once; a plain line only tells of what takes long.
  let drawnAt = surface.kind === 'terminal' ? Number.NEGATIVE_INFINITY : startedAt;
  let state: ProgressState = { ...options, done: 0, elapsedMs: 0, detail: '' };
  let ended = false;

  const change = (done: number, detail: string) => {
    if (ended) return;
    state = { ...state, done, detail, elapsedMs: now() - startedAt };
    if (now() - drawnAt < everyMs[surface.kind]) return;
    drawnAt = now();
    draw(surface, state);
  };
  change(0, '');
  return {
    advance: (count = 1, detail = state.detail) => change(state.done + count, detail),
    update: (detail) => change(state.done, detail),
    end() {
      if (!ended && surface.kind === 'terminal') surface.line.clear();
      ended = true;
    },
  };
}

function draw(surface: ProgressSurface, state: ProgressState): void {
  switch (surface.kind) {
    case 'terminal':
      surface.line.show(renderProgress(state, true));
      break;
    case 'plain':
      surface.print(renderProgress(state, false));
      break;
    case 'none':
      break;
  }
}

/** `replaying [######....] 60% 600 of 1,000  120/s  3s left  2 failed` */
export function renderProgress(state: ProgressState, withBar: boolean): string {
  const { label, done, total, detail } = state;
  const rate = rateOf(state);
  const counted = total === undefined ? (done === 0 ? '' : count(done)) : `${count(done)} of ${count(total)}`;
  const share = total === undefined ? '' : `${Math.floor(shareOf(done, total) * 100)}%`;
  const bar = withBar && total !== undefined ? barOf(shareOf(done, total)) : '';
  const lead = [label, bar, share, counted].filter((part) => part !== '').join(' ');
  return [lead, rate === undefined ? '' : formatRate(rate), formatEta(state, rate), oneLine(detail)]
    .filter((part) => part !== '')
    .join('  ');
}

/** Done per second since the start; undefined while too little is known. */
export function rateOf({ done, elapsedMs }: Pick<ProgressState, 'done' | 'elapsedMs'>): number | undefined {
  return done === 0 || elapsedMs < 500 ? undefined : (done * 1_000) / elapsedMs;
}

const barWidth = 20;

function barOf(share: number): string {
  const full = Math.floor(share * barWidth);
  return `[${'#'.repeat(full)}${'.'.repeat(barWidth - full)}]`;
}

/** More may be done than was counted at first: never over 1. */
function shareOf(done: number, total: number): number {
  return total <= 0 ? 1 : Math.min(1, done / total);
}

function formatRate(perSecond: number): string {
  return perSecond >= 1 ? `${count(Math.round(perSecond))}/s` : `${count(Math.round(perSecond * 60))}/min`;
}

function formatEta({ done, total }: ProgressState, rate: number | undefined): string {
  if (rate === undefined || total === undefined || done >= total) return '';
  return `${formatRoughly(Math.ceil((total - done) / rate) * 1_000)} left`;
}

const numbers = new Intl.NumberFormat('en-US');

function count(value: number): string {
  return numbers.format(value);
}
