import {
  type Column,
  counted,
  type Field,
  formatAge,
  formatRoughly,
  formatTime,
  handActText,
  oneLine,
  type Tone,
  truncate,
} from '@warren/cli';
import { type LetterDetails, replayMayHelp } from '@warren/dead-letters';
import type { AttemptRun, Letter, LetterOutline, LetterState } from '@warren/ledger';
import { z } from 'zod';

/** What of a message a person is shown: characters of its body and of one property, and properties; `--json` has it whole. */
const shownChars = 600;
const shownPropertyChars = 200;
const shownProperties = 40;

/** @param states of those that are shown: where it is one alone, a narrow table need not say it. Default: any. */
export function letterColumns(now: () => number, states?: readonly LetterState[]): readonly Column<LetterOutline>[] {
  return [
    { name: 'id', text: shownId },
    { name: 'letter', text: ({ id }) => id, optional: true },
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

/** By what people know a letter, and every command finds it: its task's id where it has a task. */
export function shownId({ id, taskId }: Pick<LetterOutline, 'id' | 'taskId'>): string {
  return taskId ?? id;
}

/**
 * A letter as JSON has it: the body as bytes, and as text where it is some. `id` and `letterId` are its own, `taskId` is by
 * what a list shows it.
 */
export function letterJson(letter: Letter): object {
  return {
    ...letter,
    letterId: letter.id,
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
  const standing = stateText(letter, now);
  const seen = `${formatTime(letter.lastSeen)} (${formatAge(letter.lastSeen, now)} ago)`;
  return present([
    ['LETTER', letter.id],
    ['TASK', task === null ? 'none: the message says no task that is on record' : `${task.id}, ${task.state}`],
    ['CLAIMED ID', related.claimedId],
    ['TYPE', letter.type],
    ['STATE', standing, toneOf(letter.state)],
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
    ...actsByHand.map((act): MaybeField => ['BY HAND', handActText(act, standing)]),
    ['PROPERTIES', propertiesText(letter.properties)],
    ['BODY', bodyText(letter.body)],
  ]);
}

function stateText({ escalatedAt, escalatedTo, resolution, state }: Letter, now: number): string {
  if (escalatedTo === null) {
    if (resolution === null) return state;
    // "replayed by hand" says the state itself.
    return resolution.startsWith(`${state} `) ? resolution : `${state}: ${resolution}`;
  }
  return `${state}, escalated to ${escalatedTo} ${formatAge(escalatedAt ?? now, now)} ago`;
}

function nextWords({ code, id, state, taskId }: Letter, advice: string): string {
  if (state !== 'parked') return advice;
  const name = shownId({ id, taskId });
  const commands = replayMayHelp(code)
    ? [`warren dead-letters replay ${name}`]
    : [`warren dead-letters cancel ${name}`, `warren dead-letters complete ${name} --note "what was done"`];
  return [advice, ...commands].join('\n');
}

function runText({ attempt, code, endedAt, error, outcome, startedAt, worker }: AttemptRun, now: number): string {
  const took = formatRoughly((endedAt ?? now) - startedAt);
  const failure = code === null ? '' : `: ${code}: ${error ?? ''}`;
  return `attempt ${attempt} at ${formatTime(startedAt)} for ${took} on ${worker}, ${outcome}${failure}`;
}

const keptProperties = z.looseObject({ headers: z.record(z.string(), z.unknown()).default({}) });

/** One a line, the headers behind the others. */
function propertiesText(json: string): string {
  const { headers, ...properties } = keptProperties.parse(JSON.parse(json));
  const lines = [
    ...Object.entries(properties).map(([name, value]) => propertyLine(name, value)),
    ...Object.entries(headers).map(([name, value]) => propertyLine(`header ${name}`, value)),
  ];
  const more = lines.length - shownProperties;
  return [...lines.slice(0, shownProperties), ...(more > 0 ? [`and ${more} more: --json has them`] : [])].join('\n');
}

function propertyLine(name: string, value: unknown): string {
  // Its blanks are where a terminal's width breaks it.
  const text = typeof value === 'string' ? value : JSON.stringify(value, undefined, 1);
  return truncate(oneLine(`${name}: ${text}`), shownPropertyChars);
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
