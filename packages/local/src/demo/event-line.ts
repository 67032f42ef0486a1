import type { TaskEventBody } from '@warren/broker';

/** What the demo tells of an event: the changes that decide what becomes of a task, and no steps on the way. Pure. */
export function eventLine(label: string, { event, attempt }: TaskEventBody): string | undefined {
  switch (event) {
    case 'retry-scheduled':
      return `  ${label}: attempt ${attempt - 1} failed, attempt ${attempt} is scheduled`;
    case 'completed':
      return `  ${label}: completed${attempt === 1 ? '' : ` on attempt ${attempt}`}`;
    case 'parked':
    case 'cancelled':
    case 'discarded':
      return `  ${label}: ${event}`;
    case 'accepted':
    case 'scheduled':
    case 'queued':
    case 'running':
    case 'snoozed':
    case 'dead-lettered':
    case 'progress':
      return undefined;
  }
}
