import type { NewLetter, RelatedIds, Task } from '@warren/ledger';
import { classOf, encodeBody } from '@warren/tasks';
import { routingKey, workQueue } from '@warren/topology';
import { keepProperties } from './kept-properties.js';

/** A letter about a task that no letter was met of, from what the ledger knows. `payload`: the input's JSON. */
export function letterAbout(task: Task, payload: string): NewLetter {
  return {
    taskId: task.id,
    type: task.type,
    dispatch: task.dispatch,
    code: task.reasonCode ?? 'unknown',
    reason: task.reason ?? '',
    body: encodeBody(task.id, task.type, payload),
    properties: keepProperties({ messageId: task.id, contentType: 'application/json', priority: task.priority }),
    sourceQueue: workQueue(task.type),
    routingKey: routingKey(task.type, classOf(task.priority)),
    related: relatedTo(task),
  };
}

export function relatedTo(task: Task): RelatedIds {
  return {
    ...(task.tenant === '' ? {} : { tenant: task.tenant }),
    ...(task.group === null ? {} : { group: task.group }),
    ...(task.idempotencyKey === null ? {} : { idempotencyKey: task.idempotencyKey }),
    ...(task.correlationId === null ? {} : { correlationId: task.correlationId }),
    ...(task.entities.length === 0 ? {} : { entities: task.entities }),
  };
}
