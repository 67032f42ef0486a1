import { isStopWord } from './words.js';

/** Whether the sentence can't be understood without the one before it. */
export function leansOnPrevious(text: string): boolean {
  return [leaningOpening, leaningAnywhere, ordinalAlone].some((sign) => sign.test(text));
}

/** Whether it is an entry of a list of terms: "expires: how long a task may wait". */
export function isTermEntry(text: string): boolean {
  const term = /^([^\s:]+)(?: [^\s:]+){0,3}: \p{L}/u.exec(text)?.[1];
  return term !== undefined && !isStopWord(term);
}

/** Openings that lean on the sentence before: read alone, they leave the reader asking "what does?". */
const leaningOpening = new RegExp(
  `^(?:${[
    'this|that|these|those|it|its|he|she|they|their|his|her|such|again|also|then|thus|so|and|but|or',
    'however|therefore|hence|instead|otherwise|moreover|furthermore|additionally|consequently|likewise|similarly',
    'in addition|for example|for instance|in (?:this|that) case|in other words|as a result|on the other hand',
    '(?:for|in|with|by|after|before|besides|because of|due to|to do) (?:this|that|these|those)',
    '(?:if|when|where|unless) (?:passed|set|given|provided|specified|enabled|disabled|omitted|present|so|not)',
    "(?:let's |let us )?(?:say|suppose|imagine|assume)",
    'you can also|any other',
    '(?:both|neither|all|some|most|none|each|one|many) (?:of (?:them|these|those)|is|are|was|were|has|have|does|do|says?)',
    'the (?:above|following|former|latter|same)',
  ].join('|')})\\b`,
  'i',
);

/** Words that lean on the sentence before wherever they stand. */
const leaningAnywhere = /\b(?:as well(?! as\b)|likewise|accordingly)\b/i;

/** At a sentence's beginning it stands for a thing that was named before: "Under the second, …", "The first comes …". */
const ordinalAlone =
  /^(?:[\p{L}’']+\s+){0,3}the (?:first|second|third|other|latter|former)(?=[,;:.)]|\s+(?:is|was|are|were|has|had|ones?|comes?|goes)\b)/iu;
