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
import { type Ink, lightInk } from './drawing-inks.js';
import type { Standing } from './live.js';

/**
 * The picture as a Graphviz digraph, in the same shapes as the Mermaid flowchart: hexagons are exchanges, cylinders queues,
 * rounded boxes services, on the left where they publish and on the right where they consume; dashed is what the broker does
 * by itself. Its colours are those for a light page; every part has a `class`, by which a stylesheet can give it others.
 * Ends without a line feed.
 * @param title stands above the picture.
 */
export function dotDrawing(drawing: Drawing, title: string): string {
  const { exchanges, queues } = drawing;
  return [
    `digraph ${quoted(title)} {`,
    ...indented([
      `graph [${attributes({ ...graphSettings, label: heading(title, drawing), class: 'page' })}]`,
      `node [${attributes({ fontname: font, fontsize: '11', penwidth: '1.2', margin: '0.16,0.08' })}]`,
      `edge [${attributes({ fontname: font, fontsize: '9', color: lightInk.line, fontcolor: lightInk.muted, arrowsize: '0.7' })}]`,
      ...column(
        'min',
        unique(exchanges.flatMap(({ publishers }) => namesOf(publishers))).map((name) => serviceNode('from', name)),
      ),
      ...column('same', exchanges.map(exchangeNode)),
      ...queues.map(queueNode),
      ...column(
        'max',
        unique(consumersOf(drawing)).map((name) => serviceNode('to', name)),
      ),
      ...exchanges.flatMap((exchange) => publishingEdges(exchange, exchanges)),
      ...exchanges.flatMap((exchange) => routingEdges(exchange, exchanges)),
      ...queues.flatMap(queueEdges),
    ]),
    '}',
  ].join('\n');
}

/** Every fixed-width font has nearly the widths that Graphviz reckons with, so that text stays in its shape everywhere. */
const font = 'Courier New';

const graphSettings = {
  rankdir: 'LR',
  labelloc: 't',
  labeljust: 'l',
  fontname: font,
  fontsize: '14',
  bgcolor: lightInk.page,
  fontcolor: lightInk.text,
  pad: '0.3',
  nodesep: '0.28',
  ranksep: '1.1',
};

/** A value that stands as markup, not in quotes. */
interface Markup {
  readonly markup: string;
}

