import { describe, expect, it } from '@jest/globals';
import { browserOpener, openBrowser } from './open-browser.js';

describe('browserOpener', () => {
  const terminal = { platform: 'linux', env: { DISPLAY: ':0' }, isTerminal: true } as const;

  it('is the one of the system', () => {
    expect(browserOpener(terminal)).toEqual({ kind: 'opener', command: 'xdg-open', args: [] });
    expect(browserOpener({ ...terminal, env: { WAYLAND_DISPLAY: 'wayland-0' } })).toMatchObject({ kind: 'opener' });
    expect(browserOpener({ ...terminal, platform: 'darwin', env: {} })).toMatchObject({ command: 'open' });
    expect(browserOpener({ ...terminal, platform: 'win32', env: {} })).toMatchObject({ command: 'rundll32' });
  });

  it('is none where the output is piped, whatever display there is', () => {
    for (const platform of ['linux', 'darwin', 'win32'] as const) {
      expect(browserOpener({ ...terminal, platform, isTerminal: false })).toMatchObject({
        kind: 'none',
        why: 'the output is no terminal',
      });
    }
  });

  it('is none without a display', () => {
    expect(browserOpener({ ...terminal, env: { DISPLAY: '' } })).toMatchObject({
      kind: 'none',
      why: expect.stringContaining('DISPLAY'),
    });
    const remote = { ...terminal, platform: 'darwin', env: { SSH_CONNECTION: '10.0.0.1 1 10.0.0.2 22' } } as const;
    expect(browserOpener(remote)).toMatchObject({ kind: 'none' });
  });
});

describe('openBrowser', () => {
  const opener = (command: string, ...args: string[]) => ({ kind: 'opener', command, args }) as const;

  it('says what went wrong', async () => {
    const { env } = process;
    expect(await openBrowser(opener(process.execPath, '-e', ''), 'http://x', env)).toBeUndefined();
    expect(await openBrowser(opener(process.execPath, '-e', 'process.exit(3)'), 'http://x', env)).toMatch(
      /ended with 3$/,
    );
    expect(await openBrowser(opener('/no/such/opener'), 'http://x', env)).toMatch(/can't be started: .*ENOENT/);
  });
});
