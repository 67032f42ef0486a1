import { describe, expect, it } from '@jest/globals';
import { bothSettings, brokerSettings, ledgerSettings } from './cli-settings.js';

const stack = { amqpUrl: 'amqp://stack', managementUrl: 'http://stack', ledgerUrl: 'sqlite:///stack' };

describe('where the broker and the ledger are', () => {
  it('is known of both, with the delay that was asked for', () => {
    expect(bothSettings({ WARREN_DELAY: 'ladder' }, stack)).toEqual({
      broker: { amqpUrl: 'amqp://stack', managementUrl: 'http://stack', from: 'local stack', delay: 'ladder' },
      ledger: { ledgerUrl: 'sqlite:///stack', from: 'local stack' },
    });
    expect(brokerSettings({ WARREN_DELAY: '' }, stack)?.delay).toBe('auto');
  });

  it('or is an error that names what is missing', () => {
    expect(() => bothSettings({ AMQP_URL: 'amqp://a' }, stack)).toThrow(/LEDGER_URL is not set, and AMQP_URL is/);
    expect(() => bothSettings({ LEDGER_URL: '/l' }, stack)).toThrow(/AMQP_URL is not set, and LEDGER_URL is/);
    expect(() => ledgerSettings({}, undefined)).toThrow(expect.objectContaining({ field: 'LEDGER_URL', exitCode: 1 }));
    expect(brokerSettings({}, undefined)).toBeUndefined();
  });

  it('names a delay that there is not', () => {
    expect(() => brokerSettings({ AMQP_URL: 'amqp://a', WARREN_DELAY: 'soon' }, undefined)).toThrow(/WARREN_DELAY/);
  });
});
