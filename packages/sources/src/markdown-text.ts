import MarkdownIt from 'markdown-it';
import { extractHtmlFragment } from './html-text.js';
import { type Extracted, lineBreaks, type RawBlock, tableText, trimmedBlock } from './raw-block.js';

const parser = new MarkdownIt('default', { html: true, linkify: false, typographer: false });

type Token = ReturnType<typeof parser.parse>[number];

/** CommonMark with tables. Front matter (`---` to `---` at the very top) is left out. HTML in it gives its text. */
export function extractMarkdown(text: string): Extracted {
  const walk = new Walk();
  for (const token of parser.parse(withoutFrontMatter(text), {})) walk.take(token);
  const { blocks } = walk;
  const title = blocks.find(({ kind, level }) => kind === 'heading' && level === 1) ?? blocks.find(isHeading);
  return { title: title?.text ?? null, blocks };
}

const isHeading = (block: RawBlock) => block.kind === 'heading';

/** Blank lines in its place keep every line number true. What isn't keys and values is a text between two rules. */
function withoutFrontMatter(text: string): string {
  const end = /^---[^\S\n]*\n[\w-]+[^\S\n]*:/.test(text) ? /\n(?:---|\.\.\.)[^\S\n]*(?=\n|$)/.exec(text) : null;
  if (end === null) return text;
  const matter = text.slice(0, end.index + end[0].length);
  return '\n'.repeat(lineBreaks(matter)) + text.slice(matter.length);
}

/** The parser's flat list of tokens, opened and closed like brackets, turned into blocks. */
class Walk {
  readonly blocks: RawBlock[] = [];
  private readonly open: Token[] = [];
  private rows: string[][] = [];

  take(token: Token): void {
    const line = (token.map?.[0] ?? 0) + 1;
    switch (token.type) {
      case 'inline':
        this.inline(textOf(token), line);
        return;
      case 'fence':
        // The text begins below the fence.
        this.blocks.push(...trimmedBlock('code', 0, token.content, line + 1));
        return;
      case 'code_block':
        this.blocks.push(...trimmedBlock('code', 0, token.content, line));
        return;
      case 'html_block':
        this.blocks.push(...extractHtmlFragment(token.content, line));
        return;
      case 'table_open':
        this.rows = [];
        break;
      case 'tr_open':
        this.rows.push([]);
        break;
      case 'table_close':
        this.table();
        break;
    }
    if (token.nesting === 1) this.open.push(token);
    if (token.nesting === -1) this.open.pop();
  }

  private inline(text: string, line: number): void {
    const parent = this.open.at(-1);
    if (parent?.type === 'th_open' || parent?.type === 'td_open') {
      this.rows.at(-1)?.push(text);
    } else if (parent?.type === 'heading_open') {
      this.blocks.push(...trimmedBlock('heading', Number(parent.tag.slice(1)), text.replaceAll('\n', ' '), line));
    } else {
      this.blocks.push(...this.flowing(text, line));
    }
  }

  /** A paragraph is named after the innermost list item or quote that it stands in. */
  private flowing(text: string, line: number): RawBlock[] {
    const container = this.open.findLast(({ type }) => type === 'list_item_open' || type === 'blockquote_open');
    if (container === undefined) return trimmedBlock('paragraph', 0, text, line);
    if (container.type === 'blockquote_open') return trimmedBlock('quote', 0, text, line);
    const depth = this.open.filter(({ type }) => type === 'list_item_open').length;
    return trimmedBlock('list-item', depth, text, line);
  }

  private table(): void {
    const line = (this.open.at(-1)?.map?.[0] ?? 0) + 1;
    this.blocks.push(...trimmedBlock('table', 0, tableText(this.rows), line));
  }
}

/** What people read of a line of Markdown. A line break of the source stays one. */
function textOf(inline: Token): string {
  return (inline.children ?? []).map(wordsOf).join('');
}

function wordsOf(token: Token): string {
  switch (token.type) {
    case 'softbreak':
    case 'hardbreak':
      return '\n';
    case 'html_inline':
      return /^<br\b/i.test(token.content) ? ' ' : '';
    default:
      return token.content;
  }
}
