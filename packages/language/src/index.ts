export { isTermEntry, leansOnPrevious } from './leaning.js';
export { proseQuality } from './prose-quality.js';
export { type Sentence, sentencesOf } from './sentences.js';
export { splitSentences } from './split-sentences.js';
export { contentWordsOf, countWords, type Word, wordOverlap } from './words.js';
