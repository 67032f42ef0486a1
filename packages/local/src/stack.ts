import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openLedger } from '@warren/ledger';
import { adviceWhenSilent } from './addresses.js';
import { withFileLock } from './file-lock.js';
import { type BrokerInUse, brokerInUse, givenBroker, privateBrokerInUse } from './local-broker.js';
import { type Environment, setting } from './local-context.js';
import type { LocalFolder } from './local-folder.js';
import { PrivateBroker } from './private-broker.js';
import { endProcessTree, identifyProcess, isRunning, type ProcessIdentity } from './processes.js';
import type { RestartWait } from './restart-policy.js';
import { planServices, processName, type ServicePlan } from './service-plan.js';
import { closeWithin, ledgerErrorForPeople } from './silent-address.js';
import { readStack, type StackRecord, type StackStatus, statusOf } from './stack-state.js';
import { removeState, writeState } from './state-file.js';
import { SupervisedBroker } from './supervised-broker.js';
import { endWithinMs, SupervisedService } from './supervised-service.js';

export interface BrokerAddresses {
  readonly amqpUrl: string;
  readonly managementUrl: string;
}

export interface StackOptions {
  readonly folder: LocalFolder;
  readonly env: Environment;
  /** Makes the broker hold what Warren needs; resolves to how delays are done there (`plugin` or `ladder`). */
  readonly applyTopology: (broker: BrokerAddresses) => Promise<string>;
  readonly onProgress: (line: string) => void;
  /** How long a service that ended waits for its next start. Default: as `restart-policy.ts` says. */
  readonly restartWaitMs?: RestartWait;
  /** Ends a start that is under way; what was started is stopped. */
  readonly signal?: AbortSignal;
}

/** The local stack, supervised by this process. */
export interface Stack {
  status(): StackStatus;
  /** The private broker ran before the stack, which leaves it running when it stops. */
  readonly leavesBroker: boolean;
  /** Drains the services, then stops the broker if the stack started it. Resolves when nothing is left. */
  stop(): Promise<void>;
  /** For an impatient second signal: no more draining. `stop` resolves soon after. */
  kill(): void;
}

/**
 * Starts broker, ledger, topology and every service, and resolves when all are ready. On failure what was started is
 * stopped again. Rejects when the stack of this checkout is up already.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { folder } = options;
  mkdirSync(folder.logs, { recursive: true, mode: 0o700 });
  const supervisor = await withFileLock(folder.stackLock, 60_000, () => takeOver(options));
  const stack = new SupervisedStack(options, supervisor);
  try {
    await stack.start();
    return stack;
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

/** What ending a stack came to. */
export interface StackEnd {
  /** There was something to end. */
  readonly stopped: boolean;
  /** The private broker ran before the stack, and runs on. */
  readonly brokerRunsOn: boolean;
}

/** Ends what the stack's processes left, wherever its supervisor is. */
export async function stopStack(folder: LocalFolder): Promise<StackEnd> {
  const record = readStack(folder);
  if (record === undefined) return { stopped: false, brokerRunsOn: false };
  await endProcessTree(record.supervisor, { signal: 'SIGTERM', graceMs: record.endWithinMs + 45_000 });
  // A supervisor that ended in good order has removed its record.
  const left = readStack(folder);
  if (left !== undefined) await endLeftovers(folder, left);
  return { stopped: true, brokerRunsOn: leavesBroker(record.broker) && isBrokerUp(folder) };
}

function isBrokerUp(folder: LocalFolder): boolean {
  return PrivateBroker.find(folder.broker)?.running ?? false;
}

/** Of a broker that `AMQP_URL` names nothing has to be said: it was never here. */
function leavesBroker(broker: StackRecord['broker']): boolean {
  return broker !== null && broker.node !== null && !broker.startedHere;
}

export function ledgerUrl(env: Environment, folder: LocalFolder): string {
  return setting(env, 'LEDGER_URL') ?? pathToFileURL(folder.ledgerFile).href.replace(/^file:/, 'sqlite:');
}

async function takeOver({ env, folder, onProgress }: StackOptions): Promise<ProcessIdentity> {
  const before = readStack(folder);
  if (before !== undefined && isRunning(before.supervisor)) {
    throw new Error(
      `the stack is up already (supervisor pid ${before.supervisor.pid}): "warren status" shows it, "warren down" ends it`,
    );
  }
  if (before !== undefined) {
    onProgress(`the supervisor before (pid ${before.supervisor.pid}) is gone: ending what it left`);
    await endLeftovers(folder, before);
  }
  const supervisor = identifyProcess(process.pid);
  if (supervisor === undefined)
    throw new Error(`can't tell this process (pid ${process.pid}) from others on this system`);
  const record: StackRecord = {
    supervisor,
    state: 'starting',
    endWithinMs: endWithinMs(env),
    broker: null,
    delay: null,
    ledger: { url: '' },
    services: [],
  };
  writeState(folder.stackFile, record);
  return supervisor;
}

async function endLeftovers(folder: LocalFolder, record: StackRecord): Promise<void> {
  const { services, broker, endWithinMs: graceMs } = record;
  const orphans = services.flatMap(({ process: identity }) => (identity === null ? [] : [identity]));
  await Promise.all(orphans.map((orphan) => endProcessTree(orphan, { signal: 'SIGTERM', graceMs })));
  if (broker === null || broker.startedHere) await PrivateBroker.find(folder.broker)?.stop();
  removeState(folder.stackFile);
}

