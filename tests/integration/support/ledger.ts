import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll } from '@jest/globals';
import { type ClaimRequest, type Ledger, openLedger, type Task } from '@warren/ledger';
import { newTask } from '../../fixtures/task.js';
import { freshDatabase } from './postgres.js';

/** A database that is made for one test file, and every ledger that was opened on it. */
export interface LedgerHome {
  readonly url: string;
  /** Another ledger on the same database, as another process would have it. */
  open(): Promise<Ledger>;
  /** Closes all of them and deletes the database. */
  dispose(): Promise<void>;
}

export const ledgerKinds = [
  { kind: 'sqlite', makeHome: makeSqliteHome },
  { kind: 'postgres', makeHome: makePostgresHome },
] as const;

export async function makeSqliteHome(): Promise<LedgerHome> {
  const folder = mkdtempSync(path.join(tmpdir(), 'warren-ledger-'));
  return homeAt(path.join(folder, 'ledger.db'), async () => rmSync(folder, { recursive: true, force: true }));
}

export async function makePostgresHome(): Promise<LedgerHome> {
  const { dispose, url } = await freshDatabase();
  return homeAt(url, dispose);
}

function homeAt(url: string, remove: () => Promise<void>): LedgerHome {
  const ledgers: Ledger[] = [];
  return {
    url,
    async open() {
      const ledger = await openLedger(url);
      ledgers.push(ledger);
      return ledger;
    },
    async dispose() {
      await Promise.all(ledgers.map((ledger) => ledger.close()));
      await remove();
    },
  };
}

/** Two ledgers on one database, as two processes have them. */
export interface LedgerPair {
  readonly ledger: Ledger;
  readonly other: Ledger;
  /** Submits a new task by `ledger`; its id. */
  submitted(change?: Partial<Task>, payload?: string): Promise<string>;
}

/** A pair for the tests of the block that calls it, from its beginning to its end. */
export function ledgerPair(makeHome: () => Promise<LedgerHome>): () => LedgerPair {
  let home: LedgerHome | undefined;
  let pair: LedgerPair | undefined;
  beforeAll(async () => {
    home = await makeHome();
    const [ledger, other] = await Promise.all([home.open(), home.open()]);
    const submitted: LedgerPair['submitted'] = async (change = {}, payload = '{}') => {
      const id = randomUUID();
      await ledger.submit({ task: newTask(id, change), payload });
      return id;
    };
    pair = { ledger, other, submitted };
  }, 60_000);
  afterAll(() => home?.dispose(), 60_000);

  return () => {
    if (!pair) throw new Error('there are no ledgers outside of a test');
    return pair;
  };
}

export function claimRequest(now: number, change: Partial<ClaimRequest> = {}): ClaimRequest {
  const sole = { redelivered: false, alone: false, owner: 'worker-1', copy: 'copy-1' };
  return { ...sole, dispatch: 1, now, leaseMs: 30_000, maxCrashes: 3, ...change };
}

/** Claims a task that nobody holds; the run's token. Throws when it is not given. */
export async function claimRun(
  ledger: Ledger,
  id: string,
  now: number,
  change: Partial<ClaimRequest> = {},
): Promise<number> {
  const answer = await ledger.claim(id, claimRequest(now, change));
  if (answer.kind !== 'run') throw new Error(`the claim of ${id} was answered with ${answer.kind}`);
  return answer.task.token;
}

/** Notes the confirm of what the task's present dispatch publishes, as somebody who read it just now. */
export async function confirm(ledger: Ledger, id: string, now: number): ReturnType<Ledger['published']> {
  const task = await ledger.queries.task(id);
  if (!task) throw new Error(`there is no task ${id}`);
  const { dispatch, dispatchedAt } = task;
  return await ledger.published(id, { dispatch, dispatchedAt, now });
}

/** A process of its own that runs `script` with the compiled ledger in scope as `openLedger`, and `url`. */
export interface LedgerProcess {
  /** What it printed, a line of JSON each, once it has ended well. */
  readonly lines: Promise<unknown[]>;
  /** Lets a script that waits at `await start()` begin. */
  begin(): void;
  /** Resolves when it waits at `await start()`. */
  readonly ready: Promise<void>;
}

export function startLedgerProcess(url: string, script: string): LedgerProcess {
  const compiled = pathToFileURL(path.resolve(import.meta.dirname, '../../../packages/ledger/dist/index.js')).href;
  const program = `
    import { once } from 'node:events';
    import { openLedger } from ${JSON.stringify(compiled)};
    const url = ${JSON.stringify(url)};
    const print = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
    const start = async () => { print('ready'); await once(process.stdin, 'data'); process.stdin.destroy(); };
    ${script}
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'pipe' });
  const lines: unknown[] = [];
  const output = createInterface({ input: child.stdout });
  const ready = new Promise<void>((resolve) => {
    output.on('line', (line) => {
      if (line === '"ready"') resolve();
      else lines.push(JSON.parse(line));
    });
  });
  return { lines: ended(child).then(() => lines), ready, begin: () => child.stdin.end('go\n') };
}

async function ended(child: ChildProcess & { readonly stderr: NodeJS.ReadableStream }): Promise<void> {
  let complaints = '';
  child.stderr.on('data', (chunk) => {
    complaints += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`the process ended with ${code}: ${complaints}`);
}
