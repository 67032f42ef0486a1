import { permanentCodes, type ReasonCode, transientCodes } from '@warren/tasks';

/**
 * Who wrote a letter and why. `failed`: a worker, about an attempt or a claim that failed. The broker itself: `expired`,
 * the message's time in its work queue ran out; `returned`, it came back there more often than a quorum queue allows;
 * `rejected`, somebody there refused it; `unroutable`, no queue was bound.
 */
export const letterOrigins = ['failed', 'expired', 'returned', 'rejected', 'unroutable'] as const;
export type LetterOrigin = (typeof letterOrigins)[number];

export const ruleNames = [
  'rejected',
  'returned',
  'transient',
  'permanent',
  'not-found',
  'contradiction',
  'conflict',
  'expired',
  'poison',
  'over-budget',
  'unroutable',
  'exhausted',
  'unknown',
] as const;
export type RuleName = (typeof ruleNames)[number];

/** What a letter says, as far as a rule may ask. */
export interface LetterFacts {
  readonly code: ReasonCode;
  readonly origin: LetterOrigin;
  /** What of a message that is no task is at fault, as its defect names it. */
  readonly field?: string;
}

/** One rule. It matches when everything in `when` does; what `when` leaves out matches always. */
export interface Rule {
  readonly name: RuleName;
  readonly when: {
    readonly codes?: readonly ReasonCode[];
    readonly origins?: readonly LetterOrigin[];
    readonly fields?: readonly string[];
  };
  /** `retry`: the next attempt, after a delay, while there are attempts left. `park`: waits for a person. */
  readonly action: 'retry' | 'park';
  /** Attempts that this rule allows, where that is fewer than the type's `maxAttempts`. */
  readonly attempts?: number;
  /** What a person might do about a letter that this rule parked. */
  readonly advice: string;
}

/** Read from the top: the first rule that matches decides. */
export const defaultRules: readonly Rule[] = [
  {
    name: 'rejected',
    when: { origins: ['rejected'] },
    action: 'park',
    advice: 'Warren rejects nothing: find out which other program consumes the work queue and stop it, then replay.',
  },
  {
    name: 'returned',
    when: { origins: ['returned'] },
    action: 'park',
    advice: 'Workers gave it back over and over without beginning it: look why they do not get to it, then replay.',
  },
  {
    name: 'transient',
    when: { codes: transientCodes },
    action: 'retry',
    advice: 'Look whether what the task depends on is up again, then replay.',
  },
  {
    name: 'contradiction',
    when: { codes: ['conflict'], fields: ['message_id', 'task_type'] },
    action: 'park',
    advice: 'The message contradicts itself: correct what the reason names and submit it anew, then cancel this one.',
  },
  {
    name: 'conflict',
    when: { codes: ['conflict'] },
    action: 'park',
    advice: 'Two submissions share an id or a key and disagree: keep the one that is meant and cancel this one.',
  },
  {
    name: 'not-found',
    when: { codes: ['not-found'] },
    action: 'park',
    advice:
      'Put what the error names in its place, then replay; if the place is wrong, submit it anew and cancel this one.',
  },
  {
    name: 'permanent',
    when: { codes: permanentCodes },
    action: 'park',
    advice:
      'It would fail again: correct what the error names and submit it anew, then cancel this one; or do it by hand, and complete it.',
  },
  {
    name: 'expired',
    when: { codes: ['expired'] },
    action: 'park',
    advice: 'Nobody had time for it in time: see whether its workers run and keep up. Replay if it is still wanted.',
  },
  {
    name: 'poison',
    when: { codes: ['poison'] },
    action: 'park',
    advice: "It ended its worker's process again and again: read the workers' logs around its runs before a replay.",
  },
  {
    name: 'over-budget',
    when: { codes: ['over-budget'] },
    action: 'park',
    advice: 'Raise the budget or wait for the next one, then replay.',
  },
  {
    name: 'unroutable',
    when: { codes: ['unroutable'] },
    action: 'park',
    advice: 'No queue takes it: run "warren topology apply", then replay.',
  },
  {
    name: 'exhausted',
    when: { codes: ['exhausted'] },
    action: 'park',
    advice: 'Every attempt failed: remove the cause that the attempts show, then replay; that grants as many again.',
  },
  // An error without a code is a defect of the handler as often as a passing trouble: it gets two more chances, no more.
  {
    name: 'unknown',
    when: { codes: ['unknown'] },
    action: 'retry',
    attempts: 3,
    advice: 'The error carries no reason code: read its stack, mend the handler or give the error a code, then replay.',
  },
];

/** What is to be done about a letter, and by which rule. */
export interface Classification {
  readonly rule: RuleName | 'unclassified';
  readonly action: Rule['action'];
  readonly attempts: number;
  readonly advice: string;
}

/** For a letter that no rule matches, or that the rules could not be asked about. */
export const unclassified: Classification = {
  rule: 'unclassified',
  action: 'park',
  attempts: 0,
  advice: 'The rules have no word for it: read the letter, then replay or cancel; add a rule if there will be more.',
};

/** Pure. `attempts` is infinite where the rule sets no limit of its own. */
export function classify(facts: LetterFacts, rules: readonly Rule[] = defaultRules): Classification {
  const rule = rules.find(({ when }) => matches(when, facts));
  if (!rule) return unclassified;
  return {
    rule: rule.name,
    action: rule.action,
    attempts: rule.attempts ?? Number.POSITIVE_INFINITY,
    advice: rule.advice,
  };
}

/** Whether a replay of what was parked with this code has a chance once its cause is mended: its message itself is sound. */
export function replayMayHelp(code: ReasonCode): boolean {
  const { rule } = classify({ code, origin: 'failed' });
  return rule !== 'permanent' && rule !== 'conflict';
}

function matches({ codes, origins, fields }: Rule['when'], { code, origin, field = '' }: LetterFacts): boolean {
  return (codes?.includes(code) ?? true) && (origins?.includes(origin) ?? true) && (fields?.includes(field) ?? true);
}
