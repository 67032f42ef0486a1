import { versionAtLeast } from '../broker-version.js';
import type { BrokerFacts } from './facts.js';
import { type CheckResult, type Finding, finding } from './finding.js';

/** What the broker's version means, and what the versions after it take away. */
export function checkVersion({ version }: Pick<BrokerFacts, 'version'>): CheckResult {
  const where = `RabbitMQ ${version}`;
  const findings: Finding[] = [
    finding('broker-version', { where, what: meaningOf(version), mend: nextStepFrom(version) }),
  ];
  if (!versionAtLeast(version, 3, 10)) {
    findings.push(
      finding('broker-too-old', {
        where,
        what: 'It can hold no delay ladder and no quorum queue that dead-letters at least once, which came with 3.10.',
        mend: 'Upgrade the broker to 3.10 or later, best to the newest series.',
      }),
    );
  } else if (!versionAtLeast(version, 4, 0)) {
    findings.push(
      finding('broker-old-series', {
        where,
        what: 'Warren works on it, but the 3.x series get no more fixes from the RabbitMQ project.',
        mend: 'Plan the upgrade to a 4.x series, by way of 3.13 with all feature flags enabled.',
      }),
    );
  }
  return { findings, notChecked: null };
}

function meaningOf(version: string): string {
  if (!versionAtLeast(version, 4, 0)) {
    return 'Quorum queues know no priorities here, so that profile quorum has a lane a class; the delayed-message plugin can run.';
  }
  if (!versionAtLeast(version, 4, 3)) {
    return 'Quorum queues know two priorities here, which is too few, so that profile quorum has a lane a class. Classic mirroring is gone. The delayed-message plugin can run, and 4.2 is its last series.';
  }
  return 'Quorum queues order by priority here, strictly. The delayed-message plugin can\'t run: the ladder serves. Transient queues that are not exclusive, global QoS, classic mirroring, "x-queue-mode" and the first classic storage are gone.';
}

function nextStepFrom(version: string): string {
  if (!versionAtLeast(version, 4, 0)) {
    return 'Before an upgrade to 4.0 be rid of mirroring policies, and before one to 4.3 of the plugin, of transient queues that are not exclusive, of global QoS and of "x-queue-mode".';
  }
  if (!versionAtLeast(version, 4, 3)) {
    return 'Before an upgrade to 4.3 be rid of the plugin, of transient queues that are not exclusive, of global QoS and of "x-queue-mode".';
  }
  return 'Nothing needs to be done.';
}

/** Whether the management API answers, and all of it. */
export function checkManagement({ management }: Pick<BrokerFacts, 'management'>): CheckResult {
  const where = 'management API';
  switch (management.state) {
    case 'answers':
      return { findings: [], notChecked: null };
    case 'limited':
      return one(
        finding('management-limited', {
          where,
          what: `It tells user "${management.user}" of its own connections alone, and nothing of the nodes.`,
          mend: `Give the user more sight with \`rabbitmqctl set_user_tags ${management.user} monitoring\`, or name one that has it in WARREN_MANAGEMENT_URL.`,
        }),
      );
    case 'refused':
      return one(
        finding('management-refused', {
          where,
          what: `It does not let this user in, so that policies can't be set and most of this can't be checked: ${management.why}.`,
          mend: 'Give the user the tag "policymaker" or "monitoring" with `rabbitmqctl set_user_tags`, or name one that has it in WARREN_MANAGEMENT_URL.',
        }),
      );
    case 'unreachable':
      return one(
        finding('management-unreachable', {
          where,
          what: `It does not answer, so that policies can't be set and most of this can't be checked: ${management.why}.`,
          mend: 'Run "rabbitmq-plugins enable rabbitmq_management" on every node, or say in WARREN_MANAGEMENT_URL where it is.',
        }),
      );
    default:
      return management satisfies never;
  }
}

function one(found: Finding): CheckResult {
  return { findings: [found], notChecked: null };
}

/** Whether what holds back tasks that are not due is there, and for how long it will be. */
export function checkDelay({
  delayPlugin,
  delayWanted,
  version,
}: Pick<BrokerFacts, 'delayPlugin' | 'delayWanted' | 'version'>): CheckResult {
  const where = 'delayed-message plugin';
  const canRun = !versionAtLeast(version, 4, 3);
  if (delayWanted === 'ladder' || (delayWanted === 'auto' && !canRun)) return { findings: [], notChecked: null };
  if (!delayPlugin.known) return { findings: [], notChecked: delayPlugin.why };
  if (delayPlugin.value) {
    return one(
      finding('delay-plugin-ends', {
        where,
        what: 'It holds what is not due here. It is no longer developed, and 4.2 is the last series that it runs on.',
        mend: 'Before an upgrade to 4.3 set WARREN_DELAY=ladder everywhere, apply the topology, and let what the plugin holds come due.',
      }),
    );
  }
  if (delayWanted === 'plugin') {
    const what = 'WARREN_DELAY asks for it and the broker does not have it, so that no service starts';
    return one(
      finding('delay-plugin-missing', {
        where,
        what: canRun ? `${what}.` : `${what}; on RabbitMQ ${version} it can't run: 4.2 was its last series.`,
        mend: canRun
          ? 'Set WARREN_DELAY=ladder or auto; or put the plugin\'s file into the plugins folder of every node and run "rabbitmq-plugins enable rabbitmq_delayed_message_exchange".'
          : 'Set WARREN_DELAY=ladder or auto.',
      }),
    );
  }
  return one(
    finding('delay-plugin-absent', {
      where,
      what: 'This version could run it, and not every node has it: the ladder of TTL queues serves.',
      mend: 'Nothing needs to be done; WARREN_DELAY=ladder keeps it that way whoever installs the plugin.',
    }),
  );
}