function attributes(given: Readonly<Record<string, string | Markup>>): string {
  return Object.entries(given)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? quoted(value) : `<${value.markup}>`}`)
    .join(', ');
}

function heading(title: string, { findings }: Drawing): Markup {
  const said = findings?.length === 0 ? ['Everything is as planned, and nothing is left over.'] : (findings ?? []);
  const lines = said.map(
    (line) => `<font point-size="10" color="${lightInk.muted}">${escaped(line)}</font><br align="left"/>`,
  );
  return { markup: `<b>${escaped(title)}</b><br align="left"/>${lines.join('')}<br align="left"/>` };
}

function column(rank: 'min' | 'same' | 'max', nodes: readonly string[]): string[] {
  return nodes.length === 0 ? [] : ['{', ...indented([`rank=${rank}`, ...nodes]), '}'];
}

function serviceNode(side: 'from' | 'to', name: string): string {
  const { fill, stroke } = lightInk.service;
  const look = { shape: 'box', style: 'rounded,filled', fillcolor: fill, color: stroke, fontcolor: lightInk.text };
  return `${idOf(side, name)} [${attributes({ label: name, ...look, class: 'service' })}]`;
}

function exchangeNode(exchange: DrawnExchange): string {
  const { name, facts, standing, purpose } = exchange;
  const label = nodeLabel(name, standing, waitingLines(exchange), facts);
  const look = { shape: 'hexagon', ...standingLook(standing, lightInk.exchange), margin: '0.02,0.06' };
  return `${idOf('exchange', name)} [${attributes({ label, ...look, tooltip: purpose, class: `exchange ${standing}` })}]`;
}

function queueNode(queue: DrawnQueue): string {
  const { name, facts, standing, purpose } = queue;
  const label = nodeLabel(name, standing, depthLines(queue), facts);
  const look = { shape: 'cylinder', ...standingLook(standing, lightInk.queue) };
  return `${idOf('queue', name)} [${attributes({ label, ...look, tooltip: purpose, class: `queue ${standing}` })}]`;
}

function standingLook(standing: Standing, usual: Ink): Record<string, string> {
  const { fill, stroke } = inkOf(standing, usual);
  const isDashed = standing === 'missing' || standing === 'leftover';
  const isOdd = isDashed || standing === 'different';
  return {
    style: isDashed ? 'filled,dashed' : 'filled',
    fillcolor: fill,
    color: stroke,
    fontcolor: lightInk.text,
    ...(isOdd ? { penwidth: '2' } : {}),
  };
}

function inkOf(standing: Standing, usual: Ink): Ink {
  switch (standing) {
    case 'planned':
    case 'there':
      return usual;
    case 'different':
    case 'leftover':
      return lightInk.odd;
    case 'missing':
      return lightInk.missing;
    default:
      return standing satisfies never;
  }
}

/** The name, how it stands, what the broker counts, and below in small what it is. */
function nodeLabel(name: string, standing: Standing, counts: readonly string[], facts: readonly string[]): Markup {
  const mark = standingText(standing);
  const lines = [
    `<b>${escaped(name)}</b>`,
    ...(mark === undefined
      ? []
      : [`<b><font color="${inkOf(standing, lightInk.queue).stroke}">${escaped(mark)}</font></b>`]),
    ...counts.map(escaped),
    ...facts.map((fact) => `<font point-size="9" color="${lightInk.muted}">${escaped(fact)}</font>`),
  ];
  return { markup: lines.join('<br/>') };
}

function publishingEdges(exchange: DrawnExchange, exchanges: readonly DrawnExchange[]): string[] {
  const { name, publishers } = exchange;
  const levels = levelsOf(exchange, exchanges);
  // One arrow for all levels, to the highest.
  if (levels.length > 0 && levels[0] !== exchange) return [];
  const look = { class: 'publish', ...(levels.length > 0 ? { label: 'any level' } : {}) };
  return namesOf(publishers).map((publisher) => edge(idOf('from', publisher), idOf('exchange', name), look));
}

function routingEdges(exchange: DrawnExchange, exchanges: readonly DrawnExchange[]): string[] {
  const { name, routes, listeners } = exchange;
  const from = idOf('exchange', name);
  return [
    ...routes.map((route) => edge(from, idOf(route.to.kind, route.to.name), routeLook(route))),
    ...listeners.map((listener) =>
      edge(from, idOf('to', listener.name), { label: 'a queue of its own', class: 'route' }),
    ),
    ...alternateEdges(exchange, exchanges),
  ];
}

function alternateEdges(exchange: DrawnExchange, exchanges: readonly DrawnExchange[]): string[] {
  const { name, alternate } = exchange;
  if (alternate === undefined) return [];
  const levels = levelsOf(exchange, exchanges);
  // And one from all of them, from the lowest.
  if (levels.length > 0 && levels.at(-1) !== exchange) return [];
  const label = levels.length > 0 ? 'no binding, any level' : 'no binding';
  return [edge(idOf('exchange', name), idOf('exchange', alternate), { ...byItself, label })];
}

/** Its ladder's exchanges where each is drawn, from the top down; empty for any other exchange. */
function levelsOf({ ladder }: DrawnExchange, exchanges: readonly DrawnExchange[]): readonly DrawnExchange[] {
  const parts = exchanges.filter((other) => ladder !== undefined && other.ladder === ladder);
  return parts.length > 1 ? parts : [];
}

/** What the broker does between exchanges, which stand in one column whatever leads where. */
const byItself = { style: 'dashed', constraint: 'false', class: 'broker' };

function routeLook({ key, to, standing }: Route): Record<string, string> {
  const { stroke } = inkOf(standing, { fill: '', stroke: lightInk.line });
  const isOdd = standing === 'missing' || standing === 'leftover';
  const mark = standingText(standing);
  return {
    label: [keyText(key), ...(mark === undefined ? [] : [mark])].join(' '),
    class: `route ${standing}`,
    ...(isOdd ? { color: stroke, fontcolor: stroke, style: 'dashed', penwidth: '1.6' } : {}),
    ...(to.kind === 'exchange' ? { constraint: 'false' } : {}),
  };
}

/** Dead letters stand as an edge from the exchange that points back: so they run between the columns like all others. */
function queueEdges({ name, deadLetters, consumers }: DrawnQueue): string[] {
  const queue = idOf('queue', name);
  return [
    ...consumers.map((consumer) => edge(queue, idOf('to', consumer.name), { class: 'consume' })),
    ...(deadLetters === undefined
      ? []
      : [
          edge(idOf('exchange', deadLetters.exchange), queue, {
            label: ['expired', ...(deadLetters.key === undefined ? [] : [deadLetters.key])].join('\n'),
            style: 'dashed',
            dir: 'back',
            class: 'broker',
          }),
        ]),
  ];
}

function edge(from: string, to: string, look: Record<string, string>): string {
  return `${from} -> ${to} [${attributes(look)}]`;
}

function consumersOf({ exchanges, queues }: Drawing): string[] {
  const consumers = [...queues.flatMap((queue) => queue.consumers), ...exchanges.flatMap(({ listeners }) => listeners)];
  return consumers.map(({ name }) => name);
}

/** An exchange and a queue may share a name, so the kind is part of it. */
function idOf(kind: string, name: string): string {
  return quoted(`${kind} ${name}`);
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function indented(texts: readonly string[]): string[] {
  return texts.map((text) => `  ${text}`);
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
