import { findArticle, minArticleChars } from './article.js';
import type { Block } from './document.js';
import {
  attributeOf,
  elementsOf,
  type HtmlDocument,
  type HtmlElement,
  type HtmlNode,
  isElement,
  isText,
  lineOf,
  parseHtml,
  serializeWithLines,
  textBelow,
} from './html-tree.js';
import { type Extracted, type RawBlock, tableText, trimmedBlock } from './raw-block.js';

/** More elements than this and the article isn't searched for: the search takes seconds, and longer by the square. */
export const maxArticleElements = 20_000;

/**
 * A page's article, or its whole text where no article stands out. A block's line is the line of the source on which
 * the element that holds it begins; where the article finder made an element of its own, that of the next one around it.
 */
export function extractHtml(html: string, name: string): Extracted {
  const document = parseHtml(html, name);
  const whole = blocksOf(document, { written: false, line: 1 });
  const title = titleOf(document);
  if (charsOf(whole) < minArticleChars || countElements(document) > maxArticleElements) return { title, blocks: whole };

  const article = findArticle(serializeWithLines(document));
  if (article === undefined) return { title, blocks: whole };
  const blocks = blocksOf(parseHtml(article.html, name), { written: true, line: 1 });
  if (charsOf(blocks) < minArticleChars) return { title, blocks: whole };
  return { title: collapsed(article.title) || title, blocks };
}

/** Blocks of a piece of HTML that stands in another text, its first line being that text's `line`. */
export function extractHtmlFragment(html: string, line: number): RawBlock[] {
  const blocks = blocksOf(parseHtml(html, 'HTML in the text'), { written: false, line: 1 });
  return blocks.map((block) => ({ ...block, line: block.line + line - 1 }));
}

function titleOf(document: HtmlDocument): string | null {
  let heading: HtmlElement | undefined;
  for (const element of elementsOf(document)) {
    if (element.tagName === 'title') {
      const title = collapsed(textBelow(element));
      if (title !== '') return title;
    }
    if (element.tagName === 'h1') heading ??= element;
  }
  return (heading && collapsed(textBelow(heading))) || null;
}

function charsOf(blocks: readonly RawBlock[]): number {
  return blocks.reduce((sum, block) => sum + block.text.length, 0);
}

function countElements(document: HtmlDocument): number {
  let count = 0;
  for (const _ of elementsOf(document)) count += 1;
  return count;
}

/** Elements that hold nothing that people read as the page's text. */
const skipped = new Set(
  'head script style noscript template nav aside footer dialog svg iframe object canvas audio video select datalist button textarea'.split(
    ' ',
  ),
);

/** Elements that begin and end a line of their own. */
const ownLine = new Set(
  'html body main article section header hgroup div p ul ol menu dl dt dd figure figcaption address details summary form fieldset legend center hr table caption thead tbody tfoot tr td th li blockquote'.split(
    ' ',
  ),
);

/** A table that holds one of these lays a page out, and is read as if it weren't there. */
const layoutMarks = new Set('table p div ul ol h1 h2 h3 h4 h5 h6 pre blockquote article section'.split(' '));

/** What text belongs to at one place of the tree. */
interface Place {
  readonly kind: Block['kind'];
  readonly level: number;
  /** Lists around it. */
  readonly depth: number;
  readonly line: number;
}

function blocksOf(document: HtmlDocument, lines: { written: boolean; line: number }): RawBlock[] {
  const walk = new Walk(lines.written);
  const place: Place = { kind: 'paragraph', level: 0, depth: 0, line: lines.line };
  for (const node of document.childNodes) walk.visit(node, place);
  walk.flush();
  return walk.blocks;
}

class Walk {
  readonly blocks: RawBlock[] = [];
  private readonly written: boolean;
  private pending: { place: Place; parts: string[] } | undefined;

  constructor(written: boolean) {
    this.written = written;
  }

  visit(node: HtmlNode, place: Place): void {
    if (isText(node)) this.add(node.value, place);
    else if (isElement(node) && !isHidden(node)) {
      this.element(node, { ...place, line: lineOf(node, this.written) ?? place.line });
    }
  }

  flush(): void {
    if (this.pending === undefined) return;
    const { place, parts } = this.pending;
    this.pending = undefined;
    this.blocks.push(...trimmedBlock(place.kind, place.level, flowing(parts), place.line));
  }

  private element(element: HtmlElement, place: Place): void {
    const tag = element.tagName;
    if (tag === 'br') this.pending?.parts.push(lineBreak);
    else if (tag === 'pre') this.whole(trimmedBlock('code', 0, textBelow(element), place.line));
    else if (tag === 'table' && !isLayout(element)) this.dataTable(element, place);
    else if (/^h[1-6]$/.test(tag)) this.apart(element, { ...place, kind: 'heading', level: Number(tag.slice(1)) });
    else if (tag === 'li') this.apart(element, { ...place, kind: 'list-item', level: Math.max(place.depth, 1) });
    else if (tag === 'blockquote') this.apart(element, { ...place, kind: 'quote', level: 0 });
    else if (tag === 'ul' || tag === 'ol') this.apart(element, { ...place, depth: place.depth + 1 });
    else if (ownLine.has(tag)) this.apart(element, place);
    else this.inside(element, place);
  }

  private apart(element: HtmlElement, place: Place): void {
    this.flush();
    this.inside(element, place);
    this.flush();
  }

  private inside(element: HtmlElement, place: Place): void {
    for (const child of element.childNodes) this.visit(child, place);
  }

  private whole(blocks: readonly RawBlock[]): void {
    this.flush();
    this.blocks.push(...blocks);
  }

  private add(text: string, place: Place): void {
    if (this.pending === undefined) {
      if (text.trim() === '') return;
      this.pending = { place, parts: [] };
    }
    this.pending.parts.push(text.replace(/[^\S\u00A0]+/g, ' '));
  }

  private dataTable(table: HtmlElement, place: Place): void {
    const captions: RawBlock[] = [];
    const rows: string[][] = [];
    for (const element of elementsOf(table)) {
      if (element.tagName === 'caption') captions.push(...trimmedBlock('paragraph', 0, cellText(element), place.line));
      if (element.tagName === 'tr') rows.push([]);
      if (element.tagName === 'td' || element.tagName === 'th') rows.at(-1)?.push(cellText(element));
    }
    this.whole([...captions, ...trimmedBlock('table', 0, tableText(rows), place.line)]);
  }
}

/** Stands for `<br>` until white space is collapsed: every other line break of the source is a space. */
const lineBreak = '\n';

function flowing(parts: readonly string[]): string {
  return parts
    .join('')
    .replace(/ {2,}/g, ' ')
    .replace(/ ?\n ?/g, lineBreak);
}

function collapsed(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function cellText(element: HtmlElement): string {
  return collapsed(readable(element).join(''));
}

function readable(element: HtmlElement): string[] {
  return element.childNodes.flatMap((node) => {
    if (isText(node)) return [node.value];
    if (!isElement(node) || isHidden(node)) return [];
    return node.tagName === 'br' ? [' '] : readable(node);
  });
}

function isHidden(element: HtmlElement): boolean {
  if (skipped.has(element.tagName) || attributeOf(element, 'hidden') !== undefined) return true;
  return /display\s*:\s*none/i.test(attributeOf(element, 'style') ?? '');
}

function isLayout(table: HtmlElement): boolean {
  for (const element of elementsOf(table)) if (layoutMarks.has(element.tagName)) return true;
  return false;
}
