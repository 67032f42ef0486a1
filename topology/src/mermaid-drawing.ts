import {
  type Drawing,
  type DrawnExchange,
  type DrawnQueue,
  depthLines,
  keyText,
  namesOf,
  standingText,
  waitingLines,
} from './drawing.js';
import type { Standing } from './live.js';

/**
 * The picture as a Mermaid flowchart: hexagons are exchanges, cylinders queues, rounded boxes services, which stand on
 * the left where they publish and on the right where they consume (one box for both would tangle every arrow). A dotted
 * line is what the broker does by itself. Ends without a line feed.
 */
export function mermaidDrawing(drawing: Drawing): string {
  const { exchanges, queues } = drawing;
  return [
    'flowchart LR',
    ...indented([
      ...unique(exchanges.flatMap(({ publishers }) => namesOf(publishers))).map((name) => serviceNode('from', name)),
      ...levelsApart(exchanges, exchangeNode, 'exchanges'),
      ...levelsApart(queues, queueNode, 'queues'),
      ...unique(consumersOf(drawing)).map((name) => serviceNode('to', name)),
      ...unique(exchanges.flatMap((exchange) => publishingEdges(exchange, exchanges))),
      ...exchanges.flatMap(routingEdges),
      ...queues.flatMap(queueEdges),
      ...standingClasses(drawing),
    ]),
  ].join('\n');
}

function consumersOf({ exchanges, queues }: Drawing): string[] {
  const consumers = [...queues.flatMap((queue) => queue.consumers), ...exchanges.flatMap(({ listeners }) => listeners)];
  return consumers.map(({ name }) => name);
}

/** The parts of a ladder stand together, so that one arrow leads from each publisher to all of them. */
function levelsApart<Node extends { readonly ladder: string | undefined }>(
  nodes: readonly Node[],
  draw: (node: Node) => string,
  kind: string,
): string[] {
  const ladders = new Set(nodes.flatMap(({ ladder }) => ladder ?? []));
  return [
    ...nodes.filter(({ ladder }) => ladder === undefined).map(draw),
    ...[...ladders].flatMap((name) => {
      const parts = nodes.filter(({ ladder }) => ladder === name);
      if (parts.length === 1) return parts.map(draw);
      return [`subgraph ${idOf(kind, name)}["${name}: ${kind}"]`, ...indented(parts.map(draw)), 'end'];
    }),
  ];
}

function serviceNode(side: 'from' | 'to', name: string): string {
  return `${idOf(side, name)}(["${lines([name])}"])`;
}

function exchangeNode(exchange: DrawnExchange): string {
  const { name, standing, facts } = exchange;
  return `${idOf('exchange', name)}{{"${lines([name, ...markOf(standing), ...waitingLines(exchange), ...facts])}"}}`;
}

function queueNode(queue: DrawnQueue): string {
  const { name, standing, facts } = queue;
  return `${idOf('queue', name)}[("${lines([name, ...markOf(standing), ...depthLines(queue), ...facts])}")]`;
}

function markOf(standing: Standing): string[] {
  const text = standingText(standing);
  return text === undefined ? [] : [text];
}

/** Strokes alone, which show on a light page and on a dark one. */
const classStyles = {
  missing: 'stroke:#d1242f,stroke-width:3px,stroke-dasharray:6 4',
  leftover: 'stroke:#bf8700,stroke-width:3px,stroke-dasharray:6 4',
  different: 'stroke:#bf8700,stroke-width:3px',
};

function standingClasses({ exchanges, queues }: Drawing): string[] {
  const nodes = [
    ...exchanges.map(({ name, standing }) => ({ id: idOf('exchange', name), standing })),
    ...queues.map(({ name, standing }) => ({ id: idOf('queue', name), standing })),
  ];
  return Object.entries(classStyles).flatMap(([standing, style]) => {
    const ids = nodes.filter((node) => node.standing === standing).map(({ id }) => id);
    return ids.length === 0 ? [] : [`classDef ${standing} ${style}`, `class ${ids.join(',')} ${standing}`];
  });
}

function publishingEdges(exchange: DrawnExchange, exchanges: readonly DrawnExchange[]): string[] {
  return namesOf(exchange.publishers).map((name) => `${idOf('from', name)} --> ${entranceOf(exchange, exchanges)}`);
}

/** A drawn ladder is entered at the level of the delay's highest digit: the arrow leads to all of them. */
function entranceOf({ name, ladder }: DrawnExchange, exchanges: readonly DrawnExchange[]): string {
  const levels = exchanges.filter((other) => ladder !== undefined && other.ladder === ladder);
  return ladder === undefined || levels.length === 1 ? idOf('exchange', name) : idOf('exchanges', ladder);
}

function routingEdges({ name, routes, alternate, listeners }: DrawnExchange): string[] {
  const from = idOf('exchange', name);
  return [
    ...routes.map(
      ({ key, to, standing }) =>
        `${from} -- "${[keyText(key), ...markOf(standing)].join(' ')}" --> ${idOf(to.kind, to.name)}`,
    ),
    ...listeners.map((listener) => `${from} -- "a queue of its own" --> ${idOf('to', listener.name)}`),
    ...(alternate === undefined ? [] : [`${from} -. "no binding" .-> ${idOf('exchange', alternate)}`]),
  ];
}

function queueEdges({ name, deadLetters, consumers }: DrawnQueue): string[] {
  const from = idOf('queue', name);
  return [
    ...consumers.map((consumer) => `${from} --> ${idOf('to', consumer.name)}`),
    ...(deadLetters === undefined
      ? []
      : [
          `${from} -. "${lines(['expired', ...(deadLetters.key === undefined ? [] : [deadLetters.key])])}" .-> ${idOf('exchange', deadLetters.exchange)}`,
        ]),
  ];
}

/** An exchange and a queue may share a name, so the kind is part of it. */
function idOf(kind: string, name: string): string {
  return `${kind}_${name.replaceAll(/[^A-Za-z0-9]/g, '_')}`;
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => text.replaceAll('"', '#quot;').replaceAll('<', '#lt;')).join('<br/>');
}

function indented(texts: readonly string[]): string[] {
  return texts.map((text) => `  ${text}`);
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
