import { TaskFailure } from '@warren/tasks';
import { type DefaultTreeAdapterTypes, defaultTreeAdapter, parse, serialize } from 'parse5';
import { charsetIn } from './content-type.js';

export type HtmlNode = DefaultTreeAdapterTypes.ChildNode;
export type HtmlElement = DefaultTreeAdapterTypes.Element;
export type HtmlDocument = DefaultTreeAdapterTypes.Document;

/**
 * Deepest nesting of elements. Browsers stop nesting at 512; parsing takes time by the square of the depth, and
 * walking the tree takes stack by the depth.
 */
export const maxHtmlDepth = 512;

/** Carries an element's line through the article finder, which builds trees of its own. */
const lineAttribute = 'data-source-line';

/** Parses a page as a browser does, whatever its faults. Fails with `invalid-input` beyond {@link maxHtmlDepth}. */
export function parseHtml(html: string, name: string): HtmlDocument {
  let depth = 0;
  const treeAdapter = {
    ...defaultTreeAdapter,
    onItemPush: () => {
      depth += 1;
      if (depth > maxHtmlDepth) throw tooDeep(name);
    },
    onItemPop: () => {
      depth -= 1;
    },
  };
  return parse(html, { treeAdapter, sourceCodeLocationInfo: true, scriptingEnabled: false });
}

function tooDeep(name: string): TaskFailure {
  return new TaskFailure(
    'invalid-input',
    `${name} nests more than ${maxHtmlDepth} HTML elements in each other, as no page for people does. Close its elements, or give its text as plain text.`,
  );
}

/** The charset that the beginning of a page declares in a `<meta>`, in its own spelling. */
export function declaredCharset(head: string): string | undefined {
  for (const element of elementsOf(parse(head))) {
    if (element.tagName !== 'meta') continue;
    const charset = attributeOf(element, 'charset') ?? charsetIn(attributeOf(element, 'content') ?? '');
    if (charset !== undefined) return charset.trim();
  }
  return undefined;
}

/** Writes the tree as HTML in which every element says on which line of the source it began. */
export function serializeWithLines(document: HtmlDocument): string {
  for (const element of elementsOf(document)) {
    const line = element.sourceCodeLocation?.startLine;
    if (line === undefined) continue;
    element.attrs = element.attrs.filter(({ name }) => name !== lineAttribute);
    element.attrs.push({ name: lineAttribute, value: String(line) });
  }
  return serialize(document);
}

/** The line that {@link serializeWithLines} wrote, else the line in the parsed text. */
export function lineOf(element: HtmlElement, written: boolean): number | undefined {
  const value = written ? attributeOf(element, lineAttribute) : element.sourceCodeLocation?.startLine;
  return value === undefined ? undefined : Number(value);
}

export function attributeOf(element: HtmlElement, name: string): string | undefined {
  return element.attrs.find((attribute) => attribute.name === name)?.value;
}

export function isElement(node: HtmlNode): node is HtmlElement {
  return 'tagName' in node;
}

export function isText(node: HtmlNode): node is DefaultTreeAdapterTypes.TextNode {
  return node.nodeName === '#text';
}

/** Every element below, in reading order. */
export function* elementsOf(parent: HtmlDocument | HtmlElement): Generator<HtmlElement> {
  const pending: HtmlNode[] = [...parent.childNodes].reverse();
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (!isElement(node)) continue;
    yield node;
    for (let index = node.childNodes.length - 1; index >= 0; index -= 1) {
      const child = node.childNodes[index];
      if (child !== undefined) pending.push(child);
    }
  }
}

/** All text below, as it stands. */
export function textBelow(parent: HtmlDocument | HtmlElement): string {
  return parent.childNodes.map((node) => (isText(node) ? node.value : isElement(node) ? textBelow(node) : '')).join('');
}
