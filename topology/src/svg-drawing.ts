import { darkInk, type Inks, lightInk } from './drawing-inks.js';

/**
 * A picture as SVG, laid out by Graphviz: light, and dark where the page that shows it is dark. It stands on its own ground,
 * so it can be read on any page. Ends without a line feed.
 * @param dot as `dotDrawing` gives it.
 */
export async function svgDrawing(dot: string): Promise<string> {
  // Loaded when a picture is asked for: it is a megabyte, and no other command needs it.
  const { instance } = await import('@viz-js/viz');
  const svg = (await instance()).renderString(dot, { format: 'svg', engine: 'dot' });
  const start = svg.indexOf('<svg');
  const inside = svg.indexOf('>', start) + 1;
  return `${svg.slice(start, inside)}\n${style}${svg.slice(inside)}`.trimEnd();
}

/** All as wide as the one that Graphviz reckoned with. */
const fonts = "'DejaVu Sans Mono', 'Liberation Mono', Menlo, 'Courier New', monospace";

/** Of the picture alone, also where it stands within a page. Graphviz writes fonts and colours as attributes, which any rule of a stylesheet goes before. */
const style = [
  '<style>',
  `.graph text { font-family: ${fonts} }`,
  '@media (prefers-color-scheme: dark) {',
  ...darkRules(),
  '}',
  '</style>',
].join('\n');

function darkRules(): string[] {
  const [light, dark] = [coloursOf(lightInk), coloursOf(darkInk)];
  return Object.entries(light).flatMap(([part, colour]) => [
    `.graph [fill="${colour}"] { fill: ${dark[part]} }`,
    `.graph [stroke="${colour}"] { stroke: ${dark[part]} }`,
  ]);
}

/** By the part of the picture: `queue.fill`. */
function coloursOf(inks: Inks): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inks).flatMap(([part, ink]: [string, Inks[keyof Inks]]) =>
      typeof ink === 'string'
        ? [[part, ink]]
        : [
            [`${part}.fill`, ink.fill],
            [`${part}.stroke`, ink.stroke],
          ],
    ),
  );
}
