import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  connectBroker,
  createDispatcher,
  createPublisher,
  delayBy,
  listenEvents,
  type Publisher,
  taskEventBody,
} from '@warren/broker';
import { createIntake, type Intake } from '@warren/intake';
import { type Ledger, type Letter, openLedger, type Task } from '@warren/ledger';
import { isFinal } from '@warren/tasks';
import { delayMechanisms, exchangeNames } from '@warren/topology';
import { pino } from 'pino';
import { z } from 'zod';
import type { StackStatus } from '../stack-state.js';
import { countDemo, type DemoCount } from './demo-count.js';
import { type DemoOutcome, type ReportStyle, reportText } from './demo-report.js';
import { type DemoTask, malformedLabel, malformedMessage } from './demo-tasks.js';
import { eventLine } from './event-line.js';

/** How long the demo waits for its tasks, in milliseconds. On two cores they take about ten seconds. */
const settleWithinMs = 120_000;
const pollMs = 100;

export interface DemoParts {
  readonly stack: Pick<StackStatus, 'broker' | 'delay' | 'ledger'>;
  readonly tasks: readonly DemoTask[];
  /** Told each step, a line. */
  readonly note: (line: string) => void;
  readonly style: ReportStyle;
  readonly signal: AbortSignal;
}

export interface DemoFindings {
  readonly count: DemoCount;
  /** What is not as it should be; empty when all is. */
  readonly surprises: readonly string[];
  /** Results and stories for a person. */
  readonly text: string;
}

interface Ground {
  readonly ledger: Ledger;
  readonly intake: Intake;
  readonly publisher: Publisher;
}

/**
 * Submits the tasks and one malformed message to a running stack, waits for all of them, and tells what it found in the
 * ledger. Broken off by the signal, it cancels what is open of its tasks and rejects.
 */
export async function runDemo(parts: DemoParts): Promise<DemoFindings> {
  const { stack, tasks, note, style, signal } = parts;
  if (stack.broker === null || stack.ledger === null)
    throw new Error('the demo needs a running stack: "warren up" starts one');
  const ledger = await openLedger(stack.ledger.url);
  const log = pino({ level: 'silent' });
  const connection = await connectBroker({ urls: stack.broker.amqpUrl, name: 'demo', log });
  const publisher = createPublisher(connection);
  const delay = delayBy(z.enum(delayMechanisms).parse(stack.delay));
  const dispatcher = createDispatcher({ ledger, publisher, delay, now: Date.now, newCopy: randomUUID });
  const ground = { ledger, publisher, intake: createIntake({ ledger, dispatcher }) };
  const labels = new Map<string, string>();
  const listener = await listenEvents(connection, {
    bindingKeys: ['#'],
    log,
    onEvent: ({ body }) => {
      const event = taskEventBody.safeParse(JSON.parse(body.toString())).data;
      const label = labels.get(event?.task_id ?? '');
      const line = event && label !== undefined ? eventLine(label, event) : undefined;
      if (line !== undefined) note(line);
    },
  });
  try {
    const ids = await submitAll(tasks, labels, ground, note);
    const messageId = await sendMalformed(publisher);
    note(`submitted ${messageId}: ${malformedLabel}`);
    await untilSettled(ids, messageId, ledger, signal);
    return await findings(tasks, ids, messageId, { ledger, style });
  } catch (error) {
    await cancelOpen([...labels.keys()], ledger);
    throw error;
  } finally {
    await listener.close();
    await publisher.close();
    await connection.close();
    await ledger.close();
  }
}

async function submitAll(
  tasks: readonly DemoTask[],
  labels: Map<string, string>,
  { intake }: Ground,
  note: (line: string) => void,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const { label, submission } of tasks) {
    const id = randomUUID();
    labels.set(id, label);
    const answer = await intake.submit({ ...submission, id });
    if (answer.kind === 'rejected')
      throw new Error(`the demo's task "${label}" was rejected: ${answer.defect.message}`);
    note(`submitted ${id}: ${label}`);
    ids.push(id);
  }
  return ids;
}

/** Nobody waits any more for what a demo that was broken off has submitted. */
async function cancelOpen(ids: readonly string[], ledger: Ledger): Promise<void> {
  for (const id of ids) {
    const task = await ledger.queries.task(id);
    if (task === undefined || isSettled(task)) continue;
    await ledger.cancel(id, { now: Date.now(), reason: 'the demo that submitted it was broken off' });
  }
}

function isSettled({ state }: Task): boolean {
  return isFinal(state) || state === 'parked';
}

async function sendMalformed(publisher: Publisher): Promise<string> {
  const messageId = randomUUID();
  await publisher.publish({
    exchange: exchangeNames.submit,
    routingKey: 'summarize',
    body: Buffer.from(malformedMessage),
    properties: { messageId, contentType: 'application/json' },
  });
  return messageId;
}

/** Asked of the ledger, which knows; events only tell the story meanwhile. */
async function untilSettled(
  ids: readonly string[],
  messageId: string,
  ledger: Ledger,
  signal: AbortSignal,
): Promise<void> {
  const giveUpAt = performance.now() + settleWithinMs;
  const waiting = new Set(ids);
  while (performance.now() < giveUpAt) {
    for (const id of waiting) {
      const task = await ledger.queries.task(id);
      if (task && isSettled(task)) waiting.delete(id);
    }
    if (waiting.size === 0 && (await letterOf(messageId, ledger))) return;
    await sleep(pollMs, undefined, { signal });
  }
}

async function letterOf(messageId: string, ledger: Ledger): Promise<Letter | undefined> {
  const letters = await ledger.letters.list({ states: ['parked'], limit: 100 });
  return letters.find((letter) => letter.properties.includes(messageId));
}

async function findings(
  tasks: readonly DemoTask[],
  ids: readonly string[],
  messageId: string,
  { ledger, style }: { readonly ledger: Ledger; readonly style: ReportStyle },
): Promise<DemoFindings> {
  const letter = await letterOf(messageId, ledger);
  const rows = await Promise.all(ids.map((id) => ledger.queries.task(id)));
  const outcomes: DemoOutcome[] = [];
  for (const [index, { label }] of tasks.entries()) {
    const task = rows[index];
    if (!task) continue;
    outcomes.push({
      label,
      task,
      runs: await ledger.queries.runs(task.id),
      result: (await ledger.queries.result(task.id))?.result,
      advice: (await ledger.letters.find(task.id))?.advice ?? undefined,
    });
  }
  return {
    count: countDemo(rows, [letter]),
    surprises: [...surprises(tasks, rows), ...(letter ? [] : ['the malformed message was not parked'])],
    text: reportText(outcomes, letter ? [letter] : [], style),
  };
}

function surprises(tasks: readonly DemoTask[], rows: readonly (DemoOutcome['task'] | undefined)[]): string[] {
  return tasks.flatMap(({ label, ends, onAttempt }, index) => {
    const task = rows[index];
    if (!task) return [`"${label}" is not in the ledger`];
    if (task.state === ends && task.attempt === onAttempt) return [];
    return [`"${label}" was to be ${ends} on attempt ${onAttempt}; it is ${task.state} on attempt ${task.attempt}`];
  });
}
