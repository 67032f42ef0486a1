/** `error`: Warren can't work, or loses or repeats work. `warning`: it works, and something should be mended. `information`: worth knowing. */
export const severities = ['error', 'warning', 'information'] as const;

export type Severity = (typeof severities)[number];

/** Everything that a doctor can find, and how much it matters. */
export const severityOf = {
  'alarm-disk': 'error',
  'alarm-memory': 'error',
  'binding-leads-nowhere': 'warning',
  'binding-to-nothing': 'error',
  'broker-old-series': 'warning',
  'broker-too-old': 'error',
  'broker-version': 'information',
  'clock-of-broker': 'warning',
  'clock-of-ledger': 'warning',
  'connections-blocked': 'error',
  'consumer-timeout-too-short': 'error',
  'consumer-timeout-unread': 'information',
  'dead-letter-cycle': 'error',
  'dead-letter-exchange-missing': 'error',
  'dead-letter-unrouted': 'error',
  'dead-letter-at-most-once': 'warning',
  'delay-missing': 'error',
  'delay-plugin-absent': 'information',
  'delay-plugin-ends': 'information',
  'delay-plugin-missing': 'warning',
  'deprecated-classic-mirroring': 'warning',
  'deprecated-classic-storage': 'warning',
  'deprecated-feature': 'information',
  'deprecated-global-qos': 'warning',
  'deprecated-transient-queue': 'warning',
  'exchange-leads-nowhere': 'error',
  'exchange-missing': 'error',
  'length-limit': 'error',
  'management-limited': 'information',
  'management-refused': 'warning',
  'management-unreachable': 'warning',
  'node-down': 'error',
  'permission-missing': 'error',
  'policy-missing': 'warning',
  'policy-of-operator': 'warning',
  'policy-overridden': 'warning',
  'prefetch-over-memory': 'warning',
  'prefetch-unlimited': 'warning',
  'queue-missing': 'error',
  'queue-without-consumers': 'warning',
} as const satisfies Readonly<Record<string, Severity>>;

export type FindingCode = keyof typeof severityOf;

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** The thing that is concerned, such as `queue "tasks.research"`. */
  readonly where: string;
  /** What is wrong, in sentences. */
  readonly what: string;
  /** What a person does about it, in one sentence. */
  readonly mend: string;
}

/** Adds the severity that its code has. */
export function finding(code: FindingCode, told: Omit<Finding, 'code' | 'severity'>): Finding {
  return { code, severity: severityOf[code], ...told };
}

/** What is looked at, in the order in which it is told. */
export const checkNames = [
  'version',
  'management',
  'delay',
  'alarms',
  'blocked connections',
  'topology',
  'bindings',
  'dead-lettering',
  'length limits',
  'policies',
  'deprecated features',
  'consumers',
  'consumer timeout',
  'prefetch',
  'permissions',
  'clocks',
] as const;

export type CheckName = (typeof checkNames)[number];

/** What became of one check. */
export interface CheckResult {
  readonly findings: readonly Finding[];
  /** Why it, or a part of it, could not be judged; null: all of it was. */
  readonly notChecked: string | null;
}
