import type { BrokerFacts, NodeFact } from './facts.js';
import { type CheckResult, type Finding, finding } from './finding.js';
import { namedThings } from './words.js';

/** Nodes that are down, and alarms of those that run. */
export function checkAlarms({ nodes }: Pick<BrokerFacts, 'nodes'>): CheckResult {
  if (!nodes.known) return { findings: [], notChecked: nodes.why };
  const silent = nodes.value.filter((node) => node.running && !tellsAlarms(node)).map(({ name }) => name);
  return {
    findings: nodes.value.flatMap(alarmsOf),
    notChecked:
      silent.length === 0 ? null : `${namedThings('node', silent)} sent no statistics yet: ask again in 10 seconds`,
  };
}

function alarmsOf({ name, running, memoryAlarm, diskAlarm, memoryLimitBytes }: NodeFact): Finding[] {
  const where = `node "${name}"`;
  if (!running) {
    return [
      finding('node-down', {
        where,
        what: 'The node is down: classic queues that live on it are away, and quorum queues have one member less.',
        mend: 'Start the node and look into its log for why it ended; if it is gone for good, "rabbitmqctl forget_cluster_node" takes it out.',
      }),
    ];
  }
  const findings: Finding[] = [];
  if (memoryAlarm === true) {
    const limit = memoryLimitBytes === undefined ? 'its limit' : `its limit of ${mebibytes(memoryLimitBytes)}`;
    findings.push(
      finding('alarm-memory', {
        where,
        what: `The node uses more memory than ${limit}: no node of the cluster takes a publish until it is over.`,
        mend: 'Let workers drain the longest queues, or give the node more memory or a higher "vm_memory_high_watermark".',
      }),
    );
  }
  if (diskAlarm === true) {
    findings.push(
      finding('alarm-disk', {
        where,
        what: 'The node has less free disk than its limit: no node of the cluster takes a publish until it is over.',
        mend: 'Free space on the disk that holds its data folder, or make that larger; "disk_free_limit" is the limit.',
      }),
    );
  }
  return findings;
}

function tellsAlarms({ memoryAlarm, diskAlarm }: NodeFact): boolean {
  return memoryAlarm !== undefined && diskAlarm !== undefined;
}

/** Connections that the broker reads nothing from. */
export function checkBlockedConnections({ connections }: Pick<BrokerFacts, 'connections'>): CheckResult {
  if (!connections.known) return { findings: [], notChecked: connections.why };
  const blocked = connections.value.filter(({ state }) => state === 'blocked' || state === 'blocking');
  if (blocked.length === 0) return { findings: [], notChecked: null };
  const many = blocked.length === 1 ? 'a connection' : `${blocked.length} connections`;
  return {
    findings: [
      finding('connections-blocked', {
        where: namedThings(
          'connection',
          blocked.map(({ name }) => name),
        ),
        what: `The broker reads nothing from ${many} that publish: submissions, retries and delays stand still.`,
        mend: 'Mend the alarm that blocks them: they go on by themselves when it is over.',
      }),
    ],
    notChecked: null,
  };
}

/** The clocks of the broker and of the ledger against this machine's. */
export function checkClocks({
  brokerClockAheadMs,
  ledgerClockAheadMs,
}: Pick<BrokerFacts, 'brokerClockAheadMs' | 'ledgerClockAheadMs'>): CheckResult {
  const [broker, ledger] = [brokerClockAheadMs, ledgerClockAheadMs];
  const unknown = [
    ...(broker.known ? [] : [`the broker's: ${broker.why}`]),
    ...(ledger.known ? [] : [`the ledger's: ${ledger.why}`]),
  ];
  return {
    findings: [
      ...(broker.known ? skewOf('clock-of-broker', 'broker', broker.value) : []),
      ...(ledger.known && ledger.value !== null ? skewOf('clock-of-ledger', 'ledger', ledger.value) : []),
    ],
    notChecked: unknown.length === 0 ? null : unknown.join('; '),
  };
}

/** How far two clocks may be apart, in milliseconds. The broker's is told in whole seconds; the shortest lease is 30 s. */
export const clockToleranceMs = 5_000;

function skewOf(code: 'clock-of-broker' | 'clock-of-ledger', whose: string, aheadMs: number): Finding[] {
  if (Math.abs(aheadMs) <= clockToleranceMs) return [];
  const seconds = `${Math.round(Math.abs(aheadMs) / 1000)} s`;
  return [
    finding(code, {
      where: `clock of the ${whose}`,
      what: `It is ${seconds} ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's: deadlines, leases and the times on record are off by as much.`,
      mend: 'Let both machines keep their time by NTP (chrony or systemd-timesyncd), and look which of them is wrong.',
    }),
  ];
}

export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20).toLocaleString('en')} MiB`;
}
