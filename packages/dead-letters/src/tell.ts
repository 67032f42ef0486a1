import { type EventPublisher, type Publisher, replyTo, taskEvent, taskFacts } from '@warren/broker';
import type { Task } from '@warren/ledger';
import type { Logger } from 'pino';

export interface TellParts {
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly events: Pick<EventPublisher, 'publish'>;
  readonly now: () => number;
  readonly log: Logger;
}

/** For those who watch a task that was moved, or wait for its outcome; best effort, and nobody waits for it. */
export function tell(task: Task, { events, log, now, publisher }: TellParts): void {
  events.publish(taskEvent(task, now()));
  const reply = task.state === 'parked' ? replyTo(task) : undefined;
  if (!reply) return;
  publisher.publish(reply).catch((error: unknown) => log.debug({ err: error, ...taskFacts(task) }, 'reply not sent'));
}
