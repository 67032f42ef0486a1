import {
  type Column,
  counted,
  type Field,
  formatAge,
  formatRoughly,
  formatTime,
  handActText,
  type Tone,
  truncate,
} from '@warren/cli';
import { type LetterDetails, replayMayHelp } from '@warren/dead-letters';
import type { AttemptRun, Letter, LetterOutline, LetterState } from '@warren/ledger';

/** Characters of a body or of headers that a person is shown; `--json` has them whole. */
const shownChars = 600;

/** @param states of those that are shown: where it is one alone, a narrow table need not say it. Default: any. */
export function letterColumns(now: () => number, states?: readonly LetterState[]): readonly Column<LetterOutline>[] {
  return [
    { name: 'id', text: ({ id, taskId }) => taskId ?? id },
    { name: 'type', text: ({ type }) => type ?? '-', yields: 1 },
    {
      name: 'state',
      text: ({ escalatedTo, state }) => (escalatedTo === null ? state : 'escalated'),
      tone: ({ state }) => toneOf(state),
      ...(states?.length === 1 ? { yields: 2 } : {}),
    },
    { name: 'code', text: ({ code }) => code },
    { name: 'age', text: ({ lastSeen }) => formatAge(lastSeen, now()), align: 'right' },
    { name: 'seen', text: ({ timesSeen }) => String(timesSeen), align: 'right', optional: true },
    { name: 'to', text: ({ escalatedTo }) => escalatedTo ?? '-', optional: true },
    { name: 'rule', text: ({ rule }) => rule ?? '-', optional: true },
    { name: 'tenant', text: ({ related }) => related.tenant ?? '-', optional: true },
    { name: 'queue', text: ({ sourceQueue }) => sourceQueue, optional: true },
    { name: 'reason', text: ({ reason }) => reason, flexible: true },
  ];
}

/** A letter as JSON has it: the body as bytes, and as text where it is some. */
export function letterJson(letter: Letter): object {
  return {
    ...letter,
    body: { base64: letter.body.toString('base64'), text: textOf(letter.body) ?? null },
    properties: JSON.parse(letter.properties),
  };
}

/** @param hint makes the commands in a text such as this person can paste. */
export function detailFields(
  { actsByHand, advice, letter, runs, task }: LetterDetails,
  now: number,
  hint: (text: string) => string,
): readonly Field[] {
  const { related } = letter;
  const seen = `${formatTime(letter.lastSeen)} (${formatAge(letter.lastSeen, now)} ago)`;
  return present([
    ['LETTER', letter.id],
    ['TASK', task === null ? 'none: the message says no task that is on record' : `${task.id}, ${task.state}`],
    ['TYPE', letter.type],
    ['STATE', stateText(letter, now), toneOf(letter.state)],
    ['CODE', letter.rule === null ? letter.code : `${letter.code} (rule ${letter.rule})`],
    ['REASON', letter.reason],
    ['NEXT', hint(nextWords(letter, advice)), 'strong'],
    ['FROM', letter.routingKey === '' ? letter.sourceQueue : `${letter.sourceQueue}, key ${letter.routingKey}`],
    ['FIRST SEEN', formatTime(letter.firstSeen)],
    ['LAST SEEN', letter.timesSeen === 1 ? seen : `${seen}, seen ${counted(letter.timesSeen, 'time')}`],
    ['TENANT', related.tenant],
    ['GROUP', related.group],
    ['KEY', related.idempotencyKey],
    ['CORRELATION', related.correlationId],
    ['ENTITIES', related.entities?.join(', ')],
    ...runs.map(
      (run): MaybeField => [`RUN ${run.token}`, runText(run, now), run.outcome === 'failed' ? 'bad' : undefined],
    ),
    ...actsByHand.map((act): MaybeField => ['BY HAND', handActText(act)]),
    ['PROPERTIES', truncate(letter.properties, shownChars)],
    ['BODY', bodyText(letter.body)],
  ]);
}

function stateText({ escalatedAt, escalatedTo, resolution, state }: Letter, now: number): string {
  if (escalatedTo === null) return resolution === null ? state : `${state}: ${resolution}`;
  return `${state}, escalated to ${escalatedTo} ${formatAge(escalatedAt ?? now, now)} ago`;
}

function nextWords({ code, id, state, taskId }: Letter, advice: string): string {
  if (state !== 'parked') return advice;
  const command = replayMayHelp(code)
    ? `warren dead-letters replay ${taskId ?? id}`
    : `warren dead-letters complete ${taskId ?? id} --note "what was done"`;
  return `${advice}\n${command}`;
}

function runText({ attempt, code, endedAt, error, outcome, startedAt, worker }: AttemptRun, now: number): string {
  const took = formatRoughly((endedAt ?? now) - startedAt);
  const failure = code === null ? '' : `: ${code}: ${error ?? ''}`;
  return `attempt ${attempt} at ${formatTime(startedAt)} for ${took} on ${worker}, ${outcome}${failure}`;
}

function bodyText(body: Buffer): string {
  const text = textOf(body);
  return text === undefined
    ? `${counted(body.byteLength, 'byte')} that are no text: --json has them`
    : truncate(text.replaceAll('\n', ' '), shownChars);
}

function textOf(body: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return undefined;
  }
}

function toneOf(state: LetterState): Tone | undefined {
  switch (state) {
    case 'parked':
      return 'bad';
    case 'received':
    case 'retrying':
      return 'warn';
    case 'completed':
      return 'good';
    case 'replayed':
    case 'cancelled':
    case 'settled':
      return 'dim';
  }
}

type MaybeField = readonly [name: string, text: string | null | undefined, tone?: Tone | undefined];

function present(fields: readonly MaybeField[]): Field[] {
  return fields.flatMap(([name, text, tone]): Field[] => (text ? [[name, text, tone]] : []));
}
