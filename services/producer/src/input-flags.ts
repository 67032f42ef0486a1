import path from 'node:path';
import { parseCount, UsageError } from '@warren/cli';
import { research, researchInput, type SourceReference, summarize, summarizeInput } from '@warren/tasks';
import type { z } from 'zod';

/** What is at a path, as far as a submitter needs to know. */
export type PathKind = 'file' | 'folder' | 'nothing';

/** Where flags are read. */
export interface FlagWorld {
  /** Relative paths are resolved against it: the worker has another working directory. */
  readonly cwd: string;
  /** Undefined: paths are taken as they are, because only the worker sees them. */
  readonly look: ((path: string) => PathKind) | undefined;
}

/** A flag that fills a field of one task type's input. */
export interface InputFlag {
  readonly flag: `--${string}`;
  readonly value: string;
  readonly help: string;
  readonly field: string;
  /** May be given several times: the field is a list. */
  readonly repeatable?: boolean;
  /** The field's value. Throws a UsageError that names `flag`. The type's schema has the last word. */
  readonly read: (text: string, flag: string, world: FlagWorld) => unknown;
}

/** Shorthands for the input of the types there are. A type without any is submitted with `--input`. */
export const inputFlags: Readonly<Record<string, readonly InputFlag[]>> = {
  [summarize.name]: [
    { flag: '--text', value: '<text>', field: 'text', read: (text) => text, help: 'the text itself' },
    { flag: '--file', value: '<path>', field: 'source', read: readFile, help: 'a file that the worker reads' },
    { flag: '--url', value: '<url>', field: 'source', read: readUrl, help: 'a page that the worker reads' },
    {
      flag: '--length',
      value: '<length>',
      field: 'length',
      read: (text) => (/^\d+$/.test(text) ? Number(text) : text),
      help: 'short, medium, long, or a number of sentences (default: medium)',
    },
    {
      flag: '--format',
      value: '<format>',
      field: 'format',
      read: (text) => text,
      help: 'auto, plain, markdown or html (default: auto)',
    },
    {
      flag: '--keywords',
      value: '<count>',
      field: 'keywords',
      read: countOf(summarizeInput.shape.keywords),
      help: 'how many keywords (default: 8)',
    },
  ],
  [research.name]: [
    { flag: '--question', value: '<text>', field: 'question', read: (text) => text, help: 'what to find out' },
    {
      flag: '--source',
      value: '<place>',
      field: 'sources',
      repeatable: true,
      read: readPlace,
      help: 'a file, a folder or a URL to read; may be repeated',
    },
    {
      flag: '--depth',
      value: '<rounds>',
      field: 'depth',
      read: countOf(researchInput.shape.depth),
      help: 'rounds of reading (default: 2)',
    },
    {
      flag: '--sentences',
      value: '<count>',
      field: 'sentences',
      read: countOf(researchInput.shape.sentences),
      help: 'sentences in the answer, at most (default: 8)',
    },
  ],
};

/** Within the bounds that the type's schema has. */
function countOf(field: z.ZodDefault<z.ZodNumber>): InputFlag['read'] {
  const { maxValue, minValue } = field.unwrap();
  return (text, flag) =>
    parseCount(text, flag, { min: minValue ?? 0, ...(maxValue === null ? {} : { max: maxValue }) });
}

function readFile(given: string, flag: string, world: FlagWorld): SourceReference {
  return fileAt(given, flag, world, ['file']);
}

function readPlace(given: string, flag: string, world: FlagWorld): SourceReference {
  return /^https?:\/\//i.test(given) ? { kind: 'url', url: given } : fileAt(given, flag, world, ['file', 'folder']);
}

function readUrl(given: string, flag: string): SourceReference {
  if (/^https?:\/\/./i.test(given) && URL.canParse(given)) return { kind: 'url', url: given };
  throw new UsageError(`${flag}: "${given}" is not an http or https URL`, {
    field: flag,
    next: 'write it as https://host/path',
  });
}

function fileAt(given: string, flag: string, { cwd, look }: FlagWorld, allowed: readonly PathKind[]): SourceReference {
  if (given === '') throw new UsageError(`${flag}: the path is empty`, { field: flag });
  if (given === '-') {
    const next = 'give the whole input as JSON on stdin with --input -; a file of this name is ./-';
    throw new UsageError(`${flag}: names what the worker reads, and it can't read this stdin`, { field: flag, next });
  }
  const absolute = path.resolve(cwd, given);
  const found = look?.(absolute) ?? 'file';
  if (allowed.includes(found)) return { kind: 'file', path: absolute };
  throw found === 'nothing'
    ? new UsageError(`${flag}: there is no file ${absolute}`, {
        field: flag,
        next: 'correct the path, or pass --no-check if only the worker can see it',
      })
    : new UsageError(`${flag}: ${absolute} is a folder`, { field: flag, next: 'name a file in it' });
}
