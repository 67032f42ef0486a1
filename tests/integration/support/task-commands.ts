import path from 'node:path';
import { Readable } from 'node:stream';
import { expect } from '@jest/globals';
import type { Task } from '@warren/ledger';
import { addTaskCommands } from '@warren/producer';
import { type Ended, runCommandLine } from './command-line.js';
import type { WayIn } from './way-in.js';

export interface Around {
  /** Default: the ground's addresses. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly interruption?: AbortSignal;
}

/** `warren task …` and `warren publish` on one ground. */
export interface TaskCommands {
  /** Where they run. */
  readonly folder: string;
  warren(args: readonly string[], around?: Around): Promise<Ended>;
  /** Submits a task of type `summarize` and gives its id. Throws unless it is accepted. */
  submit(args: readonly string[]): Promise<string>;
  taskOf(id: string): Promise<Task>;
}

export function taskCommands(ground: WayIn): TaskCommands {
  const folder = path.dirname(ground.ledgerUrl);
  const addresses = {
    AMQP_URL: ground.amqpUrl,
    WARREN_MANAGEMENT_URL: ground.managementUrl,
    LEDGER_URL: ground.ledgerUrl,
    WARREN_DELAY: 'ladder',
  };
  const warren: TaskCommands['warren'] = (args, { env = addresses, input = '', interruption } = {}) =>
    runCommandLine(args, env, (program, context) =>
      addTaskCommands(program, context, {
        cwd: folder,
        stdin: Readable.from([Buffer.from(input)]),
        findStack: () => undefined,
        interruption: () => interruption ?? new AbortController().signal,
        pollMs: 50,
      }),
    );

  return {
    folder,
    warren,
    async submit(args) {
      const { code, stdout, stderr } = await warren(['task', 'submit', 'summarize', ...args]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('task accepted') });
      return stdout.trim();
    },
    async taskOf(id) {
      const task = await ground.task(id);
      if (task === undefined) throw new Error(`no task ${id}`);
      return task;
    },
  };
}

/** The error that a command with `--json` ended with. */
export function errorOf({ stderr }: Ended): Record<string, unknown> {
  return JSON.parse(stderr.trim().split('\n').at(-1) ?? '').error;
}
