export {
  type AddressesInUse,
  AddressMissingError,
  type AddressOrigin,
  addressesInUse,
  adviceWhenSilent,
  type BrokerInUseAddress,
  brokerFinder,
  type LedgerInUseAddress,
  passedByNote,
} from './addresses.js';
export { addBrokerCommands } from './broker-commands.js';
export { addDemoCommand } from './demo/demo-command.js';
export { ensureRabbitmq } from './install-rabbitmq.js';
export { localFolder } from './local-folder.js';
export { findPostgres } from './postgres-software.js';
export { PrivateBroker, startPrivateBroker } from './private-broker.js';
export { type PrivatePostgres, startPrivatePostgres } from './private-postgres.js';
export { findRabbitmq } from './rabbitmq-software.js';
export { answered, answersWithinMs, brokerErrorForPeople, closeWithin, openLedgerForPeople } from './silent-address.js';
export { type Stack, type StackEnd, startStack, stopStack } from './stack.js';
export { addStackCommands } from './stack-commands.js';
export { findLocalStack, localStackSilence, type StackAddresses } from './stack-settings.js';
export { readStack, type StackStatus, statusOf } from './stack-state.js';
export type { StackTrouble } from './stack-trouble.js';
export { canEnter } from './unprivileged-user.js';
