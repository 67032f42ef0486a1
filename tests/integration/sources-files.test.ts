import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, open, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createSourceReader, defaultSourcesConfig, documentFrom, type SourcesConfig } from '@warren/sources';
// Not public: what happens between check and open can't be brought about from outside.
import { resolveAllowed } from '../../packages/sources/src/allowed-path.js';
import { readResolved, resolvedAgain } from '../../packages/sources/src/read-file.js';

let base: string;
let docs: string;

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'warren-sources-')));
  docs = join(base, 'docs');
  await put('docs/guide.md', '# Guide\n\nRead this.');
  await put('outside/secret.md', '# Secret');
});

afterEach(() => rm(base, { recursive: true, force: true }));

describe('a file', () => {
  it('is read by a path below the first folder, or by its whole path below any', async () => {
    await put('notes/a.txt', 'One.\n\nTwo.');
    const config = { directories: [docs, join(base, 'notes')] };
    expect(await read('guide.md', config)).toMatchObject({
      name: 'guide.md',
      kind: 'file',
      format: 'markdown',
      title: 'Guide',
      text: 'Guide\n\nRead this.',
      bytes: 19,
    });
    expect((await read(join(base, 'notes/a.txt'), config)).blocks).toHaveLength(2);
    expect((await read('./sub/../guide.md', config)).title).toBe('Guide');
  });

  it('takes the format that is asked for before the one of its name', async () => {
    const raw = await reader().fetch({ kind: 'file', path: 'guide.md' }, { signal: never() });
    expect(documentFrom(raw, 'plain').text).toBe('# Guide\n\nRead this.');
  });

  it.each([
    ['a whole path', () => join(base, 'outside/secret.md')],
    ['dots', () => '../outside/secret.md'],
    ['dots inside', () => 'sub/../../outside/secret.md'],
    ['a folder whose name begins alike', () => join(base, 'docs-old/a.md')],
    ['a path where nothing is', () => '/nowhere/at/all'],
  ])('outside of the folders is refused: %s', async (_, path) => {
    await expect(read(path())).rejects.toMatchObject({
      code: 'policy-violation',
      // What the variable does to its default, how it is written, and when it counts.
      message: expect.stringMatching(/WARREN_SOURCES_DIRS .*separated by ":".*replaces the default.*workers anew/),
    });
  });

  it('is refused where a link leads out, whether of the file or of a folder on the way', async () => {
    await symlink(join(base, 'outside/secret.md'), join(docs, 'link.md'));
    await symlink(join(base, 'outside'), join(docs, 'folder'));
    for (const path of ['link.md', 'folder/secret.md']) {
      await expect(read(path)).rejects.toMatchObject({ code: 'policy-violation' });
    }
  });

  it('may be reached by a link that stays inside, and by a folder that is itself configured as a link', async () => {
    await symlink('guide.md', join(docs, 'inside.md'));
    await symlink(docs, join(base, 'current'));
    expect((await read('inside.md')).title).toBe('Guide');
    expect((await read('guide.md', { directories: [join(base, 'current')] })).title).toBe('Guide');
  });

  it('is refused when a folder on the way becomes a link after it was checked', async () => {
    await put('docs/way/secret.md', '# Harmless');
    const checked = await resolveAllowed('way/secret.md', [docs]);
    await rename(join(docs, 'way'), join(docs, 'aside'));
    await symlink(join(base, 'outside'), join(docs, 'way'));
    await expect(readResolved(checked, { directories: [docs], maxBytes: 100 }, never())).rejects.toMatchObject({
      code: 'policy-violation',
    });
    const handle = await open(checked.real);
    expect(await resolvedAgain(handle, checked)).toBe(join(base, 'outside/secret.md'));
    await handle.close();
  });

  it('is refused when it becomes a link after it was checked, or another file after it was opened', async () => {
    const checked = await resolveAllowed('guide.md', [docs]);
    const handle = await open(checked.real);
    expect(await resolvedAgain(handle, checked)).toBe(checked.real);
    await rm(checked.real);
    await symlink(join(base, 'outside/secret.md'), checked.real);
    await expect(readResolved(checked, { directories: [docs], maxBytes: 100 }, never())).rejects.toMatchObject({
      code: 'invalid-input',
    });
    expect(await resolvedAgain(handle, checked)).toBeUndefined();
    await handle.close();
  });

  it('is refused where no folder is configured', async () => {
    await expect(read(join(docs, 'guide.md'), { directories: [] })).rejects.toMatchObject({ code: 'policy-violation' });
  });

  it.each([
    ['missing.md', 'not-found'],
    ['guide.md/below.md', 'not-found'],
    ['.', 'invalid-input'],
    ['a\0b.md', 'invalid-input'],
    [`${'n'.repeat(300)}.md`, 'invalid-input'],
  ])('fails as what it is: %s', async (path, code) => {
    await expect(read(path)).rejects.toMatchObject({ code });
  });

  it('is refused that is no regular file: a pipe nobody writes to, a socket, a loop of links', async () => {
    execFileSync('mkfifo', [join(docs, 'pipe')]);
    await symlink('loop.md', join(docs, 'loop.md'));
    const socket = createServer().listen(join(docs, 'socket'));
    try {
      for (const path of ['pipe', 'socket', 'loop.md']) {
        await expect(read(path)).rejects.toMatchObject({ code: 'invalid-input' });
      }
      await expect(read('/dev/zero', { directories: ['/dev'] })).rejects.toMatchObject({ code: 'invalid-input' });
    } finally {
      await new Promise((closed) => socket.close(closed));
    }
  });

  it.each([
    ['not UTF-8', Buffer.from('naïve', 'latin1')],
    ['binary', Buffer.from('PK\0\0')],
    ['too large', Buffer.alloc(2_000, 'x')],
  ])('is refused that is %s, by name', async (_, bytes) => {
    await put('docs/bad.txt', bytes);
    await expect(read('bad.txt', { maxBytes: 1_000 })).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('bad.txt'),
    });
  });

  it('that claims to be empty and has no end is cut off', async () => {
    await expect(read('/proc/self/environ', { directories: ['/proc'], maxBytes: 4 })).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('larger'),
    });
  });

  it('comes in a buffer of its own, which may go over to another thread', async () => {
    const { bytes } = await reader().fetch({ kind: 'file', path: 'guide.md' }, { signal: never() });
    expect(bytes.buffer.byteLength).toBe(19);
    expect(structuredClone(bytes, { transfer: [bytes.buffer] })).toHaveLength(19);
    expect(bytes).toHaveLength(0);
  });

  it('is not read once the signal has fired', async () => {
    const reason = new Error('the worker stops');
    const options = { signal: AbortSignal.abort(reason) };
    await expect(reader().fetch({ kind: 'file', path: 'guide.md' }, options)).rejects.toBe(reason);
    await expect(reader().list({ kind: 'file', path: '.' }, options)).rejects.toBe(reason);
  });
});

