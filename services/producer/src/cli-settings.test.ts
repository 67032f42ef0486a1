import { describe, expect, it } from '@jest/globals';
import { bothSettings, brokerSettings, ledgerSettings } from './cli-settings.js';

const stack = { amqpUrl: 'amqp://stack', managementUrl: 'http://stack', ledgerUrl: 'sqlite:///stack' };
const running = () => stack;
const none = () => undefined;

describe('where the broker and the ledger are', () => {
  it('the environment says so', () => {
    const env = { AMQP_URL: 'amqp://a', LEDGER_URL: '/l', WARREN_MANAGEMENT_URL: 'http://m', WARREN_DELAY: 'ladder' };
    expect(bothSettings(env, running)).toEqual({
      amqpUrl: 'amqp://a',
      managementUrl: 'http://m',
      ledgerUrl: '/l',
      delay: 'ladder',
    });
  });

  it('or the running stack, also where variables are empty', () => {
    expect(bothSettings({ AMQP_URL: '', LEDGER_URL: '' }, running)).toEqual({ ...stack, delay: 'auto' });
  });

  it('never one from here and one from there', () => {
    expect(() => bothSettings({ AMQP_URL: 'amqp://a' }, running)).toThrow(/LEDGER_URL is not set, and AMQP_URL is/);
    expect(() => bothSettings({ LEDGER_URL: '/l' }, running)).toThrow(/AMQP_URL is not set, and LEDGER_URL is/);
    expect(brokerSettings({ LEDGER_URL: '/l' }, running)).toBeUndefined();
  });

  it('without either says what to do', () => {
    expect(() => bothSettings({}, none)).toThrow(
      expect.objectContaining({ field: 'AMQP_URL', exitCode: 2, next: expect.stringContaining('warren up') }),
    );
    expect(() => ledgerSettings({}, none)).toThrow(expect.objectContaining({ field: 'LEDGER_URL' }));
  });

  it('names a delay that there is not', () => {
    expect(() => brokerSettings({ AMQP_URL: 'amqp://a', WARREN_DELAY: 'soon' }, none)).toThrow(/WARREN_DELAY/);
  });
});
