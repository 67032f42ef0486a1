/** Whether some routing key fits both topic patterns: `*` is one word, `#` any number of them. A key without both is a pattern. */
export function topicsMeet(one: string, other: string): boolean {
  return meet(wordsOf(one), wordsOf(other));
}

function wordsOf(pattern: string): readonly string[] {
  return pattern === '' ? [] : pattern.split('.');
}

/** Row by row: which beginnings of the one meet which beginnings of the other. */
function meet(one: readonly string[], other: readonly string[]): boolean {
  let row = [true];
  for (const [index, word] of other.entries()) row.push(word === '#' && row[index] === true);
  for (const word of one) {
    const next = [word === '#' && row[0] === true];
    for (const [index, otherWord] of other.entries()) {
      const [before, above, left] = [row[index] === true, row[index + 1] === true, next[index] === true];
      const manyWords = (word === '#' && (above || left)) || (otherWord === '#' && (above || left));
      next.push(manyWords || (before && wordsMeet(word, otherWord)));
    }
    row = next;
  }
  return row.at(-1) === true;
}

function wordsMeet(one: string, other: string): boolean {
  return one === other || [one, other].some((word) => word === '*' || word === '#');
}
