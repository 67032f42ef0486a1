import type { Submission } from '@warren/intake';

/** One task of the demo: what is submitted, and where it has to end. */
export interface DemoTask {
  /** How the demo speaks of it. */
  readonly label: string;
  readonly submission: Submission;
  readonly ends: 'completed' | 'parked';
  /** The attempt on which it has to end. */
  readonly onAttempt: number;
}

/** Real input: this repository's own documents, a page that is overloaded at first, and a file that is not there. */
export function demoTasks(flakyUrl: string): readonly DemoTask[] {
  // Relative to the workers' first folder, which is this repository: citations then read like a person's.
  const file = (path: string) => ({ kind: 'file', path });
  const summary = (path: string): DemoTask => ({
    label: `summarize ${path}`,
    submission: { type: 'summarize', input: { source: file(path), length: 'short' } },
    ends: 'completed',
    onAttempt: 1,
  });
  return [
    summary('README.md'),
    summary('docs/task-lifecycle.md'),
    summary('docs/adr/0001-ledger-as-truth-with-dispatch-and-lease.md'),
    {
      label: 'research: how does Warren take over from a killed worker?',
      submission: {
        type: 'research',
        input: {
          question: 'What happens to a task when its worker is killed, and why does no task complete twice?',
          sources: [file('README.md'), file('docs')],
          sentences: 5,
        },
      },
      ends: 'completed',
      onAttempt: 1,
    },
    {
      label: 'summarize a page that is overloaded twice',
      submission: { type: 'summarize', input: { source: { kind: 'url', url: flakyUrl }, length: 'short' } },
      ends: 'completed',
      onAttempt: 3,
    },
    {
      label: 'summarize a file that is not there',
      submission: { type: 'summarize', input: { source: file('docs/not-here.md') } },
      ends: 'parked',
      onAttempt: 1,
    },
  ];
}

export const malformedLabel = 'a message that is no task';

/** Sent straight to exchange `submit`, as a foreign producer with a defect would. */
export const malformedMessage = '{"task_id": "not-an-id", "task_type": "summarize", "payload": ';
