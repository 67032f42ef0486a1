import { expect, it } from '@jest/globals';
import { wantsColor } from './color.js';

it.each([
  ['a terminal', { flag: true, env: {}, isTty: true }, true],
  ['a pipe', { flag: true, env: {}, isTty: false }, false],
  ['--no-color', { flag: false, env: { FORCE_COLOR: '1' }, isTty: true }, false],
  ['NO_COLOR', { flag: true, env: { NO_COLOR: '1', FORCE_COLOR: '1' }, isTty: true }, false],
  ['an empty NO_COLOR', { flag: true, env: { NO_COLOR: '' }, isTty: true }, true],
  ['FORCE_COLOR', { flag: true, env: { FORCE_COLOR: '1' }, isTty: false }, true],
  ['FORCE_COLOR=0', { flag: true, env: { FORCE_COLOR: '0' }, isTty: true }, false],
  ['a dumb terminal', { flag: true, env: { TERM: 'dumb' }, isTty: true }, false],
])('colours with %s', (_name, wishes, expected) => {
  expect(wantsColor(wishes)).toBe(expected);
});
