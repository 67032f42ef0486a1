import { processName } from './service-plan.js';
import type { StackStatus } from './stack-state.js';

/** What is wrong with a stack, and what to do about it. Commands in it are as `CommandOutput.hint` takes them. */
export interface StackTrouble {
  readonly what: string;
  readonly next: string;
}

/** Undefined where nothing is wrong that is known of, and where there is no stack. Pure. */
export function troubleOf(status: Pick<StackStatus, 'state' | 'broker' | 'services'>): StackTrouble | undefined {
  return silenceOf(status) ?? servicesGivenUp(status);
}

/** Why nobody answers at the stack's addresses. Undefined where no reason is known. Pure. */
export function silenceOf({ state, broker }: Pick<StackStatus, 'state' | 'broker'>): StackTrouble | undefined {
  switch (state) {
    case 'lost':
      return {
        what: 'the supervisor of the local stack is gone',
        next: '"warren up --detach" ends what it left and starts the stack anew, "warren down" ends it and leaves it at that',
      };
    case 'degraded':
      return brokerTrouble(broker?.node?.state);
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

type NodeState = NonNullable<NonNullable<StackStatus['broker']>['node']>['state'];

function brokerTrouble(node: NodeState | undefined): StackTrouble | undefined {
  switch (node) {
    case 'failed':
      return {
        what: "the local stack's broker ended again and again, and is not started any more",
        next: '"warren broker logs" shows why; "warren down", then "warren up --detach" starts it anew',
      };
    case 'restarting':
      return {
        what: "the local stack's broker is down, and its supervisor is starting it again",
        next: 'try again when "warren status" says that the stack is ready: it takes some seconds',
      };
    case 'ready':
    case 'stopped':
    case undefined:
      return undefined;
  }
}

const listed = new Intl.ListFormat('en');

function servicesGivenUp({ state, services }: Pick<StackStatus, 'state' | 'services'>): StackTrouble | undefined {
  const failed = services.filter((service) => service.state === 'failed');
  if (state !== 'degraded' || failed.length === 0) return undefined;
  const isOne = failed.length === 1;
  return {
    what: `${listed.format(failed.map(processName))} ended again and again, and ${isOne ? 'is' : 'are'} not started any more`,
    next: `${isOne ? `its log ${failed[0]?.log} shows` : 'their logs show'} why; "warren down", then "warren up --detach" starts ${isOne ? 'it' : 'them'} anew`,
  };
}
