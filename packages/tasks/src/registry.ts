/**
 * The one list of task types: a line each, with the types of its input and its result. Queues, routing, help texts and
 * every way in follow from it, so nothing but task types may be exported here as a value.
 */

export { type ResearchInput, type ResearchResult, research } from './research.js';
export { type SummarizeInput, type SummarizeResult, summarize } from './summarize.js';
