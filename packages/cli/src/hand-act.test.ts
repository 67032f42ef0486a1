import { expect, it } from '@jest/globals';
import { handActText } from './hand-act.js';

const act = { act: 'complete', by: 'ann', to: null, note: 'by telephone', at: Date.UTC(2030, 0, 31, 18) } as const;

it.each([
  ['says what was noted', 'completed', ': by telephone'],
  ['does not say again what stands above it', 'completed: by telephone', ''],
  ['takes no other word that ends like it for the same', 'completed: not by telephone', ': by telephone'],
])('%s', (_name, said, note) => {
  expect(handActText(act, said)).toBe(`completed by ann at 2030-01-31T18:00:00Z${note}`);
});
