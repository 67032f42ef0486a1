import type { FormatChoice } from './format.js';

/**
 * A source as it came, before anyone looked into it: plain data, so that the looking can be done in another thread.
 * `bytes` has an `ArrayBuffer` of its own, which may be transferred there.
 */
export type RawSource = RawText | RawFile | RawPage;

/** A text that came with its task. */
export interface RawText {
  readonly kind: 'text';
  readonly text: string;
}

export interface RawFile {
  readonly kind: 'file';
  /** The path as the task spells it. */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What its name says. */
  readonly format: FormatChoice;
}

export interface RawPage {
  readonly kind: 'url';
  /** The URL as the task spells it. */
  readonly name: string;
  /** The body, decompressed. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What the server says it is. */
  readonly format: FormatChoice;
  /** The charset that the server says, in its own spelling. */
  readonly charset: string | undefined;
}
