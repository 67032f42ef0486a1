import { describe, expect, it } from '@jest/globals';
import { decodeFile, decodeResponse } from './decode-text.js';

const page = { name: 'http://a.test/', charset: undefined, html: true };

describe('decodeFile', () => {
  it.each([
    ['UTF-8', Buffer.from('naïve')],
    ['UTF-8 with its mark', Buffer.from('\uFEFFnaïve')],
    ['UTF-16LE by its mark', Buffer.from('\uFEFFnaïve', 'utf16le')],
  ])('reads %s', (_, bytes) => expect(decodeFile(bytes, 'a.txt')).toBe('naïve'));

  it.each([
    ['Latin-1', Buffer.from('naïve', 'latin1')],
    ['a cut-off character', Buffer.from('naï').subarray(0, 3)],
    ['a NUL', Buffer.from('a\0b')],
  ])('refuses %s and names the file', (_, bytes) => {
    expect(() => decodeFile(bytes, 'notes/a.txt')).toThrow(
      expect.objectContaining({ code: 'invalid-input', message: expect.stringContaining('notes/a.txt') }),
    );
  });
});

describe('decodeResponse', () => {
  const quoted = Buffer.from([0x93, 0x61, 0x94]);

  it('takes the charset of the Content-Type before the one in the page', () => {
    const bytes = Buffer.from('<meta charset="utf-8">ï', 'latin1');
    expect(decodeResponse(bytes, { ...page, charset: 'iso-8859-1' })).toBe('<meta charset="utf-8">ï');
  });

  it('takes the charset in the page, for HTML alone', () => {
    const bytes = Buffer.concat([Buffer.from('<meta charset=windows-1251>'), Buffer.from([0xcf])]);
    expect(decodeResponse(bytes, page)).toBe('<meta charset=windows-1251>П');
    expect(decodeResponse(bytes, { ...page, html: false })).toBe('<meta charset=windows-1251>Ï');
  });

  it('takes undeclared bytes for UTF-8 where they are, else for windows-1252', () => {
    expect(decodeResponse(Buffer.from('“a”'), page)).toBe('“a”');
    expect(decodeResponse(quoted, page)).toBe('“a”');
  });

  it('reads past bytes that do not fit the declared charset', () => {
    expect(decodeResponse(quoted, { ...page, charset: 'utf-8' })).toBe('\uFFFDa\uFFFD');
  });

  it('refuses an unknown charset and binary content', () => {
    const refused = expect.objectContaining({ code: 'invalid-input' });
    expect(() => decodeResponse(quoted, { ...page, charset: 'klingon' })).toThrow(refused);
    expect(() => decodeResponse(Buffer.from('a\0b'), page)).toThrow(refused);
  });
});