class SupervisedStack implements Stack {
  readonly #options: StackOptions;
  readonly #supervisor: ProcessIdentity;
  readonly #ledgerUrl: string;
  #state: StackRecord['state'] = 'starting';
  #broker: BrokerInUse | undefined;
  /** Undefined where `AMQP_URL` names the broker. */
  #node: SupervisedBroker | undefined;
  #delay: string | undefined;
  #services: SupervisedService[] = [];
  #stopped: Promise<void> | undefined;
  #gone = false;

  constructor(options: StackOptions, supervisor: ProcessIdentity) {
    this.#options = options;
    this.#supervisor = supervisor;
    this.#ledgerUrl = ledgerUrl(options.env, options.folder);
  }

  async start(): Promise<void> {
    const { folder, onProgress, applyTopology, signal } = this.#options;
    const plans = planServices(folder.projectRoot);
    this.#save();
    await this.#tryLedger();
    signal?.throwIfAborted();
    this.#broker = await this.#openBroker();
    this.#save();
    signal?.throwIfAborted();
    this.#delay = await applyTopology(this.#broker);
    signal?.throwIfAborted();
    onProgress(`starting ${plans.length} service${plans.length === 1 ? '' : 's'}`);
    const broker = this.#broker;
    this.#services = plans.map((plan) => this.#supervised(plan, broker));
    await settledOr(signal, Promise.all(this.#services.map((service) => service.start())));
    this.#state = 'ready';
    this.#save();
  }

  status(): StackStatus {
    return statusOf(this.#record());
  }

  get leavesBroker(): boolean {
    return this.#node !== undefined && this.#broker?.startedHere === false;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  kill(): void {
    for (const service of this.#services) service.kill();
  }

  async #end(): Promise<void> {
    this.#state = 'stopping';
    this.#save();
    await Promise.all([this.#node?.letGo(), ...this.#services.map((service) => service.stop())]);
    if (this.#broker?.startedHere) await PrivateBroker.find(this.#options.folder.broker)?.stop();
    this.#gone = true;
    removeState(this.#options.folder.stackFile);
  }

  /** Before anything else is started: without a ledger no service works, and each would say so by itself. */
  async #tryLedger(): Promise<void> {
    const from = setting(this.#options.env, 'LEDGER_URL') === undefined ? 'local stack' : 'LEDGER_URL';
    try {
      await closeWithin(await openLedger(this.#ledgerUrl));
    } catch (error) {
      throw ledgerErrorForPeople(error, { ledgerUrl: this.#ledgerUrl, from }, () =>
        from === 'LEDGER_URL' ? adviceWhenSilent(from) : 'mend what is said of it, or name another one in LEDGER_URL',
      );
    }
  }

  async #openBroker(): Promise<BrokerInUse> {
    const { env, folder, onProgress } = this.#options;
    if (givenBroker(env) !== undefined) return await brokerInUse(env, folder, onProgress);
    const { node, startedHere } = await privateBrokerInUse(env, folder.broker, onProgress);
    this.#node = new SupervisedBroker({ node, onChange: () => this.#save(), tell: onProgress });
    this.#node.supervise();
    return { amqpUrl: node.amqpUrl, managementUrl: node.managementUrl, version: node.version, startedHere };
  }

  #supervised(plan: ServicePlan, broker: BrokerAddresses): SupervisedService {
    const { env, folder, restartWaitMs } = this.#options;
    return new SupervisedService({
      plan,
      ...(restartWaitMs === undefined ? {} : { restartWaitMs }),
      cwd: folder.projectRoot,
      env: {
        ...env,
        AMQP_URL: broker.amqpUrl,
        WARREN_MANAGEMENT_URL: broker.managementUrl,
        // The address has them where they are meant; a private broker speaks no TLS.
        WARREN_TLS_CA: '',
        WARREN_TLS_CERT: '',
        WARREN_TLS_KEY: '',
        LEDGER_URL: this.#ledgerUrl,
        WARREN_SOURCES_DIRS: setting(env, 'WARREN_SOURCES_DIRS') ?? folder.projectRoot,
        WARREN_WORKER_NAME: processName(plan),
      },
      logFile: join(folder.logs, `${processName(plan)}.log`),
      onChange: () => this.#save(),
      tell: this.#options.onProgress,
    });
  }

  /** A start that a stop has overtaken may still report its end. */
  #save(): void {
    if (this.#gone) return;
    writeState(this.#options.folder.stackFile, this.#record());
  }

  #record(): StackRecord {
    return {
      supervisor: this.#supervisor,
      state: this.#state,
      endWithinMs: endWithinMs(this.#options.env),
      broker: this.#broker === undefined ? null : { ...this.#broker, node: this.#nodeRecord() },
      delay: this.#delay ?? null,
      ledger: { url: this.#ledgerUrl },
      services: this.#services.map((service) => ({
        name: service.plan.name,
        replica: service.plan.replica,
        state: service.state,
        process: service.identity ?? null,
        restarts: service.restarts,
        log: service.logFile,
      })),
    };
  }

  #nodeRecord(): NonNullable<StackRecord['broker']>['node'] {
    if (this.#node === undefined) return null;
    const { state, identity, restarts, logFile } = this.#node;
    return { state, process: identity ?? null, restarts, log: logFile };
  }
}

/** `work`, or the signal's reason as soon as it comes; what `work` then does is its own affair. */
async function settledOr(signal: AbortSignal | undefined, work: Promise<unknown>): Promise<void> {
  if (signal === undefined) return void (await work);
  work.catch(() => undefined);
  let stopListening = () => {};
  const aborted = new Promise<never>((_, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    stopListening = () => signal.removeEventListener('abort', onAbort);
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    stopListening();
  }
}
