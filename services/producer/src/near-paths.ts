/**
 * A text with the absolute paths below a folder as whoever is there would type them: `reading docs/a.md`. Pure.
 * @param cwd without a slash at its end.
 */
export function nearPaths(text: string, cwd: string): string {
  const below = `${cwd}/`;
  const words = text.split(/(\s+)/);
  return words.map((word) => (word.startsWith(below) && word !== below ? word.slice(below.length) : word)).join('');
}
