/** The states of a task. What moves a task from one to the next stands in `transitions`; nothing else moves it. */
export const openStates = [
  'accepted',
  'scheduled',
  'queued',
  'running',
  'snoozed',
  'dead-lettered',
  'retry-scheduled',
  'parked',
] as const;

/** A task in a final state is never worked again, whatever message arrives for it. */
export const finalStates = ['completed', 'cancelled', 'discarded'] as const;

export const taskStates = [...openStates, ...finalStates] as const;

export type TaskState = (typeof taskStates)[number];
type FinalState = (typeof finalStates)[number];

interface Transition {
  readonly to: TaskState;
  /** The event that causes it, as the state diagram in docs/task-lifecycle.md labels it. */
  readonly by: string;
}

/** Every transition there is. The diagram in docs/task-lifecycle.md and the ledger's tests are held to this table. */
export const transitions: Readonly<Record<TaskState, readonly Transition[]>> = {
  accepted: [
    { to: 'queued', by: 'publish confirmed' },
    { to: 'running', by: 'claimed' },
    { to: 'dead-lettered', by: 'expired or poison at claim' },
    { to: 'parked', by: 'letter parked' },
    { to: 'cancelled', by: 'cancelled' },
  ],
  scheduled: [
    { to: 'running', by: 'claimed' },
    { to: 'dead-lettered', by: 'expired or poison at claim' },
    { to: 'parked', by: 'letter parked' },
    { to: 'cancelled', by: 'cancelled' },
  ],
  queued: [
    { to: 'running', by: 'claimed' },
    { to: 'accepted', by: 'message expired after a release' },
    { to: 'dead-lettered', by: 'expired or poison at claim' },
    { to: 'parked', by: 'letter parked' },
    { to: 'cancelled', by: 'cancelled' },
  ],
  running: [
    { to: 'completed', by: 'result committed' },
    { to: 'running', by: 'taken over' },
    { to: 'dead-lettered', by: 'failed, expired or poison' },
    { to: 'snoozed', by: 'snoozed' },
    { to: 'queued', by: 'released by a drain' },
    { to: 'accepted', by: 'message expired after a crash' },
    { to: 'cancelled', by: 'cancelled' },
  ],
  snoozed: [
    { to: 'running', by: 'claimed' },
    { to: 'dead-lettered', by: 'expired or poison at claim' },
    { to: 'parked', by: 'letter parked' },
    { to: 'cancelled', by: 'cancelled' },
  ],
  'dead-lettered': [
    { to: 'retry-scheduled', by: 'retry decided' },
    { to: 'parked', by: 'letter parked' },
    { to: 'cancelled', by: 'cancelled' },
  ],
  'retry-scheduled': [
    { to: 'running', by: 'claimed' },
    { to: 'dead-lettered', by: 'expired or poison at claim' },
    { to: 'parked', by: 'letter parked' },
    { to: 'cancelled', by: 'cancelled' },
  ],
  parked: [
    { to: 'accepted', by: 'replayed' },
    { to: 'completed', by: 'completed by hand' },
    { to: 'cancelled', by: 'cancelled' },
  ],
  completed: [],
  cancelled: [],
  discarded: [],
};

export function isFinal(state: TaskState): state is FinalState {
  return finalStates.some((final) => final === state);
}
