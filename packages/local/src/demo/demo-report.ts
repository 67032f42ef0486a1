import type { AttemptRun, Letter, Task } from '@warren/ledger';
import { type ResearchResult, researchResult, type SummarizeResult, summarizeResult } from '@warren/tasks';
import { malformedLabel } from './demo-tasks.js';

/** What became of one task of the demo. */
export interface DemoOutcome {
  readonly label: string;
  readonly task: Task;
  readonly runs: readonly AttemptRun[];
  /** JSON; undefined while it has none. */
  readonly result: string | undefined;
  /** Of a parked task: what to do next. */
  readonly advice: string | undefined;
}

export interface ReportStyle {
  /** Makes a command of Warren's such as this person can paste it. */
  readonly hint: (text: string) => string;
  /** Of the terminal, in cells; undefined where there is none. */
  readonly width: number | undefined;
}

/** Prose is hard to read in longer lines, in cells. */
const widest = 100;
/** Where there is no terminal that says how wide it is. */
const usualWidth = 80;

/** The demo's findings for a person, wrapped for their terminal. */
export function reportText(
  outcomes: readonly DemoOutcome[],
  letters: readonly Letter[],
  { hint, width = usualWidth }: ReportStyle,
): string {
  const style = { hint, width: Math.min(widest, width) };
  return [
    ...outcomes.map((outcome) => outcomeText(outcome, style)),
    ...letters.map((letter) => letterText(letter, style)),
  ].join('\n\n');
}

interface Style {
  readonly hint: ReportStyle['hint'];
  readonly width: number;
}

function outcomeText(outcome: DemoOutcome, style: Style): string {
  const { label, task, runs } = outcome;
  const attempts = task.attempt === 1 ? '' : ` on attempt ${task.attempt}`;
  return [
    `● ${label}: ${task.state}${attempts}`,
    ...indented([...failures(runs), ...resultLines(outcome)], style),
    ...(task.state === 'parked' ? [lookAt(task.id, style)] : []),
  ].join('\n');
}

/** Never wrapped: it is to be pasted. */
function lookAt(id: string, { hint }: Style): string {
  return `    ${hint(`warren dead-letters show ${id}`)}`;
}

function failures(runs: readonly AttemptRun[]): string[] {
  return runs.flatMap((run) =>
    run.outcome === 'failed' ? [`attempt ${run.attempt} failed: ${run.code}: ${run.error ?? ''}`] : [],
  );
}

function resultLines({ task, result, advice }: DemoOutcome): string[] {
  if (task.state === 'parked') return [`parked as ${task.reasonCode}; next: ${advice ?? 'look at it'}`];
  if (result === undefined) return [];
  const parsed: unknown = JSON.parse(result);
  return task.type === 'research'
    ? answerLines(researchResult.parse(parsed))
    : summaryLines(summarizeResult.parse(parsed));
}

function summaryLines({ summary, keywords }: SummarizeResult): string[] {
  return [summary, ...(keywords.length === 0 ? [] : [`keywords: ${keywords.map(({ word }) => word).join(', ')}`])];
}

function answerLines({ answer, unanswered }: ResearchResult): string[] {
  return [
    ...answer.map(({ text, citation }) => `${text} [${citation.source}:${citation.line}]`),
    ...unanswered.map((part) => `the sources hold nothing on: ${part}`),
  ];
}

function letterText({ id, code, reason, advice }: Letter, style: Style): string {
  return [
    `● ${malformedLabel}: parked as ${code}`,
    ...indented([reason, `next: ${advice ?? 'look at it'}`], style),
    lookAt(id, style),
  ].join('\n');
}

function indented(lines: readonly string[], { width }: Style): string[] {
  return lines.flatMap((line) => wrapped(line, width - 4)).map((line) => `    ${line}`);
}

function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
