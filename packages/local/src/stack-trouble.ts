import type { StackStatus } from './stack-state.js';

/** Why a stack is of no use at present, and what to do about it. Commands in it are as `CommandOutput.hint` takes them. */
export interface StackTrouble {
  readonly what: string;
  readonly next: string;
}

/** Undefined where nothing is wrong that is known of, and where there is no stack. Pure. */
export function troubleOf({ state, broker }: Pick<StackStatus, 'state' | 'broker'>): StackTrouble | undefined {
  switch (state) {
    case 'lost':
      return { what: 'the supervisor of the local stack is gone', next: '"warren down" ends what it left' };
    case 'degraded':
      return broker?.node?.state === 'failed'
        ? {
            what: "the local stack's broker ended again and again, and is not started any more",
            next: '"warren broker logs" shows why; "warren down", then "warren up --detach" starts it anew',
          }
        : {
            what: "the local stack's broker is down, and its supervisor is starting it again",
            next: 'try again when "warren status" says that the stack is ready: it takes some seconds',
          };
    case 'starting':
      return broker === null
        ? { what: 'the local stack is still starting its broker', next: 'try again when "warren status" says ready' }
        : undefined;
    case 'down':
    case 'ready':
    case 'stopping':
      return undefined;
  }
}
