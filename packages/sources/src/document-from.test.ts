import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Document } from './document.js';
import { documentFromText } from './document-from.js';

const formats = ['auto', 'plain', 'markdown', 'html'] as const;

/** Pieces that mean something to a parser, in any order, and any characters between them. */
const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '# ',
        '\n',
        '\n\n',
        '\r\n',
        '- ',
        '1. ',
        '> ',
        '```\n',
        '    ',
        '| a | b |\n|---|---|\n',
        '---\n',
        'a: b\n',
      ),
      fc.constantFrom(
        '<p>',
        '</p>',
        '<ul><li>',
        '</ul>',
        '<table><tr><td>',
        '<pre>\n',
        '<br>',
        '<!--',
        '<script>',
        '&amp;',
        '&#0;',
      ),
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.lorem({ maxCount: 6 }),
    ),
    { maxLength: 40 },
  )
  .map((pieces) => pieces.join(''));

describe('any document', () => {
  it('has its blocks at their offsets, in order, and nothing else but blank lines', () => {
    fc.assert(
      fc.property(nasty, fc.constantFrom(...formats), (text, format) => {
        const document = documentFromText(text, format);
        for (const block of document.blocks) {
          expect(document.text.slice(block.start, block.start + block.text.length)).toBe(block.text);
          expect(block.text.trim()).not.toBe('');
        }
        expect(document.blocks.map((block) => block.text).join('\n\n')).toBe(document.text);
      }),
    );
  });

  it('has every line inside of the source', () => {
    fc.assert(
      fc.property(nasty, fc.constantFrom(...formats), (text, format) => {
        const lines = text.split(/\r\n?|\n/).length;
        for (const { line } of documentFromText(text, format).blocks) {
          expect(line).toBeGreaterThanOrEqual(1);
          expect(line).toBeLessThanOrEqual(lines);
        }
      }),
    );
  });

  it.each(formats)('of an empty text is empty (%s)', (format) => {
    for (const empty of ['', ' \n\t\n', '\uFEFF']) {
      expect(documentFromText(empty, format)).toMatchObject({ text: '', blocks: [], title: null });
    }
  });

  it('says where it came from and how large it was', () => {
    expect(documentFromText('naïve', 'plain')).toMatchObject({ name: 'text', kind: 'text', bytes: 6, format: 'plain' });
    expect(documentFromText('<p>x', 'auto', 'note')).toMatchObject({ name: 'note', format: 'html' });
  });
});

describe('plain text', () => {
  it('is cut into paragraphs at blank lines and keeps their line breaks', () => {
    const document = documentFromText('\n one\r\ntwo  \n \t\n\n# three\n', 'plain');
    expect(outline(document)).toEqual(['2 paragraph0 one\ntwo', '6 paragraph0 # three']);
  });

  it('may be one huge line', () => {
    const [block] = documentFromText('x'.repeat(5_000_000), 'plain').blocks;
    expect(block?.text.length).toBe(5_000_000);
  });
});

describe('Markdown', () => {
  it('gives each block its kind, level and line', () => {
    const source = [
      '---', // 1
      'title: hidden',
      '---',
      '# The *title* &amp; `code`',
      '',
      'One [link](http://a.test) and', // 6
      'a second line.  ',
      'A third ![image](x.png).',
      '',
      '- first', // 10
      '  - nested',
      '',
      '    more of nested',
      '1. ordered',
      '> quoted', // 15
      '> on',
      '',
      '```js',
      '  const a = 1;', // 19
      '```',
      '',
      '| a | b |', // 22
      '|---|---|',
      '| *1* | 2 |',
      '',
      'Setext', // 26
      '------',
      '',
      '    indented',
    ].join('\n');
    const document = documentFromText(source, 'markdown');
    expect(outline(document)).toEqual([
      '4 heading1 The title & code',
      '6 paragraph0 One link and\na second line.\nA third image.',
      '10 list-item1 first',
      '11 list-item2 nested',
      '13 list-item2 more of nested',
      '14 list-item1 ordered',
      '15 quote0 quoted\non',
      '19 code0   const a = 1;',
      '22 table0 a | b\n1 | 2',
      '26 heading2 Setext',
      '29 code0 indented',
    ]);
    expect(document.title).toBe('The title & code');
  });

  it('leaves tags out and keeps what they hold, on its line', () => {
    const source =
      'a<br>b <b>c</b> <!-- d -->\n\n<div align="center">\n<p>Hello\n<script>alert(1)</script></div>\n\nend';
    expect(outline(documentFromText(source, 'markdown'))).toEqual([
      '1 paragraph0 a b c',
      '4 paragraph0 Hello',
      '7 paragraph0 end',
    ]);
  });

  it('keeps a text that stands between two rules', () => {
    expect(outline(documentFromText('---\n\nkept\n\n---\n', 'markdown'))).toEqual(['3 paragraph0 kept']);
  });

  it('may hold headings alone, and takes the first for its title where none is of level 1', () => {
    const document = documentFromText('## b\n### c\n', 'markdown');
    expect(outline(document)).toEqual(['1 heading2 b', '2 heading3 c']);
    expect(document.title).toBe('b');
  });

  it.each([
    ['quotes', '>'.repeat(100_000)],
    ['brackets', '['.repeat(50_000)],
    ['emphasis', '*a **b '.repeat(10_000)],
    ['lists', Array.from({ length: 1_000 }, (_, depth) => `${'  '.repeat(depth)}- a`).join('\n')],
  ])('survives %s nested without end', (_, text) => {
    expect(documentFromText(text, 'markdown').format).toBe('markdown');
  });
});

