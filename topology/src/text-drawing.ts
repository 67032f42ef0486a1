import {
  type Drawing,
  type DrawnExchange,
  type DrawnQueue,
  depthLines,
  keyText,
  namesOf,
  type Route,
  standingText,
  waitingLines,
} from './drawing.js';
import type { ServiceRole } from './service-roles.js';

/** How wide a picture may be in cells: it is as wide as it needs, and what does not fit is cut. */
export const textDrawingWidth = { narrowest: 80, usual: 100, widest: 160 };
/** Of what is said below the picture at the least, in cells: narrower than this it would be all indentation. */
const narrowestProse = 60;

/**
 * The picture for a terminal: an exchange after the other with its publishers on the left and its bindings on the right,
 * each queue as a box where it is met first and by its name afterwards, and queues that no exchange leads to; below it
 * what a broker has otherwise than planned, and what each thing is for. What does not fit is cut, with an ellipsis.
 * @param terminalWidth in cells: the picture fits it between {@link textDrawingWidth}'s bounds, what is said below it down
 * to 60. Default 100.
 */
export function textDrawing(drawing: Drawing, terminalWidth = textDrawingWidth.usual): string {
  const { narrowest: least, usual, widest: most } = textDrawingWidth;
  const width = Math.max(least, Math.min(most, terminalWidth));
  const proseWidth = Math.max(narrowestProse, Math.min(usual, terminalWidth));
  const all = sectionsOf(drawing);
  // On a narrow terminal names would be cut to nothing: there a box says inside who consumes it.
  const isNarrow = width < usual && naturalWidth(all, 'boxes') > width;
  const sections = isNarrow ? all.map(withConsumersInside) : all;
  return [
    ...sections.map((section) => sectionText(section, columnsFor(sections, section.layout, width))),
    legendFor(sections, drawing),
    ...(drawing.findings === undefined ? [] : [findingsText(drawing.findings, proseWidth)]),
    purposesText(drawing, proseWidth),
  ].join('\n\n');
}

function sectionsOf(drawing: Drawing): Section[] {
  const met = new Set<string>();
  const sections = drawing.exchanges.map((exchange) => sectionOf(exchange, drawing, met));
  return [...sections, ...drawing.queues.filter(({ name }) => !met.has(name)).map(apartSection)];
}

function withConsumersInside(section: Section): Section {
  return {
    ...section,
    arms: section.arms.map((arm) => {
      const { target, consumers } = arm;
      if (consumers === '' || !('box' in target)) return arm;
      return { ...arm, target: { box: [...target.box, `──► ${consumers}`] }, consumers: '' };
    }),
  };
}

function legendFor(sections: readonly Section[], { findings }: Drawing): string {
  const counts = sections.some(({ arms }) => arms.some(({ label }) => label.includes('×')));
  return [
    legend,
    ...(findings === undefined ? [] : [liveLegend]),
    ...(counts ? [' (*.)×5 the leading words *.*.*.*.*.'] : []),
  ].join('\n');
}

const liveLegend = [
  ' MISSING planned, not on the broker   LEFTOVER on the broker, not planned',
  ' counts are the statistics of the broker, some seconds old',
].join('\n');

const legend = [
  ' ╔═╗ exchange   ┌─┐ queue   no box: service',
  ' ──► published, routed by this key, consumed   ┄┄► sent on by the broker itself',
  ' * one word of the key, # any number of them',
].join('\n');

/** An exchange with what stands left and right of it. */
interface Section {
  readonly sources: readonly Source[];
  /** Empty: a queue that no exchange leads to stands alone. */
  readonly box: readonly string[];
  readonly arms: readonly Arm[];
  readonly layout: Layout;
}

/** Sections of one layout share their columns. A ladder has longer names than all others. */
type Layout = 'boxes' | 'names' | 'ladder';

/** One way into an exchange. */
interface Source {
  readonly name: string;
  /** Sent on by the broker itself: what expired, or what no binding took. */
  readonly dashed: boolean;
}

/** One way out of an exchange. */
interface Arm {
  readonly label: string;
  /** How the way out stands on the broker, where there is something to say. */
  readonly mark?: string | undefined;
  /** Sent on by the broker itself: an alternate exchange. */
  readonly dashed: boolean;
  /** A queue's box, or the name alone of what stands elsewhere. */
  readonly target: { readonly box: readonly string[] } | { readonly name: string };
  readonly consumers: string;
}

