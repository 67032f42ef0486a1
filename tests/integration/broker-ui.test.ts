import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type FreshVhost, freshVhost } from './support/broker.js';
import { projectRoot } from './support/services.js';

jest.setTimeout(60_000);

const warren = join(projectRoot, 'bin', 'warren');

let vhost: FreshVhost;
let folder: string;

beforeAll(async () => {
  vhost = await freshVhost();
});

afterAll(() => vhost.dispose());

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'warren-ui-'));
  // Stands for the system's: it notes what it is to open.
  writeFileSync(join(folder, 'xdg-open'), `#!/bin/sh\nprintf '%s\\n' "$@" > '${folder}/opened'\n`);
  chmodSync(join(folder, 'xdg-open'), 0o755);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('warren broker ui', () => {
  const display = { DISPLAY: ':99' };

  it('at a terminal with a display opens the list of queues, without user and password in the address', async () => {
    const { code, text } = await atTerminal('broker ui', display);
    expect(code).toBe(0);
    expect(opened()).toEqual([uiAddress()]);
    expect(opened()?.join()).not.toContain('@');
    expect(text).toContain(`management  ${uiAddress()}`);
    expect(text).toMatch(/^user +\S+/m);
    expect(text).toContain('opened in the browser');
    expect(text).not.toContain(new URL(vhost.amqpUrl).password);
  });

  it.each([
    ['with --print', 'broker ui --print', display],
    ['with --json', 'broker ui --json', display],
    ['without a display', 'broker ui', {}],
  ])('at a terminal %s only prints', async (_what, words, env) => {
    const { code, text } = await atTerminal(words, env);
    expect(code).toBe(0);
    expect(text).toContain(uiAddress());
    expect(opened()).toBeUndefined();
  });

  it.each([['broker ui'], ['broker ui --open']])('never opens anything where it is piped: %s', async (words) => {
    const { code, stdout } = await piped(words, display);
    expect(code).toBe(words.includes('--open') ? 1 : 0);
    expect(stdout).toContain(uiAddress());
    expect(opened()).toBeUndefined();
  });

  it('--open says why nothing was opened', async () => {
    const { code, text } = await atTerminal('broker ui --open', {});
    expect(code).toBe(1);
    expect(text).toContain('not opened: there is no display');
    writeFileSync(join(folder, 'xdg-open'), '#!/bin/sh\nexit 3\n');
    const failed = await atTerminal('broker ui --open', display);
    expect(failed.code).toBe(1);
    expect(failed.text).toContain('not opened: xdg-open ended with 3');
  });

  it('--json gives data', async () => {
    const { stdout } = await piped('broker ui --json', {});
    const { username } = new URL(vhost.amqpUrl);
    expect(JSON.parse(stdout)).toEqual({
      ui: { url: uiAddress(), user: username, from: 'AMQP_URL', answers: true, opened: false },
    });
  });

  it('prints an address that does not answer, opens nothing, and says so', async () => {
    const { code, text } = await atTerminal('broker ui', { ...display, WARREN_MANAGEMENT_URL: 'http://127.0.0.1:1' });
    expect(code).toBe(1);
    expect(text).toContain('http://127.0.0.1:1/#/queues');
    expect(text.replaceAll(/\s+/g, ' ')).toContain('WARREN_MANAGEMENT_URL to where it is');
    expect(opened()).toBeUndefined();
  });

  it('says when the user is not let in', async () => {
    const wrong = new URL(vhost.managementUrl);
    wrong.password = 'wrong';
    const { code, stderr } = await piped('broker ui --print', { WARREN_MANAGEMENT_URL: wrong.href });
    expect(code).toBe(1);
    expect(stderr).toContain(`the management UI refuses user "${wrong.username}" (401)`);
  });

  it('refuses --open together with --print', async () => {
    expect((await piped('broker ui --open --print', {})).code).toBe(2);
  });
});

function uiAddress(): string {
  return `http://${new URL(vhost.managementUrl).host}/#/queues`;
}

function opened(): string[] | undefined {
  const file = join(folder, 'opened');
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : undefined;
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function piped(words: string, env: Readonly<Record<string, string>>): Promise<Ran> {
  return run(process.execPath, [warren, ...words.split(' ')], env);
}

/** On a terminal of its own, where stdout and stderr are one text. */
async function atTerminal(
  words: string,
  env: Readonly<Record<string, string>>,
): Promise<{ code: number; text: string }> {
  const command = `'${process.execPath}' '${warren}' ${words}`;
  const { code, stdout } = await run('script', ['-qec', command, '/dev/null'], env);
  return { code, text: stdout.replaceAll('\r', '') };
}

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
  const given = { AMQP_URL: vhost.amqpUrl, WARREN_MANAGEMENT_URL: vhost.managementUrl, TERM: 'xterm', ...env };
  return new Promise((resolve, reject) => {
    const options = { env: { PATH: `${folder}:${process.env.PATH ?? ''}`, ...given }, cwd: folder };
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else reject(error);
    });
    child.stdin?.end();
  });
}
