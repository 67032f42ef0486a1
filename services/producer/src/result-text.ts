import { counted, type Output, printable, wrapWords } from '@warren/cli';
import {
  type ResearchResult,
  research,
  researchResult,
  type SummarizeResult,
  summarize,
  summarizeResult,
} from '@warren/tasks';

/** What a text may look like where it is printed. */
type Style = Pick<Output, 'paint' | 'width'>;

/**
 * A result as a person likes to read it, wrapped at words on a terminal; one of another type, or of an older version of
 * it, as JSON. Safe to print.
 */
export function resultText(type: string, result: unknown, style: Style): string {
  switch (type) {
    case summarize.name: {
      const parsed = summarizeResult.safeParse(result);
      return parsed.success ? summaryText(parsed.data, style) : jsonText(result);
    }
    case research.name: {
      const parsed = researchResult.safeParse(result);
      return parsed.success ? answerText(parsed.data, style) : jsonText(result);
    }
    default:
      return jsonText(result);
  }
}

/** Line numbers stand in a column of this many cells. */
const lineWidth = 5;
const numbers = new Intl.NumberFormat('en-US');

function summaryText({ title, sentences, keywords, source }: SummarizeResult, { paint, width }: Style): string {
  const words = keywords.map(({ word }) => printable(word)).join(', ');
  const chosen = `${numbers.format(sentences.length)} of ${counted(source.sentences, 'sentence')}`;
  return paragraphs([
    title === null ? '' : paint(printable(title), 'strong'),
    sentences
      .map(({ text, line }) => wrapWords(flat(text), width, `${paint(String(line).padStart(lineWidth), 'dim')}  `))
      .join('\n'),
    words === '' ? '' : wrapWords(words, width, `${paint('keywords', 'dim')}  `),
    paint(`${chosen} of ${printable(source.name)} (${counted(source.bytes, 'byte')})`, 'dim'),
  ]);
}

function answerText({ question, answer, unanswered, sources }: ResearchResult, { paint, width }: Style): string {
  const cited = answer.map(({ text, citation }) => {
    const place = `${printable(citation.source)}:${citation.line}`;
    return `${wrapWords(flat(text), width, '  ')}\n    ${paint(place, 'dim')}`;
  });
  const read = sources.filter(({ passages }) => passages > 0).length;
  return paragraphs([
    wrapWords(paint(flat(question), 'strong'), width),
    answer.length === 0 ? '  Nothing was found.' : cited.join('\n'),
    // Where there is no answer at all, every part of the question would be listed.
    unanswered.length === 0 || answer.length === 0
      ? ''
      : wrapWords(paint(`nothing was found on: ${unanswered.map(flat).join('; ')}`, 'warn'), width),
    paint(`${counted(answer.length, 'sentence')} from ${read} of ${counted(sources.length, 'source')}`, 'dim'),
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
