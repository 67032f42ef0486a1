import type { ReasonCode } from '@warren/tasks';

/**
 * Where a dead letter stands. `received`: met, not decided yet; `retrying`: tried again later; `parked`: waits for a
 * person; `replayed`, `cancelled`: a person decided; `completed`: a person did the work; `settled`: its task went on
 * without it.
 */
export const letterStates = [
  'received',
  'retrying',
  'parked',
  'replayed',
  'cancelled',
  'completed',
  'settled',
] as const;
export type LetterState = (typeof letterStates)[number];

/** Whether somebody or something still waits for a letter in this state. */
export const isOpenLetter: Readonly<Record<LetterState, boolean>> = {
  received: true,
  retrying: true,
  parked: true,
  replayed: false,
  cancelled: false,
  completed: false,
  settled: false,
};
export const openLetterStates: readonly LetterState[] = letterStates.filter((state) => isOpenLetter[state]);
export const closedLetterStates: readonly LetterState[] = letterStates.filter((state) => !isOpenLetter[state]);

/**
 * From which states each one is noted. What a person decided stands until the letter is met again; who ends a task tells
 * its letter afterwards, and the sweeper may have been faster to settle it.
 */
export const decidedFrom: Readonly<Record<LetterState, readonly LetterState[]>> = {
  received: [],
  retrying: ['received'],
  parked: ['received'],
  settled: ['received'],
  replayed: openLetterStates,
  cancelled: [...openLetterStates, 'settled'],
  completed: [...openLetterStates, 'settled'],
};

/**
 * What the letter of a parked task says only until it is told of that, or because it was told of something older. Whoever
 * notes that it is parked may do so from these, as long as the task is.
 */
export const untoldLetterStates: readonly LetterState[] = ['received', 'retrying', 'settled'];

/** What else a letter is about, for people who look for a pattern. */
export interface RelatedIds {
  readonly tenant?: string;
  readonly group?: string;
  readonly idempotencyKey?: string;
  readonly correlationId?: string;
  readonly entities?: readonly string[];
  /** Of a message without a task on record: the id that it gave itself, a UUID in lower case. */
  readonly claimedId?: string;
}

/**
 * A dead letter, whole. A task has one letter, which is met again at each of its failures; a message that says no task
 * has a letter of its own, and the same bytes again count as the same letter.
 */
export interface Letter {
  readonly id: string;
  readonly taskId: string | null;
  readonly type: string | null;
  readonly dispatch: number | null;
  readonly state: LetterState;
  readonly code: ReasonCode;
  readonly reason: string;
  /** The rule that decided, by name. */
  readonly rule: string | null;
  /** What a person might do next. */
  readonly advice: string | null;
  /** The message's body, byte for byte. */
  readonly body: Buffer;
  /** The message's properties and headers as JSON; bytes in them as `{"base64": "…"}`. */
  readonly properties: string;
  readonly sourceQueue: string;
  readonly routingKey: string;
  readonly related: RelatedIds;
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly timesSeen: number;
  /** How often it was met, this dispatch of its task, without anybody coming to a decision; 0 once one is made. */
  readonly unfinished: number;
  readonly resolvedAt: number | null;
  readonly resolution: string | null;
  /** Who else is to look at it while it is parked, and since when. A decision ends it; the acts by hand keep it. */
  readonly escalatedTo: string | null;
  readonly escalatedAt: number | null;
}

/** A letter without the message itself, of which there may be a mebibyte. */
export type LetterOutline = Omit<Letter, 'body' | 'properties'>;

/** A letter as it is met. */
export interface NewLetter {
  /** A task that is on record; null for a message about any other, or about none. */
  readonly taskId: string | null;
  readonly type: string | null;
  readonly dispatch: number | null;
  readonly code: ReasonCode;
  readonly reason: string;
  readonly body: Buffer;
  readonly properties: string;
  /**
   * Of a message without a task: by what, besides its body and the type it says, it is known again when it comes once
   * more, by whatever queue. Its properties, without those that change on its way. Default: `properties`.
   */
  readonly identity?: string;
  readonly sourceQueue: string;
  readonly routingKey: string;
  readonly related: RelatedIds;
}
