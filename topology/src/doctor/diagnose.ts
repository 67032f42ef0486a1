import type { TaskType } from '@warren/tasks';
import { checkDelay, checkManagement, checkVersion } from './check-broker.js';
import { checkConsumers, checkConsumerTimeout, checkPrefetch } from './check-consumers.js';
import { checkDeadLettering } from './check-dead-letters.js';
import { checkDeprecated } from './check-deprecated.js';
import { checkLengthLimits } from './check-length-limits.js';
import { checkAlarms, checkBlockedConnections, checkClocks } from './check-nodes.js';
import { checkPermissions } from './check-permissions.js';
import { checkPolicies } from './check-policies.js';
import { checkBindings, checkTopology } from './check-routes.js';
import type { BrokerFacts } from './facts.js';
import { type CheckName, type CheckResult, checkNames, type Finding, severities } from './finding.js';

/** What a doctor has to say of a broker. */
export interface Diagnosis {
  /** The gravest first. */
  readonly findings: readonly Finding[];
  /** Checks that found neither an error nor a warning, and left nothing out. */
  readonly good: readonly CheckName[];
  readonly notChecked: readonly { readonly check: CheckName; readonly why: string }[];
}

/** Judges a broker by what is known of it. */
export function diagnose(facts: BrokerFacts, types: readonly TaskType[]): Diagnosis {
  const results = checkNames.map((check) => ({ check, ...resultOf(check, facts, types) }));
  const found = results.flatMap(({ findings }) => findings);
  return {
    findings: severities.flatMap((severity) => found.filter((one) => one.severity === severity)),
    good: results
      .filter(({ findings, notChecked }) => notChecked === null && !findings.some(isTrouble))
      .map(({ check }) => check),
    notChecked: results.flatMap(({ check, notChecked: why }) => (why === null ? [] : [{ check, why }])),
  };
}

function resultOf(check: CheckName, facts: BrokerFacts, types: readonly TaskType[]): CheckResult {
  switch (check) {
    case 'version':
      return checkVersion(facts);
    case 'management':
      return checkManagement(facts);
    case 'delay':
      return checkDelay(facts);
    case 'alarms':
      return checkAlarms(facts);
    case 'blocked connections':
      return checkBlockedConnections(facts);
    case 'topology':
      return checkTopology(facts, types);
    case 'bindings':
      return checkBindings(facts);
    case 'dead-lettering':
      return checkDeadLettering(facts);
    case 'length limits':
      return checkLengthLimits(facts);
    case 'policies':
      return checkPolicies(facts);
    case 'deprecated features':
      return checkDeprecated(facts);
    case 'consumers':
      return checkConsumers(facts);
    case 'consumer timeout':
      return checkConsumerTimeout(facts, types);
    case 'prefetch':
      return checkPrefetch(facts, types);
    case 'permissions':
      return checkPermissions(facts, types);
    case 'clocks':
      return checkClocks(facts);
    default:
      return check satisfies never;
  }
}

function isTrouble({ severity }: Finding): boolean {
  return severity !== 'information';
}
