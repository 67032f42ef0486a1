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

/** `escalated by ann to platform at 2026-03-01T09:30:00Z: it meets the limit each night` */
export function handActText({ act, at, by, note, to }: HandAct): string {
  const recipient = to === null ? '' : ` to ${to}`;
  return `${pastOf[act]} by ${by}${recipient} at ${formatTime(at)}${note === null ? '' : `: ${note}`}`;
}
