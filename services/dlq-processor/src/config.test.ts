import { describe, expect, it } from '@jest/globals';
import { defaultRetentionSettings, defaultSweeperSettings } from '@warren/dead-letters';
import { dlqProcessorConfigFrom } from './config.js';

const required = { AMQP_URL: 'amqp://localhost/warren', LEDGER_URL: 'ledger.db' };

describe('the configuration of the dlq-processor', () => {
  it('needs a broker and a ledger, and no more', () => {
    expect(dlqProcessorConfigFrom({ ...required, WARREN_WORKER_NAME: 'd' })).toEqual({
      amqpUrl: 'amqp://localhost/warren',
      ledgerUrl: 'ledger.db',
      delay: 'auto',
      profile: 'classic',
      priorities: 'lanes',
      name: 'd',
      prefetch: 20,
      drainMs: 10_000,
      logLevel: 'info',
      sweeper: defaultSweeperSettings,
      retention: defaultRetentionSettings,
    });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(dlqProcessorConfigFrom({ ...required, WARREN_SWEEP_EMPTY_MS: '' }).sweeper.emptyMs).toBe(15_000);
    expect(() => dlqProcessorConfigFrom({ ...required, AMQP_URL: '' })).toThrow(/AMQP_URL/);
  });

  it('sets every time of the sweeper', () => {
    const env = {
      ...required,
      WARREN_SWEEP_INTERVAL_MS: '100',
      WARREN_SWEEP_OWED_AFTER_MS: '101',
      WARREN_SWEEP_QUIET_MS: '102',
      WARREN_SWEEP_EMPTY_MS: '103',
      WARREN_SWEEP_OVERTAKEN_MARGIN_MS: '104',
      WARREN_SWEEP_LEASE_MS: '105',
      WARREN_SWEEP_BATCH: '106',
    };
    expect(Object.values(dlqProcessorConfigFrom(env).sweeper)).toEqual([100, 101, 102, 103, 104, 105, 106]);
  });

  it('sets every limit and the pace of retention', () => {
    const env = {
      ...required,
      WARREN_RETENTION_COMPLETED_MS: '60001',
      WARREN_RETENTION_CANCELLED_MS: '60002',
      WARREN_RETENTION_LETTERS_MS: '60003',
      WARREN_RETENTION_MAX_TASKS: '104',
      WARREN_RETENTION_MAX_LETTERS: '105',
      WARREN_RETENTION_INTERVAL_MS: '106',
      WARREN_RETENTION_PAUSE_MS: '107',
      WARREN_RETENTION_BATCH_ROWS: '108',
    };
    expect(Object.values(dlqProcessorConfigFrom(env).retention)).toEqual([
      60_001, 60_002, 60_003, 104, 105, 106, 107, 108,
    ]);
  });

  it('takes 0 for what is to be kept for ever', () => {
    const env = { ...required, WARREN_RETENTION_COMPLETED_MS: '0', WARREN_RETENTION_MAX_TASKS: '0' };
    expect(dlqProcessorConfigFrom(env).retention).toMatchObject({ completedMs: 0, maxTasks: 0 });
  });

  it.each([
    ['WARREN_RETENTION_COMPLETED_MS', '59999'],
    ['WARREN_RETENTION_CANCELLED_MS', '-1'],
    ['WARREN_RETENTION_LETTERS_MS', '30d'],
    ['WARREN_RETENTION_MAX_TASKS', '-1'],
    ['WARREN_RETENTION_BATCH_ROWS', '9'],
    ['WARREN_RETENTION_BATCH_ROWS', '1001'],
    ['WARREN_PREFETCH', '0'],
    ['WARREN_PREFETCH', '1.5'],
    ['WARREN_SWEEP_QUIET_MS', 'soon'],
    ['WARREN_SWEEP_LEASE_MS', '5000'],
    ['WARREN_DELAY', 'magic'],
    ['WARREN_LOG_LEVEL', 'loud'],
  ])('refuses %s=%s by name', (name, value) => {
    expect(() => dlqProcessorConfigFrom({ ...required, [name]: value })).toThrow(new RegExp(name));
  });
});
