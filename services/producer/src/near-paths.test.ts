import { expect, it } from '@jest/globals';
import { nearPaths } from './near-paths.js';

it.each([
  ['reading /work/main/docs/a.md (1 of 2)', '/work/main', 'reading docs/a.md (1 of 2)'],
  ['reading /work/mainly/a.md', '/work/main', 'reading /work/mainly/a.md'],
  ['reading /data/work/main/a.md', '/work/main', 'reading /data/work/main/a.md'],
  ['reading /work/main/', '/work/main', 'reading /work/main/'],
  ['reading /etc/hosts', '/', 'reading /etc/hosts'],
])('%s, seen from %s: %s', (text, cwd, expected) => {
  expect(nearPaths(text, cwd)).toBe(expected);
});
