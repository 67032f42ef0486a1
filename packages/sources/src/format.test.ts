import { describe, expect, it } from '@jest/globals';
import { formatOfMediaType, formatOfText, mayHoldText } from './format.js';

describe('formatOfText', () => {
  it.each([
    ['html', '<!doctype html><p>Hello'],
    ['html', '\n <!-- a --> <!-- b --><HTML lang=en>'],
    ['html', '<article>Hello</article>'],
    ['markdown', '# Title\n\nText'],
    ['markdown', 'Title\n=====\n\nText'],
    ['markdown', 'See [the manual](https://a.test/m).'],
    ['markdown', 'Shopping:\n- milk\n- bread'],
    ['markdown', '```\ncode\n```'],
    ['plain', 'Just a sentence. And one more - with a dash.'],
    ['plain', 'Compare a < b and b > c.'],
    ['plain', '#hashtag is no heading'],
    ['plain', ''],
  ])('takes for %s: %j', (format, text) => expect(formatOfText(text)).toBe(format));
});

describe('formatOfMediaType', () => {
  it.each([
    ['text/html', '/x.md', 'html'],
    ['application/xhtml+xml', '/', 'html'],
    ['text/markdown', '/', 'markdown'],
    ['text/plain', '/README.md', 'markdown'],
    ['text/plain', '/page.html', 'plain'],
    ['text/csv', '/', 'plain'],
    ['', '/page.html', 'html'],
    ['', '/', 'auto'],
    ['application/json', '/', 'unreadable'],
    ['application/pdf', '/paper.md', 'unreadable'],
    ['image/svg+xml', '/', 'unreadable'],
  ])('reads %s at %s as %s', (mediaType, path, format) => expect(formatOfMediaType(mediaType, path)).toBe(format));
});

describe('mayHoldText', () => {
  it.each([
    ['README', true],
    ['docs/a.MD', true],
    ['a.html', true],
    ['photo.jpg', false],
    ['lock.json', false],
  ])('%s: %s', (path, expected) => expect(mayHoldText(path)).toBe(expected));
});
