import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import {
  advancedConfigText,
  amqpUrlOf,
  brokerLayout,
  brokerLogFile,
  configText,
  enabledPluginsText,
  epmdEnvironment,
  managementUrlOf,
  nodeEnvironment,
} from './broker-layout.js';
import { probeBroker } from './broker-probe.js';
import { withFileLock } from './file-lock.js';
import { freePorts } from './free-ports.js';
import { lastLines } from './log-tail.js';
import { pollUntil } from './polling.js';
import { endProcessTree, isRunning, type ProcessIdentity, processIdentity, spawnDetached } from './processes.js';
import { availablePlugins, type RabbitmqSoftware } from './rabbitmq-software.js';
import { readState, removeState, writeState } from './state-file.js';

/** How long a node may take to answer after its start, in milliseconds. A start takes 3 to 6 seconds on two cores. */
const readyTimeoutMs = 90_000;
/** How long a node may take to stop in good order before it is killed. RabbitMQ 3.10 takes 7 seconds, idle or not. */
const stopGraceMs = 30_000;
/** How often a node that another process started is looked at, in milliseconds. */
const lookEveryMs = 250;

const port = z.number().int().min(1).max(65_535);

/** What another process needs to find, check and stop the node. */
const brokerRecord = z.object({
  nodeName: z.string(),
  password: z.string(),
  ports: z.object({
    amqp: port,
    management: port,
    stream: port,
    prometheus: port,
    distribution: port,
    epmd: port,
  }),
  software: z.object({ serverScript: z.string(), epmd: z.string(), pluginFolders: z.array(z.string()) }),
  settings: z.record(z.string(), z.string()),
  searchPath: z.string(),
  version: z.string(),
  node: processIdentity.nullable(),
  epmd: processIdentity.nullable(),
});
type BrokerRecord = z.infer<typeof brokerRecord>;

export interface PrivateBrokerOptions {
  /** Everything of the node lies below it: data, logs, configuration, Erlang's cookie, the state file. */
  readonly directory: string;
  readonly software: RabbitmqSoftware;
  /** PATH of the node. It must hold `erl`. */
  readonly searchPath: string;
  /** Further lines of `rabbitmq.conf`, by key; they win over the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Searched for plugins before the broker's own folders. */
  readonly pluginFolders?: readonly string[];
}

/** A RabbitMQ node of our own. Its ports, data and password outlive a stop: `start` continues where `stop` or `kill` left it. */
export class PrivateBroker {
  readonly directory: string;
  #record: BrokerRecord;
  /** How the node ended, where this process started it. */
  #ended: Promise<string> | undefined;

  private constructor(directory: string, record: BrokerRecord) {
    this.directory = directory;
    this.#record = record;
  }

  /** The node below `directory`, running or not; `undefined` when none was ever started there. */
  static find(directory: string): PrivateBroker | undefined {
    const home = resolve(directory);
    const record = readState(brokerLayout(home).stateFile, brokerRecord);
    return record === undefined ? undefined : new PrivateBroker(home, record);
  }

  /** Starts the node below `directory`, making it on the first start. One that runs is left as it is. */
  static async start(options: PrivateBrokerOptions): Promise<PrivateBroker> {
    const directory = resolve(options.directory);
    const layout = brokerLayout(directory);
    for (const folder of [directory, layout.configFolder, layout.dataFolder, layout.logFolder, layout.homeFolder]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
    return await withFileLock(layout.lockFile, readyTimeoutMs, async () => {
      const known = PrivateBroker.find(directory);
      if (known === undefined || known.version === '')
        return await PrivateBroker.#firstStart(directory, options, known);
      await known.#launch();
      return known;
    });
  }

  /** A port that was free when it was chosen may be taken a moment later: another choice, then. */
  static async #firstStart(
    directory: string,
    options: PrivateBrokerOptions,
    neverReady: PrivateBroker | undefined,
    triesLeft = 2,
  ): Promise<PrivateBroker> {
    await neverReady?.kill();
    const broker = new PrivateBroker(directory, await newRecord(options));
    try {
      await broker.#launch();
      return broker;
    } catch (error) {
      if (triesLeft === 0 || !/eaddrinuse|in use/i.test(String(error))) throw error;
      return await PrivateBroker.#firstStart(directory, options, broker, triesLeft - 1);
    }
  }