function sectionOf(exchange: DrawnExchange, drawing: Drawing, met: Set<string>): Section {
  const { name, facts, routes, alternate, listeners } = exchange;
  const { queues } = drawing;
  const arms = [
    ...routes.map((route) => routeArm(route, queues, met)),
    ...(listeners.length === 0 ? [] : [listenersArm(listeners)]),
    ...(alternate === undefined ? [] : [alternateArm(alternate)]),
  ];
  const layout =
    exchange.ladder !== undefined ? 'ladder' : arms.some(({ target }) => 'box' in target) ? 'boxes' : 'names';
  const box = [name, ...markOf(exchange), ...waitingLines(exchange), ...facts];
  return { sources: sourcesOf(exchange, drawing), box, arms, layout };
}

function apartSection(queue: DrawnQueue): Section {
  const target = { box: queueBoxOf(queue) };
  const consumers = namesOf(queue.consumers).join(', ');
  return { sources: [], box: [], arms: [{ label: '', dashed: false, target, consumers }], layout: 'boxes' };
}

function queueBoxOf(queue: DrawnQueue): string[] {
  return [queue.name, ...markOf(queue), ...depthLines(queue), ...queue.facts, ...deadLetterFacts(queue)];
}

function markOf({ standing }: Pick<DrawnQueue, 'standing'>): string[] {
  const text = standingText(standing);
  return text === undefined ? [] : [text];
}

/** Publishers; then what the broker itself sends here. A ladder's own way down shows at the level above. */
function sourcesOf({ name, publishers, ladder }: DrawnExchange, { exchanges, queues }: Drawing): Source[] {
  const outside = exchanges.filter((other) => ladder === undefined || other.ladder !== ladder);
  const bound = outside.filter(({ routes }) => routes.some(({ to }) => to.kind === 'exchange' && to.name === name));
  const isAlternate = outside.some(({ alternate }) => alternate === name);
  const isDeadLetter = queues.some((queue) => queue.ladder === undefined && queue.deadLetters?.exchange === name);
  return [
    ...namesOf(publishers).map((publisher) => ({ name: publisher, dashed: false })),
    ...bound.map((source) => ({ name: framed({ kind: 'exchange', name: source.name }), dashed: false })),
    ...(isAlternate ? [{ name: 'no binding', dashed: true }] : []),
    ...(isDeadLetter ? [{ name: 'expired', dashed: true }] : []),
  ];
}

function routeArm({ key, to, standing }: Route, queues: readonly DrawnQueue[], met: Set<string>): Arm {
  const label = keyText(key);
  const mark = standingText(standing);
  const target = to.kind === 'queue' ? queues.find(({ name }) => name === to.name) : undefined;
  const queue = target !== undefined && !met.has(target.name) ? target : undefined;
  if (queue === undefined) {
    // Where the queue itself stands so, its box says it.
    const isTold = mark === undefined || target?.standing === standing;
    const name = isTold ? framed(to) : `${framed(to)} ${mark}`;
    return { label, dashed: false, target: { name }, consumers: '' };
  }
  met.add(queue.name);
  const box = queueBoxOf(queue);
  return { label, mark, dashed: false, target: { box }, consumers: namesOf(queue.consumers).join(', ') };
}

/** The name alone, between the borders of its kind: an exchange and a queue may share it. */
function framed({ kind, name }: Route['to']): string {
  switch (kind) {
    case 'exchange':
      return `║ ${name} ║`;
    case 'queue':
      return `│ ${name} │`;
    default:
      return kind satisfies never;
  }
}

function deadLetterFacts({ deadLetters }: DrawnQueue): string[] {
  if (deadLetters === undefined) return [];
  const { exchange, key } = deadLetters;
  return [`expired ┄► ${exchange}`, ...(key === undefined ? [] : [`as ${key}`])];
}

function listenersArm(listeners: readonly ServiceRole[]): Arm {
  const target = { name: 'a queue of its own' };
  return { label: 'as it asks', dashed: false, target, consumers: namesOf(listeners).join(', ') };
}

function alternateArm(alternate: string): Arm {
  return {
    label: 'no binding',
    dashed: true,
    target: { name: framed({ kind: 'exchange', name: alternate }) },
    consumers: '',
  };
}

/** Widths of what is written in each column, without its lines and arrows. */
interface Columns {
  /** What all of it together may take, with its lines and arrows. */
  readonly width: number;
  sources: number;
  exchange: number;
  label: number;
  queue: number;
  consumers: number;
}

/** Wider than this a fact does not make its box: it is wrapped. */
const widestFact = { exchange: 24, queue: 28 };
/** An exchange's name up to this long is not cut, in cells. */
const shortName = 18;
const narrowest = { sources: 8, exchange: 10, label: 8, queue: 20, consumers: 8 };
/** Cells of lines, arrows and borders in a line. */
const ruleCells = { withoutConsumers: 21, withConsumers: 25 };

