export type HandActName = 'replay' | 'cancel' | 'escalate' | 'complete';

/** Who does something by hand, and what they say about it. */
export interface ByHand {
  readonly by: string;
  readonly note: string | null;
}

/** What a person did about a task or a dead letter. It is kept as long as these are, and nothing changes it. */
export interface HandAct extends ByHand {
  readonly act: HandActName;
  /** Whom an escalation went to. */
  readonly to: string | null;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** What an act is about: a task, or a letter that has none. */
export type HandActSubject = { readonly taskId: string } | { readonly letterId: string };
