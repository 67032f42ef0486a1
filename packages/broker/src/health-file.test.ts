import { existsSync, mkdtempSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { pino } from 'pino';
import { healthIntervalMs, keepHealthFile } from './health-file.js';

describe('a health file', () => {
  const log = pino({ level: 'silent' });
  let folder: string;
  let file: string;

  beforeEach(() => {
    jest.useFakeTimers();
    folder = mkdtempSync(join(tmpdir(), 'warren-health-'));
    file = join(folder, 'healthy');
  });
  afterEach(() => {
    jest.useRealTimers();
    rmSync(folder, { recursive: true });
  });

  const age = () => Date.now() - statSync(file).mtimeMs;
  const growOld = () => utimesSync(file, new Date(0), new Date(0));

  it('is touched while the service is healthy, not while it is not, and goes with it', () => {
    let healthy = true;
    const health = keepHealthFile(file, () => healthy, log);
    expect(existsSync(file)).toBe(true);
    growOld();
    jest.advanceTimersByTime(healthIntervalMs);
    expect(age()).toBeLessThan(healthIntervalMs);
    healthy = false;
    growOld();
    jest.advanceTimersByTime(10 * healthIntervalMs);
    expect(age()).toBeGreaterThan(healthIntervalMs);
    health.end();
    expect(existsSync(file)).toBe(false);
  });

  it('that cannot be written ends nothing', () => {
    const warn = jest.spyOn(log, 'warn');
    keepHealthFile(join(folder, 'missing', 'healthy'), () => true, log).end();
    expect(warn).toHaveBeenCalledTimes(1);
  });
});
