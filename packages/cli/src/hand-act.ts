import { formatTime } from './time.js';

/** What a person did, as the ledger has it on record. */
interface HandAct {
  readonly act: 'replay' | 'cancel' | 'escalate' | 'complete';
  readonly by: string;
  readonly to: string | null;
  readonly note: string | null;
  /** Epoch milliseconds. */
  readonly at: number;
}

const pastOf: Readonly<Record<HandAct['act'], string>> = {
  replay: 'replayed',
  cancel: 'cancelled',
  escalate: 'escalated',
  complete: 'completed',
};

/**
 * `escalated by ann to platform at 2026-03-01T09:30:00Z: it meets the limit each night`
 * @param said what stands above it: a note that ends it is not said again.
 */
export function handActText({ act, at, by, note, to }: HandAct, said = ''): string {
  const recipient = to === null ? '' : ` to ${to}`;
  const words = note === null || isSaid(note, said) ? '' : `: ${note}`;
  return `${pastOf[act]} by ${by}${recipient} at ${formatTime(at)}${words}`;
}

function isSaid(note: string, said: string): boolean {
  return said === note || said.endsWith(`: ${note}`);
}
