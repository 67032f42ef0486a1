import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { canEnter, parseUsers } from './unprivileged-user.js';

describe('parseUsers', () => {
  it('reads names and numbers, and passes over what is no user', () => {
    const users = parseUsers(
      'root:x:0:0:root:/root:/bin/bash\n\n# a comment\nnobody:x:65534:65533::/:/usr/sbin/nologin\n',
    );
    expect([...users]).toEqual([
      ['root', { uid: 0, gid: 0 }],
      ['nobody', { uid: 65_534, gid: 65_533 }],
    ]);
  });
});

describe('canEnter', () => {
  it('asks every folder on the way', () => {
    const stranger = { uid: 54_321, gid: 54_321 };
    const outer = mkdtempSync(join(tmpdir(), 'warren-enter-'));
    const inner = join(outer, 'inner');
    try {
      mkdirSync(inner, { mode: 0o755 });
      chmodSync(outer, 0o700);
      expect(canEnter(stranger, inner)).toBe(false);
      chmodSync(outer, 0o711);
      expect(canEnter(stranger, inner)).toBe(true);
      chmodSync(inner, 0o750);
      expect(canEnter(stranger, inner)).toBe(false);
    } finally {
      rmSync(outer, { recursive: true, force: true });
    }
  });
});