describe('a list', () => {
  it('gives the text files below a folder, sorted, as the task would spell them', async () => {
    await put('docs/README', 'plain');
    await put('docs/b/z.txt', 'z');
    await put('docs/b/a.html', '<p>a');
    await put('docs/b/photo.jpg', 'x');
    await put('docs/program', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0]));
    await put('docs/.git/notes.md', 'x');
    await put('docs/node_modules/x/readme.md', 'x');
    await put('docs/huge.md', 'x'.repeat(2_000));
    expect(await list('.', { maxBytes: 1_000 })).toEqual(['README', 'b/a.html', 'b/z.txt', 'guide.md']);
    expect(await list('b')).toEqual(['b/a.html', 'b/z.txt']);
    expect(await list(docs, { maxBytes: 1_000 })).toContain(join(docs, 'b/z.txt'));
    for (const path of await list('b')) expect((await read(path)).text).not.toBe('');
  });

  it('follows links that stay inside, once, and none that leads out', async () => {
    await symlink(join(base, 'outside'), join(docs, 'out'));
    await symlink(join(base, 'outside/secret.md'), join(docs, 'out.md'));
    await symlink('.', join(docs, 'round'));
    await symlink('guide.md', join(docs, 'zzz.md'));
    await symlink('nowhere', join(docs, 'broken.md'));
    expect(await list('.')).toEqual(['guide.md']);
  });

  it('gives a file itself, and fails as reading does', async () => {
    expect(await list('guide.md')).toEqual(['guide.md']);
    await expect(list('missing')).rejects.toMatchObject({ code: 'not-found' });
    await expect(list('../outside')).rejects.toMatchObject({ code: 'policy-violation' });
  });

  it.each([
    ['files', { maxFiles: 3 }, 'WARREN_SOURCES_MAX_FILES'],
    ['levels', { maxDepth: 1 }, 'WARREN_SOURCES_MAX_DEPTH'],
    ['entries', { maxEntries: 4 }, 'WARREN_SOURCES_MAX_ENTRIES'],
  ])('fails beyond its limit of %s rather than give a part', async (_, config, variable) => {
    for (const path of ['1.md', '2.md', 'b/3.md', 'b/c/4.md']) await put(`docs/${path}`, 'x');
    expect(await list('.')).toHaveLength(5);
    await expect(list('.', config)).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining(variable),
    });
  });
});

async function put(path: string, content: string | Buffer) {
  await mkdir(dirname(join(base, path)), { recursive: true });
  await writeFile(join(base, path), content);
}

function reader(config: Partial<SourcesConfig> = {}) {
  return createSourceReader({ ...defaultSourcesConfig, directories: [docs], ...config });
}

async function read(path: string, config: Partial<SourcesConfig> = {}) {
  return documentFrom(await reader(config).fetch({ kind: 'file', path }, { signal: never() }));
}

async function list(path: string, config: Partial<SourcesConfig> = {}): Promise<string[]> {
  const references = await reader(config).list({ kind: 'file', path }, { signal: never() });
  return references.map((reference) => (reference.kind === 'file' ? reference.path : reference.url));
}

function never(): AbortSignal {
  return new AbortController().signal;
}
