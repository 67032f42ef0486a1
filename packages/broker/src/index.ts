export { applyTopology } from './apply.js';
export { TopologyConflictError } from './apply-conflict.js';
export { type BrokerConnection, type ConnectBrokerOptions, connectBroker } from './connection.js';
export { undecodableHeader } from './connection-deep-headers.js';
export { withTlsSettings } from './connection-tls.js';
export { BrokerUrlError } from './connection-urls.js';
export { type ConsumeOptions, type Consumer, consume, consumingWithinMs, type Delivery } from './consumer.js';
export { copyInQueue } from './consumer-delivery.js';
export { type Delay, delayBy, type RoutableProperties, routedProperties } from './delay.js';
export { type DelayChoice, delayChoice, discoverDelay } from './delay-discovery.js';
export { createDispatcher, type Dispatcher } from './dispatch.js';
export { createEventPublisher, type EventPublisher, maxEventBytes } from './events.js';
export { type EventListener, listenEvents } from './events-listener.js';
export { BrokerUnreachableError, PublishError, type PublishFailure } from './exception.js';
export { createInHand } from './in-hand.js';
export { queueDepths, readyCount, readyCounts } from './inspect.js';
export { brokerAddress } from './inspect-connection.js';
export { createLedgerPatience, type LedgerPatience } from './ledger-patience.js';
export { type ManagementClient, managementClient } from './management.js';
export { ManagementError, managementAddress, request } from './management-request.js';
export type { MigrationProgress } from './migrate-role.js';
export { migrateTopology } from './migrate-topology.js';
export { brokerVersion, hasDelayPlugin } from './plugin-probe.js';
export {
  createPublisher,
  type MessageProperties,
  type Publication,
  type Publisher,
  type PublisherOptions,
} from './publisher.js';
export { replyTo } from './reply.js';
export { consumeRole, type QueueLoad, type RoleConsumer } from './role-consumer.js';
export {
  defaultDrainMs,
  type ServiceConfig,
  serviceConfigOf,
  serviceEnvironment,
  setVariables,
  stopWithinMs,
  stopWithinMsUnder,
} from './service-environment.js';
export { openServiceGround } from './service-ground.js';
export { eventsOfTask, type TaskEventBody, taskEvent, taskEventBody } from './task-event.js';
export { type TaskFacts, taskFacts } from './task-facts.js';
export * from './topology-commands.js';
export { type ProfileSettings, readProfile } from './topology-context.js';
export { type BrokerPlan, type PlanOptions, planOn } from './topology-plan.js';
export { createTurns, type Turns } from './turns.js';