  /** With user and password. */
  get amqpUrl(): string {
    return amqpUrlOf(this.#record);
  }

  /** With user and password. */
  get managementUrl(): string {
    return managementUrlOf(this.#record);
  }

  get version(): string {
    return this.#record.version;
  }

  /** `undefined` while the node does not run. */
  get pid(): number | undefined {
    return this.running ? this.#record.node?.pid : undefined;
  }

  /** `undefined` while the node does not run. */
  get identity(): ProcessIdentity | undefined {
    return this.running ? (this.#record.node ?? undefined) : undefined;
  }

  get running(): boolean {
    return this.#record.node !== null && isRunning(this.#record.node);
  }

  get nodeName(): string {
    return this.#record.nodeName;
  }

  get logFile(): string {
    return brokerLogFile(this.directory, this.#record.nodeName);
  }

  /** Again on the same ports and data. Resolves once the node takes connections. */
  async start(): Promise<void> {
    await withFileLock(brokerLayout(this.directory).lockFile, readyTimeoutMs, () => this.#launch());
  }

  /**
   * Resolves once the node's process has ended: to `exit code 1` or `signal SIGKILL`, and where another process had
   * started it, which alone is told, to `reason unknown`. Resolves to undefined when `signal` is aborted before.
   */
  async ended(signal: AbortSignal): Promise<string | undefined> {
    const ended = this.#ended ?? this.#gone(signal);
    if (signal.aborted) return undefined;
    return await new Promise((resolve, reject) => {
      const onAbort = () => resolve(undefined);
      signal.addEventListener('abort', onAbort, { once: true });
      ended.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  /** In good order: SIGTERM, a bounded wait, SIGKILL. No process is left behind. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM', stopGraceMs);
  }

  /** At once, as a crash would: SIGKILL. No process is left behind. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL', 5_000);
  }

  /** Kills the node and removes its directory. */
  async discard(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #launch(): Promise<void> {
    this.#reread();
    if (this.running) return;
    this.#ended = undefined;
    this.#writeConfiguration();
    removeState(brokerLayout(this.directory).outputFile);
    await this.#startProcesses();
    try {
      this.#save({ version: await this.#untilReady() });
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** The only way to notice the end of a process that another one started. */
  async #gone(signal: AbortSignal): Promise<string> {
    const { node } = this.#record;
    while (node !== null && isRunning(node) && !signal.aborted) await sleep(lookEveryMs);
    return 'reason unknown';
  }

  #writeConfiguration(): void {
    const layout = brokerLayout(this.directory);
    const { software, settings } = this.#record;
    writeFileSync(layout.configFile, configText(this.#record, settings), { mode: 0o600 });
    writeFileSync(layout.advancedConfigFile, advancedConfigText());
    writeFileSync(layout.enabledPluginsFile, enabledPluginsText(availablePlugins(software.pluginFolders), settings));
    writeFileSync(layout.environmentFile, '');
  }

  /** The port mapper first, and by us: a node that finds none starts one that outlives it and that nobody knows. */
  async #startProcesses(): Promise<void> {
    const { software, ports, nodeName, searchPath } = this.#record;
    const { outputFile } = brokerLayout(this.directory);
    const common = { cwd: this.directory, outputFile };
    if (this.#record.epmd === null || !isRunning(this.#record.epmd)) {
      const env = { PATH: searchPath, ...epmdEnvironment(ports) };
      this.#save({ epmd: await spawnDetached({ ...common, command: software.epmd, args: [], env }) });
    }
    const env = nodeEnvironment({
      directory: this.directory,
      nodeName,
      ports,
      pluginFolders: software.pluginFolders,
      searchPath,
    });
    let onEnd: (how: string) => void = () => {};
    this.#ended = new Promise((resolve) => {
      onEnd = resolve;
    });
    this.#save({ node: await spawnDetached({ ...common, command: software.serverScript, args: [], env, onEnd }) });
  }

  async #untilReady(): Promise<string> {
    return await pollUntil(
      () => {
        if (!this.running) throw this.#startFailure('ended while it started');
        return probeBroker(this);
      },
      {
        timeoutMs: readyTimeoutMs,
        everyMs: 50,
        onTimeout: () => this.#startFailure(`is not ready after ${readyTimeoutMs} ms`),
      },
    );
  }

  /** The node's reasons stand before the crash reports with which it ends; the earliest are printed, not yet logged. */
  #startFailure(what: string): Error {
    const printed = lastLines(brokerLayout(this.directory).outputFile, 300);
    const reasons = [...printed, ...lastLines(this.logFile, 300)].filter((line) => line.includes('[error]'));
    const lines = [...reasons.slice(0, 15), ...printed.slice(-3)].map((line) => line.slice(0, 300)).join('\n');
    return new Error(
      `the private RabbitMQ node in ${this.directory} ${what}. Its log is ${this.logFile}, and says:\n${lines}`,
    );
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL', graceMs: number): Promise<void> {
    this.#reread();
    const { node, epmd } = this.#record;
    if (node !== null) await endProcessTree(node, { signal, graceMs });
    if (epmd !== null) await endProcessTree(epmd, { signal: 'SIGTERM', graceMs: 2_000 });
    this.#save({ node: null, epmd: null });
  }

  /** Another process may have stopped and started the node since. */
  #reread(): void {
    this.#record = readState(brokerLayout(this.directory).stateFile, brokerRecord) ?? this.#record;
  }

  #save(change: Partial<BrokerRecord>): void {
    this.#record = { ...this.#record, ...change };
    writeState(brokerLayout(this.directory).stateFile, this.#record);
  }
}

/** @see PrivateBroker.start */
export function startPrivateBroker(options: PrivateBrokerOptions): Promise<PrivateBroker> {
  return PrivateBroker.start(options);
}

async function newRecord(options: PrivateBrokerOptions): Promise<BrokerRecord> {
  const [amqp, management, stream, prometheus, distribution, epmd] = z
    .tuple([port, port, port, port, port, port])
    .parse(await freePorts(6));
  return {
    nodeName: `warren-${randomBytes(4).toString('hex')}@localhost`,
    password: randomBytes(18).toString('base64url'),
    ports: { amqp, management, stream, prometheus, distribution, epmd },
    software: {
      ...options.software,
      pluginFolders: [...(options.pluginFolders ?? []), ...options.software.pluginFolders],
    },
    settings: options.settings ?? {},
    searchPath: options.searchPath,
    version: '',
    node: null,
    epmd: null,
  };
}
