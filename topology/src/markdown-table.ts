/**
 * A Markdown table with aligned columns, as formatters leave it. Cells are Markdown: what is data goes through
 * {@link code} or {@link prose}.
 */
export function markdownTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((_, column) => Math.max(3, ...[heading, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  return [line(heading), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** A name or a setting, as it is. */
export function code(text: string): string {
  return text === '' ? '' : `\`${text.replaceAll('|', '\\|')}\``;
}

/** A sentence; what it has in angle brackets is shown as it is, and is no HTML. */
export function prose(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/<[^<>\s]+>(?:\.<[^<>\s]+>)*/g, (words) => `\`${words}\``);
}
