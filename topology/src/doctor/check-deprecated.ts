import type { BrokerFacts, ChannelFact, HeldFact, PolicyFact } from './facts.js';
import { type CheckResult, type Finding, finding } from './finding.js';
import { namedThings } from './words.js';

/** What later versions of the broker no longer have, used in this virtual host by anybody: it stands in an upgrade's way. */
export function checkDeprecated({
  held,
  channels,
  deprecatedInUse,
}: Pick<BrokerFacts, 'held' | 'channels' | 'deprecatedInUse'>): CheckResult {
  const unknown = [held, channels].flatMap((fact) => (fact.known ? [] : [fact.why]));
  return {
    findings: [
      ...(held.known ? [...transientQueues(held.value), ...mirroring(held.value), ...storage(held.value)] : []),
      ...(channels.known ? globalQos(channels.value) : []),
      // Older brokers keep no such list.
      ...(deprecatedInUse.known ? others(deprecatedInUse.value) : []),
    ],
    notChecked: unknown.length === 0 ? null : [...new Set(unknown)].join('; '),
  };
}

function transientQueues({ queues }: HeldFact): Finding[] {
  const names = queues.filter(({ durable, exclusive }) => !durable && !exclusive).map(({ name }) => name);
  if (names.length === 0) return [];
  return [
    finding('deprecated-transient-queue', {
      where: namedThings('queue', names),
      what: 'Transient and not exclusive: RabbitMQ refuses such queues from 4.3 on.',
      mend: 'Have its owner declare it durable (with "x-expires" if it is to go away by itself), or exclusive.',
    }),
  ];
}

function globalQos(channels: readonly ChannelFact[]): Finding[] {
  const names = channels.filter(({ globalPrefetch }) => globalPrefetch > 0).map(({ name }) => name);
  if (names.length === 0) return [];
  return [
    finding('deprecated-global-qos', {
      where: namedThings('channel', names),
      what: 'It uses basic.qos with global=true: quorum queues close the connection over it, and RabbitMQ refuses it from 4.3 on.',
      mend: "Have its program set the prefetch of each consumer (global=false); no program of Warren's does otherwise.",
    }),
  ];
}

function mirroring(held: HeldFact): Finding[] {
  return policiesWith(held, (key) => key.startsWith('ha-')).map(({ name }) =>
    finding('deprecated-classic-mirroring', {
      where: `policy "${name}"`,
      what: 'It mirrors classic queues, which RabbitMQ can no longer do from 4.0 on.',
      mend: 'Remove the policy; for queues on several nodes use profile quorum (WARREN_PROFILE=quorum).',
    }),
  );
}

function storage(held: HeldFact): Finding[] {
  const isOld = (key: string, value: unknown) =>
    key === 'queue-mode' || (key === 'queue-version' && (value === 1 || value === '1'));
  const queues = held.queues
    .filter(({ arguments: given }) =>
      Object.entries(given).some(([key, value]) => isOld(key.replace(/^x-/, ''), value)),
    )
    .map(({ name }) => `queue "${name}"`);
  const policies = policiesWith(held, isOld).map(({ name }) => `policy "${name}"`);
  return [...queues, ...policies].map((where) =>
    finding('deprecated-classic-storage', {
      where,
      what: 'It asks for a queue mode or for the first storage of classic queues, which RabbitMQ refuses from 4.3 on.',
      mend: where.startsWith('policy')
        ? 'Take "queue-mode" and "queue-version" out of the policy: nothing takes their place.'
        : 'Have its owner declare it anew without "x-queue-mode" and "x-queue-version".',
    }),
  );
}

function policiesWith(held: HeldFact, has: (key: string, value: unknown) => boolean): readonly PolicyFact[] {
  return [...held.policies, ...held.operatorPolicies].filter(({ definition }) =>
    Object.entries(definition).some(([key, value]) => has(key, value)),
  );
}

/** Told above by what uses them; and the metrics of the management API, which this reads itself. */
const toldOtherwise = [
  'classic_queue_mirroring',
  'global_qos',
  'management_metrics_collection',
  'transient_nonexcl_queues',
];

function others(names: readonly string[]): Finding[] {
  return names
    .filter((name) => !toldOtherwise.includes(name))
    .map((name) =>
      finding('deprecated-feature', {
        where: `feature "${name}"`,
        what: 'The broker sees it in use somewhere in the cluster, and a later version will no longer have it.',
        mend: 'Look it up with "rabbitmq-diagnostics list_deprecated_features --used" before the next upgrade.',
      }),
    );
}
