const numbers = new Intl.NumberFormat('en-US');

/** `1 sentence`, `0 sentences`, `1,204 sentences`. `many` is given where it isn't `one` with an s. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${numbers.format(count)} ${count === 1 ? one : many}`;
}
