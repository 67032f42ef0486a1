import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

/** At this size, in bytes, a log is put aside as `<name>.1` (which replaces the one before) and begun anew. */
const maxLogBytes = 10 * 1024 * 1024;

/** An appended file that never holds more than {@link maxLogBytes}, plus one older part. */
export class ServiceLog {
  readonly file: string;
  #handle: number;
  #size: number;

  constructor(file: string) {
    this.file = file;
    this.#handle = openSync(file, 'a', 0o600);
    this.#size = fstatSync(this.#handle).size;
  }

  /** In bytes. */
  get size(): number {
    return this.#size;
  }

  write(chunk: Uint8Array): void {
    if (this.#size + chunk.length > maxLogBytes && this.#size > 0) this.#rotate();
    writeSync(this.#handle, chunk);
    this.#size += chunk.length;
  }

  close(): void {
    closeSync(this.#handle);
  }

  #rotate(): void {
    closeSync(this.#handle);
    renameSync(this.file, `${this.file}.1`);
    this.#handle = openSync(this.file, 'a', 0o600);
    this.#size = 0;
  }
}
