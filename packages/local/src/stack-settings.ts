import { localFolder } from './local-folder.js';
import { readStack, statusOf } from './stack-state.js';
import { type StackTrouble, silenceOf } from './stack-trouble.js';

/** Where a running local stack has its broker and its ledger. */
export interface StackAddresses {
  readonly amqpUrl: string;
  readonly managementUrl: string;
  readonly ledgerUrl: string;
}

/** The stack of this checkout, or of `projectRoot`, if it runs and has its broker. */
export function findLocalStack(projectRoot?: string): StackAddresses | undefined {
  const { state, broker, ledger } = statusOf(readStack(localFolder(projectRoot)));
  if (state === 'down' || state === 'lost' || broker === null || ledger === null) return undefined;
  return { amqpUrl: broker.amqpUrl, managementUrl: broker.managementUrl, ledgerUrl: ledger.url };
}

/** Why nobody answers at that stack's addresses at present, as far as its supervisor knows. */
export function localStackSilence(projectRoot?: string): StackTrouble | undefined {
  return silenceOf(statusOf(readStack(localFolder(projectRoot))));
}
