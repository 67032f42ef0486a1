import { localFolder } from './local-folder.js';
import { readStack, statusOf } from './stack-state.js';
import { type StackTrouble, troubleOf } from './stack-trouble.js';

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

/** What is wrong with that stack at present, as far as its supervisor knows. */
export function localStackTrouble(projectRoot?: string): StackTrouble | undefined {
  return troubleOf(statusOf(readStack(localFolder(projectRoot))));
}
