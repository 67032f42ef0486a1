import type { AttemptRun, Ledger, PublishedRequest, Task } from '@warren/ledger';
import { classOf, encodeBody, headers, maxErrorMessageChars, type ReasonCode } from '@warren/tasks';
import { exchangeNames, maxQueueTtlMs, routingKey } from '@warren/topology';
import { type Delay, type DelayRoute, routedProperties } from './delay.js';
import type { Publication, Publisher } from './publisher.js';

/** Publishes what the ledger says is owed. Everybody who moves a task uses it, and so does the sweeper. */
export interface Dispatcher {
  /**
   * Publishes what the task's present dispatch owes and notes the confirm. Resolves after the confirm; the note is
   * committed with the ledger's next batch, and if it is lost, the sweeper publishes a copy that dispatch absorbs.
   * Throws `PublishError`; the debt then stands, and the sweeper makes it good.
   */
  dispatch(task: Task, payload: string): Promise<void>;
  /**
   * Publishes another copy of the present dispatch, to arrive at `until` (epoch milliseconds); nothing is noted. For a
   * message that came too early or while its task is worked.
   */
  putBack(task: Task, payload: string, until: number): Promise<void>;
  /**
   * Publishes another copy of what the present dispatch once published (its ticket, or its dead letter), at once, and
   * notes the confirm before it resolves. For the sweeper, where a message was lost.
   */
  republish(task: Task, payload: string): Promise<void>;
}

export interface DispatcherParts {
  readonly ledger: Pick<Ledger, 'published' | 'notePublished' | 'queries'>;
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly delay: Delay;
  readonly now: () => number;
  /** A name for one published copy, unique over all processes. */
  readonly newCopy: () => string;
}

export function createDispatcher(parts: DispatcherParts): Dispatcher {
  const { ledger, publisher, delay, now, newCopy } = parts;
  return {
    async dispatch(task, payload) {
      if (task.owed === null) return;
      await publishOwed(task, payload);
      ledger.notePublished(task.id, confirmOf(task)).catch(() => undefined);
    },
    async putBack(task, payload, until) {
      const route = delay.route(until - now(), keyOf(task));
      await publisher.publish(ticket(task, payload, newCopy(), route));
    },
    async republish(task, payload) {
      await publishOwed({ ...task, owed: task.state === 'dead-lettered' ? 'dead' : 'task' }, payload);
      await ledger.published(task.id, confirmOf(task));
    },
  };

  function confirmOf({ dispatch, dispatchedAt }: Task): PublishedRequest {
    return { dispatch, dispatchedAt, now: now() };
  }

  async function publishOwed(task: Task, payload: string): Promise<void> {
    const runs = task.owed === 'dead' ? await ledger.queries.runs(task.id) : [];
    await publisher.publish(owedPublication(task, payload, { delay, now: now(), copy: newCopy(), runs }));
  }
}

/** What a task owes, as a publication. Pure. */
export function owedPublication(
  task: Task,
  payload: string,
  given: { delay: Delay; now: number; copy: string; runs: readonly AttemptRun[] },
): Publication {
  switch (task.owed) {
    case 'task':
    case null:
      return ticket(task, payload, given.copy, given.delay.route(0, keyOf(task)));
    case 'delayed':
      return ticket(task, payload, given.copy, given.delay.route(task.dueAt - given.now, keyOf(task)));
    case 'dead':
      return deadLetter(task, payload, given.copy, given.runs);
  }
}

function keyOf(task: Task): string {
  return routingKey(task.type, classOf(task.priority));
}

function ticket(task: Task, payload: string, copy: string, route: DelayRoute): Publication {
  const properties = {
    ...propertiesOf(task, copy),
    // The broker takes no longer one; what it does not expire in time, the claim does.
    ...(task.expiresMs === null ? {} : { expiration: String(Math.min(task.expiresMs, maxQueueTtlMs)) }),
  };
  return {
    exchange: route.exchange,
    routingKey: route.routingKey,
    body: encodeBody(task.id, task.type, payload),
    properties: routedProperties(route, properties),
  };
}

/** Runs told in a dead letter's headers: the newest ones. The ledger has them all. */
const maxHistory = 10;
/** Characters of each error in a dead letter's headers, so that all headers stay below 32 KiB. */
const maxHistoryErrorChars = 200;

function deadLetter(task: Task, payload: string, copy: string, runs: readonly AttemptRun[]): Publication {
  const last = runs.at(-1);
  const properties = propertiesOf(task, copy);
  return {
    exchange: exchangeNames.dead,
    routingKey: keyOf(task),
    body: encodeBody(task.id, task.type, payload),
    properties: {
      ...properties,
      headers: {
        ...properties.headers,
        [headers.reasonCode]: task.reasonCode ?? ('unknown' satisfies ReasonCode),
        [headers.error]: (task.reason ?? '').slice(0, maxErrorMessageChars),
        ...(last === undefined ? {} : { [headers.worker]: last.worker }),
        ...(last?.retryAfterMs ? { [headers.retryAfterMs]: last.retryAfterMs } : {}),
        [headers.history]: JSON.stringify(runs.slice(-maxHistory).map(historyEntry)),
      },
    },
  };
}

function historyEntry(run: AttemptRun): Record<string, unknown> {
  return {
    attempt: run.attempt,
    worker: run.worker,
    startedAt: run.startedAt,
    endedAt: run.endedAt,
    outcome: run.outcome,
    ...(run.code === null ? {} : { code: run.code }),
    ...(run.error === null ? {} : { error: run.error.slice(0, maxHistoryErrorChars) }),
  };
}

function propertiesOf(task: Task, copy: string): Publication['properties'] & { headers: Record<string, unknown> } {
  const given = {
    [headers.idempotencyKey]: task.idempotencyKey,
    [headers.tenant]: task.tenant === '' ? null : task.tenant,
    [headers.group]: task.group,
    [headers.deadline]: task.deadlineAt === null ? null : new Date(task.deadlineAt).toISOString(),
    [headers.entities]: task.entities.length === 0 ? null : task.entities,
    [headers.traceparent]: task.traceparent,
  };
  return {
    messageId: task.id,
    type: task.type,
    contentType: 'application/json',
    priority: task.priority,
    timestamp: Math.floor(task.createdAt / 1_000),
    ...(task.correlationId === null ? {} : { correlationId: task.correlationId }),
    ...(task.replyTo === null ? {} : { replyTo: task.replyTo }),
    headers: {
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null)),
      [headers.dispatch]: task.dispatch,
      [headers.attempt]: task.attempt,
      [headers.copy]: copy,
    },
  };
}
