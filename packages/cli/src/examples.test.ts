import { expect, it } from '@jest/globals';
import { examples, maxExampleChars } from './examples.js';

it.each(Object.values(examples).flat())('fits a terminal of 80 cells: %s', (example) => {
  expect(example.length).toBeLessThanOrEqual(maxExampleChars);
});