describe('HTML', () => {
  it('gives each block its kind, level and line', () => {
    const source = [
      '<!doctype html><title> A\n page </title>', // 1, 2
      '<style>p { color: red }</style><script>alert("no")</script>',
      '<nav><a href=/>Home</a></nav>',
      '<h2>Head <em>line</em></h2>', // 5
      '<p>Some&nbsp;text &lt;here&gt;,',
      '   wrapped<br>and broken',
      '<p hidden>secret',
      '<ul><li>one<ul><li>two</ul>', // 9
      '<li><p>three</p></ul>',
      '<blockquote>said</blockquote>',
      '<pre>a\n  b</pre>', // 12
      '<table><caption>Cap</caption><tr><th>x<th>y<tr><td>1<td>2</table>', // 14
      '<div>loose <span>text</span><p>unclosed <b>bold', // 15
    ].join('\n');
    const document = documentFromText(source, 'html');
    expect(outline(document)).toEqual([
      '5 heading2 Head line',
      '6 paragraph0 Some\u00A0text <here>, wrapped\nand broken',
      '9 list-item1 one',
      '9 list-item2 two',
      '10 list-item1 three',
      '11 quote0 said',
      '12 code0 a\n  b',
      '14 paragraph0 Cap',
      '14 table0 x | y\n1 | 2',
      '15 paragraph0 loose text',
      '15 paragraph0 unclosed bold',
    ]);
    expect(document.title).toBe('A page');
  });

  it('is reduced to its article, and the lines stay those of the source', () => {
    const paragraph = (n: number) =>
      `<p>Paragraph ${n}, ${'which goes on, clause by clause, '.repeat(8)}until it ends.</p>`;
    const source = [
      '<html><head><title>Rabbits at night</title></head><body>',
      `<div class="menu">${'<a href="/x">Section</a> '.repeat(60)}</div>`,
      '<div id="content" class="article"><h1>Rabbits at night</h1>',
      paragraph(1),
      '<h2>Where they <i>go</i></h2>',
      paragraph(2),
      '<ul><li>carrots, and much else that grows there</li></ul>',
      paragraph(3),
      '</div>',
      `<div class="sidebar ad-break">${'<a href="/buy">Buy now</a> '.repeat(60)}</div>`,
      '</body></html>',
    ].join('\n');
    const document = documentFromText(source, 'auto');
    expect(document).toMatchObject({ format: 'html', title: 'Rabbits at night' });
    expect(document.text).not.toMatch(/Section|Buy now/);
    expect(
      document.blocks
        .filter(({ text }) => /^Paragraph|^Where|^carrots/.test(text))
        .map(({ line, kind }) => [line, kind]),
    ).toEqual([
      [4, 'paragraph'],
      [5, 'heading'],
      [6, 'paragraph'],
      [7, 'list-item'],
      [8, 'paragraph'],
    ]);
  });

  it('reads a page that is laid out by tables', () => {
    const document = documentFromText('<table><tr><td><p>left<td><p>right</table>', 'html');
    expect(outline(document)).toEqual(['1 paragraph0 left', '1 paragraph0 right']);
  });

  it.each([
    ['division', '<div>'],
    ['emphasis', '<b><p>x</p>'],
    ['list', '<ul><li>'],
  ])('refuses a %s nested without end instead of stalling', (_, piece) => {
    expect(() => documentFromText(piece.repeat(100_000), 'html', 'page')).toThrow(
      expect.objectContaining({ code: 'invalid-input', message: expect.stringContaining('page') }),
    );
  });

  it('reads what nests as deep as browsers let it', () => {
    const document = documentFromText(`${'<div>'.repeat(500)}deep`, 'html');
    expect(document.text).toBe('deep');
  });

  it('finds no article in a page beyond the size at which it searches, and gives all of it', () => {
    const document = documentFromText('<p>some words</p>'.repeat(25_000), 'html');
    expect(document.blocks).toHaveLength(25_000);
  });
});

function outline(document: Document): string[] {
  return document.blocks.map(({ line, kind, level, text }) => `${line} ${kind}${level} ${text}`);
}
