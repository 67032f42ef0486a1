import { printable, type Tone } from '@warren/cli';
import {
  type ResearchResult,
  research,
  researchResult,
  type SummarizeResult,
  summarize,
  summarizeResult,
} from '@warren/tasks';

type Paint = (text: string, tone: Tone) => string;

/** A result as a person likes to read it; one of another type, or of an older version of it, as JSON. Safe to print. */
export function resultText(type: string, result: unknown, paint: Paint): string {
  switch (type) {
    case summarize.name: {
      const parsed = summarizeResult.safeParse(result);
      return parsed.success ? summaryText(parsed.data, paint) : jsonText(result);
    }
    case research.name: {
      const parsed = researchResult.safeParse(result);
      return parsed.success ? answerText(parsed.data, paint) : jsonText(result);
    }
    default:
      return jsonText(result);
  }
}

/** Line numbers stand in a column of this many cells. */
const lineWidth = 5;
const numbers = new Intl.NumberFormat('en-US');

function summaryText({ title, sentences, keywords, source }: SummarizeResult, paint: Paint): string {
  const words = keywords.map(({ word }) => printable(word)).join(', ');
  const chosen = `${sentences.length} of ${numbers.format(source.sentences)} sentences`;
  return paragraphs([
    title === null ? '' : paint(printable(title), 'strong'),
    sentences.map(({ text, line }) => `${paint(String(line).padStart(lineWidth), 'dim')}  ${flat(text)}`).join('\n'),
    words === '' ? '' : `${paint('keywords', 'dim')}  ${words}`,
    paint(`${chosen} of ${printable(source.name)} (${numbers.format(source.bytes)} bytes)`, 'dim'),
  ]);
}

function answerText({ question, answer, unanswered, sources }: ResearchResult, paint: Paint): string {
  const cited = answer.map(({ text, citation }) => {
    const place = `${printable(citation.source)}:${citation.line}`;
    return `  ${flat(text)}\n    ${paint(place, 'dim')}`;
  });
  const read = sources.filter(({ passages }) => passages > 0).length;
  return paragraphs([
    paint(flat(question), 'strong'),
    answer.length === 0 ? '  The sources hold no answer.' : cited.join('\n'),
    unanswered.length === 0 ? '' : paint(`nothing was found on: ${unanswered.map(flat).join('; ')}`, 'warn'),
    paint(`${answer.length} sentences from ${read} of ${sources.length} sources`, 'dim'),
  ]);
}

function paragraphs(texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join('\n\n');
}

function flat(text: string): string {
  return printable(text.replace(/\s+/gu, ' ')).trim();
}

function jsonText(result: unknown): string {
  return printable(JSON.stringify(result, undefined, 2) ?? 'null');
}
