/** Colours as `#rrggbb`. */
export interface Ink {
  readonly fill: string;
  readonly stroke: string;
}

export interface Inks {
  readonly page: string;
  readonly text: string;
  /** Of what is said in small. */
  readonly muted: string;
  readonly line: string;
  readonly service: Ink;
  readonly exchange: Ink;
  readonly queue: Ink;
  readonly missing: Ink;
  /** Of what is left over, or not as planned. */
  readonly odd: Ink;
}

/** For a light page. No two are the same: the SVG's dark ones take their place by their value. */
export const lightInk: Inks = {
  page: '#ffffff',
  text: '#1f2328',
  muted: '#57606a',
  line: '#6e7781',
  service: { fill: '#f3f4f6', stroke: '#8c959f' },
  exchange: { fill: '#ddf4ff', stroke: '#0969da' },
  queue: { fill: '#dafbe1', stroke: '#1a7f37' },
  missing: { fill: '#ffebe9', stroke: '#cf222e' },
  odd: { fill: '#fff8c5', stroke: '#9a6700' },
};

/** For a dark page. */
export const darkInk: Inks = {
  page: '#0d1117',
  text: '#e6edf3',
  muted: '#a2abb5',
  line: '#8b949e',
  service: { fill: '#21262d', stroke: '#768390' },
  exchange: { fill: '#10233d', stroke: '#58a6ff' },
  queue: { fill: '#12281a', stroke: '#3fb950' },
  missing: { fill: '#35171a', stroke: '#ff7b72' },
  odd: { fill: '#2e2611', stroke: '#d29922' },
};
