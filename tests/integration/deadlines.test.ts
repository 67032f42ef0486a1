import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Service } from '@warren/cli';
import { dlqProcessorConfigFrom, startDlqProcessor } from '@warren/dlq-processor';
import { addTaskCommands } from '@warren/producer';
import { headers, summarize } from '@warren/tasks';
import { runWorker, type Worker, workerConfigFrom } from '@warren/worker';
import { z } from 'zod';
import { type Ended, runCommandLine } from './support/command-line.js';
import { testLog as log } from './support/test-log.js';
import { until } from './support/until.js';
import { type WayIn, wayIn } from './support/way-in.js';

const past = '2020-01-01T00:00:00Z';
const input = { text: 'Rabbits dig.' };

/** Without broker and ledger: bad usage is told before either is looked for. */
function warren(args: readonly string[], stdin = ''): Promise<Ended> {
  return runCommandLine([...args, '--json'], {}, (program, context) =>
    addTaskCommands(program, context, {
      findStack: () => undefined,
      stdin: Readable.from([Buffer.from(stdin)]),
      interruption: () => new AbortController().signal,
    }),
  );
}

const errorShape = z.object({ error: z.record(z.string(), z.unknown()) });
const errorOf = ({ stderr }: Ended) => errorShape.parse(JSON.parse(stderr)).error;

describe('a deadline that has passed, on the command line', () => {
  it.each(['task submit', 'publish'])('is bad usage of %s that names the flag', async (command) => {
    const flags = ['--text', 'Rabbits dig.', '--deadline', past];
    const refused = await warren([...command.split(' '), 'summarize', ...flags]);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(errorOf(refused)).toEqual({
      code: 'usage',
      field: '--deadline',
      message: '--deadline: 2020-01-01T00:00:00Z has passed',
      next: 'set one that is still to come, or leave it out',
    });
  });

  it('of a line of --from rejects that line, naming the field; the others go on', async () => {
    const lines = [
      { input, deadline: past },
      { payload: input, deadline: Date.parse(past) },
      { input, deadline: Date.now() + 60_000, delayMs: 120_000 },
      { input, deadline: Date.now() + 3_600_000, delayMs: 60_000 },
      { input },
      { input, deadline: -9_000_000_000_000_000 },
    ];
    const text = lines.map((line) => JSON.stringify(line)).join('\n');
    const ended = await warren(['task', 'submit', 'summarize', '--from', '-', '--dry-run'], text);
    expect(ended.code).toBe(3);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      accepted: 2,
      rejected: 4,
      rejections: [
        { line: 1, field: 'deadline', code: 'usage', message: expect.stringMatching(/^deadline: 2020.* has passed$/) },
        { line: 2, field: 'deadline', code: 'usage', message: expect.stringMatching(/^deadline: 2020.* has passed$/) },
        { line: 3, field: 'deadline', message: 'deadline: it passes before delayMs lets the task start' },
        { line: 6, field: 'deadline', code: 'invalid-input' },
      ],
    });
  });
});

describe('a deadline that has passed, in a message of queue submitted', () => {
  let ground: WayIn;
  let worker: Worker;
  let processor: Service;
  const worked: string[] = [];

  beforeAll(async () => {
    ground = await wayIn();
    await ground.startProducer();
    const { amqpUrl, ledgerUrl } = ground;
    const addresses = { AMQP_URL: amqpUrl, LEDGER_URL: ledgerUrl, WARREN_DELAY: 'ladder' };
    processor = await startDlqProcessor({ config: dlqProcessorConfigFrom(addresses), log });
    worker = await runWorker({
      type: summarize,
      handler: async (_input, { taskId }) => {
        worked.push(taskId);
        throw new Error('it was worked');
      },
      config: workerConfigFrom(addresses, summarize),
      log,
    });
  }, 60_000);

  afterAll(async () => {
    await worker?.stop();
    await processor?.stop();
    await ground.dispose();
  }, 60_000);

  it('is no error: the task is on record, no handler has it, and it ends as expired', async () => {
    const id = randomUUID();
    const body = { task_id: id, task_type: 'summarize', payload: input };
    expect(await ground.publish({ body, properties: { headers: { [headers.deadline]: past } } })).toBe(true);
    // The letter is decided last, a moment after its task.
    await until(async () => (await ground.ledger.letters.find(id))?.state === 'parked');
    expect(await ground.task(id)).toMatchObject({
      reasonCode: 'expired',
      reason: expect.stringMatching(/^its deadline passed \d+ ms before a worker had time for it$/),
      deadlineAt: Date.parse(past),
    });
    expect(worked).toEqual([]);
    expect(await ground.ledger.queries.runs(id)).toEqual([]);
    expect(await ground.ledger.letters.find(id)).toMatchObject({ code: 'expired' });
  });
});
