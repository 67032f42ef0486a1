/** Where text goes: `process.stdout` and `process.stderr` are two. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Width of the terminal, in cells. */
  readonly columns?: number | undefined;
}

/** Where bytes come from: `process.stdin` is one. */
export interface ByteSource extends AsyncIterable<Uint8Array | string> {
  readonly isTTY?: boolean | undefined;
}
