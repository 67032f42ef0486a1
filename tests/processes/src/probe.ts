import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineTaskType, reasonCodes, TaskFailure } from '@warren/tasks';
import { completed, type Handler, snoozed } from '@warren/worker';
import { z } from 'zod';

/** A task type for tests: it does what its input says, and writes what it did into a file. */
export const probeInput = z.strictObject({
  name: z.string().default('probe'),
  /** Lines `<name> <event> <pid>` are appended to it. */
  journal: z.string(),
  act: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('finish') }),
    /** Goes on when the file `gate` exists; ends at once when its signal is aborted. */
    z.strictObject({ kind: z.literal('wait'), gate: z.string() }),
    /** The same, but it does not listen to its signal. */
    z.strictObject({ kind: z.literal('ignore-signal'), gate: z.string() }),
    /** Takes its whole process along. */
    z.strictObject({ kind: z.literal('kill-worker') }),
    /** Comes back after so long, again and again, until the file `gate` exists. */
    z.strictObject({ kind: z.literal('snooze'), gate: z.string(), delayMs: z.number() }),
    /** Fails so many attempts, then finishes. */
    z.strictObject({ kind: z.literal('fail'), code: z.enum(reasonCodes), attempts: z.number().int() }),
  ]),
});

export type ProbeInput = z.infer<typeof probeInput>;

export const probeResult = z.object({ name: z.string(), attempt: z.number(), pid: z.number() });

export const probe = defineTaskType({
  name: 'probe',
  summary: 'does as it is told, for tests',
  input: probeInput,
  result: probeResult,
  policy: {
    concurrency: 10,
    leaseMs: Number(process.env.PROBE_LEASE_MS ?? 30_000),
    attemptTimeoutMs: Number(process.env.PROBE_TIMEOUT_MS ?? 120_000),
    maxAttempts: 3,
    backoff: { baseMs: 50, factor: 2, maxMs: 500 },
  },
});

export const handleProbe: Handler<ProbeInput, z.infer<typeof probeResult>> = async (input, context) => {
  const note = (event: string) => appendFileSync(input.journal, `${input.name} ${event} ${process.pid}\n`);
  note('started');
  context.progress({ message: 'started', done: 0, total: 1 });
  if (input.act.kind === 'snooze' && !existsSync(input.act.gate)) return snoozed(input.act.delayMs, 'told to snooze');
  await act(input, context.attempt, context.signal);
  note('finished');
  return completed({ name: input.name, attempt: context.attempt, pid: process.pid }, { probes: 1 });
};

async function act({ act }: ProbeInput, attempt: number, signal: AbortSignal): Promise<void> {
  switch (act.kind) {
    case 'finish':
    case 'snooze':
      return;
    case 'wait':
      return waitForFile(act.gate, signal);
    case 'ignore-signal':
      return waitForFile(act.gate);
    case 'kill-worker':
      process.kill(process.pid, 'SIGKILL');
      return new Promise(() => undefined);
    case 'fail':
      if (attempt <= act.attempts) throw new TaskFailure(act.code, `told to fail attempt ${attempt}`);
  }
}

async function waitForFile(path: string, signal?: AbortSignal): Promise<void> {
  for (;;) {
    signal?.throwIfAborted();
    if (existsSync(path)) return;
    await sleep(5);
  }
}