type NaturalColumns = Omit<Columns, 'width'>;

/** As wide as what stands in them. */
function naturalColumns(sections: readonly Section[], layout: Layout): NaturalColumns {
  const shown = sections.filter((section) => section.layout === layout);
  const arms = shown.flatMap((section) => section.arms);
  return {
    // Of all layouts, so that the exchanges stand below each other.
    sources: widest(sections.flatMap(({ sources }) => sources.map(({ name }) => name))),
    exchange: Math.max(...shown.map(({ box }) => boxWidth(box, widestFact.exchange)), 0),
    label: widest(arms.flatMap(({ label, mark = '' }) => [label, mark])),
    queue: Math.max(...arms.map(targetWidth), 0),
    consumers: widest(arms.map(({ consumers }) => consumers)),
  };
}

function rulesOf({ consumers }: NaturalColumns): number {
  return consumers === 0 ? ruleCells.withoutConsumers : ruleCells.withConsumers;
}

function naturalWidth(sections: readonly Section[], layout: Layout): number {
  const columns = naturalColumns(sections, layout);
  const { sources, exchange, label, queue, consumers } = columns;
  return sources + exchange + label + queue + consumers + rulesOf(columns);
}

function columnsFor(sections: readonly Section[], layout: Layout, width: number): Columns {
  const columns = naturalColumns(sections, layout);
  const names = sections.filter((section) => section.layout === layout).map(({ box: [name = ''] }) => name);
  const exchange = Math.max(narrowest.exchange, Math.min(shortName, widest(names)));
  return { width, ...shrunk(columns, width - rulesOf(columns), { ...narrowest, exchange }) };
}

function targetWidth({ target }: Arm): number {
  return 'box' in target ? boxWidth(target.box, widestFact.queue) : target.name.length;
}

function boxWidth([name = '', ...facts]: readonly string[], limit: number): number {
  return Math.max(name.length, Math.min(limit, widest(facts)));
}

/** Takes a cell at a time from the widest column that may still lose one. */
function shrunk(columns: NaturalColumns, room: number, least: NaturalColumns): NaturalColumns {
  const left = { ...columns };
  const names = ['sources', 'exchange', 'label', 'queue', 'consumers'] as const;
  for (let excess = names.reduce((sum, name) => sum + left[name], 0) - room; excess > 0; excess -= 1) {
    const [widestName] = names.filter((name) => left[name] > least[name]).sort((a, b) => left[b] - left[a]);
    if (widestName === undefined) break;
    left[widestName] -= 1;
  }
  return left;
}

function sectionText({ sources, box, arms }: Section, columns: Columns): string {
  const boxLines = box.length === 0 ? [] : exchangeBox(box, sources.length, columns.exchange);
  const right = armLines(arms, columns);
  const rows = Math.max(boxLines.length, right.length);
  return Array.from({ length: rows }, (_, row) => {
    const source = sources[row - 1];
    const left = source === undefined ? ' '.repeat(columns.sources + 5) : sourceText(source, columns.sources);
    const middle = boxLines[row] ?? ' '.repeat(columns.exchange + 4);
    const isFirstArm = row === 1 && arms.length > 0;
    return `${left}${isFirstArm ? middle.replace(/║$/, '╟') : middle}${right[row] ?? ''}`.trimEnd();
  }).join('\n');
}

function sourceText({ name, dashed }: Source, width: number): string {
  const shown = cut(name, width);
  return ` ${shown} ${(dashed ? '┄' : '─').repeat(width - shown.length + 2)}►`;
}

/** High enough for an arrow from each source. */
function exchangeBox([name = '', ...facts]: readonly string[], sources: number, width: number): string[] {
  const lines = [cut(name, width), ...facts.flatMap((fact) => wrapped(fact, width))];
  const padding = Array.from({ length: Math.max(0, sources - lines.length) }, () => '');
  return [
    `╔${'═'.repeat(width + 2)}╗`,
    ...[...lines, ...padding].map((line) => `║ ${line.padEnd(width)} ║`),
    `╚${'═'.repeat(width + 2)}╝`,
  ];
}

