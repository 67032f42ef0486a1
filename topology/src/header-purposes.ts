import { headers } from '@warren/tasks';
import { delayHeader } from './names.js';

/** Who puts a header on a message. `dead letter`: Warren, on its way to exchange `dead`. */
export type HeaderWriter = 'submitter' | 'Warren' | 'dead letter' | 'nobody';

export type HeaderName = (typeof headers)[keyof typeof headers] | typeof delayHeader;

/** What each header says, one line for people. A header without an entry here does not compile. */
export const headerPurposes: Readonly<Record<HeaderName, { readonly writer: HeaderWriter; readonly purpose: string }>> =
  {
    [headers.idempotencyKey]: {
      writer: 'submitter',
      purpose: 'The same key again gives the same task, and no second one.',
    },
    [headers.tenant]: { writer: 'submitter', purpose: 'For whom the task is.' },
    [headers.group]: { writer: 'submitter', purpose: 'Which tasks belong together.' },
    [headers.deadline]: {
      writer: 'submitter',
      purpose: 'When the task is of no use any more: ISO 8601, epoch milliseconds or an AMQP timestamp.',
    },
    [headers.entities]: {
      writer: 'submitter',
      purpose: 'What the task is about: an array of names, or one string with commas.',
    },
    [headers.traceparent]: { writer: 'submitter', purpose: 'The W3C trace that the task is a part of.' },
    [headers.dispatch]: {
      writer: 'Warren',
      purpose: 'Which dispatch of its task the message is a ticket for, from 1. An older one is acknowledged unworked.',
    },
    [headers.attempt]: { writer: 'Warren', purpose: 'Which attempt the message is for, from 1.' },
    [headers.copy]: { writer: 'Warren', purpose: 'Names one published copy: two copies of a dispatch differ in it.' },
    [headers.reasonCode]: { writer: 'dead letter', purpose: 'Why, as one code of a closed list.' },
    [headers.error]: { writer: 'dead letter', purpose: 'Why, in words; a long text is cut.' },
    [headers.worker]: { writer: 'dead letter', purpose: 'Who had the last attempt.' },
    [headers.retryAfterMs]: {
      writer: 'dead letter',
      purpose: 'How long to wait at least before the next attempt, in milliseconds, where the failure said so.',
    },
    [headers.history]: { writer: 'dead letter', purpose: 'The newest attempts, as JSON; the ledger has them all.' },
    [headers.sourceQueue]: { writer: 'nobody', purpose: 'Reserved: taken off what is submitted again.' },
    [delayHeader]: {
      writer: 'Warren',
      purpose: 'Milliseconds to wait, read by the delayed-message plugin; it may come back negated.',
    },
  };