/** Everything right of an exchange's box; the first arm leaves it at its second row. */
function armLines(arms: readonly Arm[], columns: Columns): string[] {
  const blocks = arms.map((arm, index) => armBlock(arm, columns, index === 0));
  const rows = blocks.flatMap(({ lines }) => lines);
  const knots = blocks.map(({ knot }, index) =>
    blocks.slice(0, index).reduce((sum, { lines }) => sum + lines.length, knot),
  );
  const last = knots.at(-1) ?? 0;
  return rows.map((line, row) => `${trunk(row, knots, last)}${line}`);
}

function trunk(row: number, knots: readonly number[], last: number): string {
  const at = knots.indexOf(row);
  if (at === 0) return knots.length === 1 ? '──' : '─┬';
  if (row === last) return ' └';
  if (at > 0) return ' ├';
  return row > (knots[0] ?? 0) && row < last ? ' │' : '  ';
}

interface ArmBlock {
  readonly lines: readonly string[];
  /** The line that is joined to the exchange. */
  readonly knot: number;
}

function armBlock(arm: Arm, columns: Columns, isFirst: boolean): ArmBlock {
  const { target } = arm;
  const consumers = arm.consumers === '' ? '' : ` ──► ${cut(arm.consumers, columns.consumers)}`;
  if ('name' in target) {
    const line = `${arrow(arm, columns)}${cut(target.name, nameRoom(arm, columns))}${consumers}`;
    return isFirst ? { lines: ['', line], knot: 1 } : { lines: [line], knot: 0 };
  }
  const [name = '', ...facts] = target.box;
  const inside = ' '.repeat(columns.label + 6);
  const width = columns.queue;
  const lines = [
    `${inside}┌${'─'.repeat(width + 2)}┐`,
    `${arrow(arm, columns)}│ ${cut(name, width).padEnd(width)} ${consumers === '' ? '│' : `├${consumers.slice(1)}`}`,
    ...facts
      .flatMap((fact) => wrapped(fact, width))
      .map((fact, index) => `${index === 0 ? marked(arm, inside) : inside}│ ${fact.padEnd(width)} │`),
    `${inside}└${'─'.repeat(width + 2)}┘`,
  ];
  return { lines, knot: 1 };
}

/** Below the arm's label. */
function marked({ mark = '' }: Arm, inside: string): string {
  return `  ${mark}`.padEnd(inside.length);
}

/** Up to the end of the line, unless consumers stand behind it. */
function nameRoom({ consumers }: Arm, { width, sources, exchange, label, queue }: Columns): number {
  return consumers === '' ? width - (sources + exchange + label + 17) : queue + 3;
}

function arrow({ label, dashed }: Arm, columns: Columns): string {
  const rule = dashed ? '┄' : '─';
  const shown = cut(label, columns.label);
  return `${rule} ${shown} ${rule.repeat(columns.label - shown.length + 1)}► `;
}

function findingsText(findings: readonly string[], lineWidth: number): string {
  if (findings.length === 0) return ' Everything is as planned, and nothing is left over.';
  const lines = findings.flatMap((one) => wrapped(one, lineWidth - 3).map((line) => `   ${line}`));
  return [' Otherwise than planned', ...lines].join('\n');
}

function purposesText({ exchanges, queues, roles }: Drawing, lineWidth: number): string {
  const groups = { Exchanges: exchanges, Queues: queues, Services: roles };
  const nameWidth = Math.min(24, widest([...exchanges, ...queues, ...roles].map(({ name }) => name)));
  const lines = (one: { name: string; purpose: string }) => purposeLines(one, { nameWidth, lineWidth });
  return Object.entries(groups)
    .map(([heading, named]) => [` ${heading}`, ...named.flatMap(lines)].join('\n'))
    .join('\n\n');
}

/** A name that is wider than its column has a line of its own. */
function purposeLines(
  { name, purpose }: { name: string; purpose: string },
  { nameWidth, lineWidth }: { nameWidth: number; lineWidth: number },
): string[] {
  const indent = ' '.repeat(nameWidth + 5);
  const lines = wrapped(purpose, lineWidth - indent.length, '').map((line) => `${indent}${line}`);
  if (name.length > nameWidth) return [`   ${cut(name, lineWidth - 3)}`, ...lines];
  const [first = '', ...others] = lines;
  return [`   ${name.padEnd(nameWidth)}${first.slice(nameWidth + 3)}`, ...others];
}

/** At words, the lines after the first indented. A word that is too long is cut. */
function wrapped(text: string, width: number, indent = '  '): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (longer.length <= width || line === '') line = longer;
    else {
      lines.push(line);
      line = `${indent}${word}`;
    }
  }
  return [...lines, line].map((one) => cut(one, width));
}

/** Names are ASCII: a character is a cell. */
function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function widest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map(({ length }) => length));
}
