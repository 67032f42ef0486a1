import { describe, expect, it } from '@jest/globals';
import { AddressMissingError, addressesInUse, adviceWhenSilent, brokerAlone } from './addresses.js';

const stack = { amqpUrl: 'amqp://stack', managementUrl: 'http://stack', ledgerUrl: 'sqlite:///stack' };
const ofStack = {
  broker: { amqpUrl: 'amqp://stack', managementUrl: 'http://stack', from: 'local stack' },
  ledger: { ledgerUrl: 'sqlite:///stack', from: 'local stack' },
  passesStackBy: false,
};

describe('addressesInUse', () => {
  it('are those of the environment, also where a stack runs', () => {
    const env = { AMQP_URL: 'amqp://a', LEDGER_URL: '/l', WARREN_MANAGEMENT_URL: 'http://m' };
    expect(addressesInUse(env, stack)).toEqual({
      broker: { amqpUrl: 'amqp://a', managementUrl: 'http://m', from: 'AMQP_URL' },
      ledger: { ledgerUrl: '/l', from: 'LEDGER_URL' },
      passesStackBy: true,
    });
    expect(addressesInUse(env, undefined).passesStackBy).toBe(false);
  });

  it("are the running stack's where neither variable says anything", () => {
    expect(addressesInUse({ AMQP_URL: '', LEDGER_URL: '' }, stack)).toEqual(ofStack);
    expect(addressesInUse({}, undefined)).toEqual({ broker: undefined, ledger: undefined, passesStackBy: false });
  });

  it('are never one from here and one from there', () => {
    expect(addressesInUse({ AMQP_URL: 'amqp://a' }, stack)).toMatchObject({ ledger: undefined, passesStackBy: true });
    expect(addressesInUse({ LEDGER_URL: '/l' }, stack)).toMatchObject({ broker: undefined, passesStackBy: true });
  });

  it("are the stack's too where a variable names the same as the stack has", () => {
    expect(addressesInUse({ LEDGER_URL: stack.ledgerUrl }, stack)).toMatchObject({
      broker: ofStack.broker,
      ledger: { ledgerUrl: stack.ledgerUrl, from: 'LEDGER_URL' },
      passesStackBy: false,
    });
    expect(addressesInUse({ AMQP_URL: stack.amqpUrl }, stack)).toEqual({
      ...ofStack,
      broker: { ...ofStack.broker, from: 'AMQP_URL' },
    });
  });
});

describe('AddressMissingError', () => {
  it('says what to set, or to start the stack', () => {
    expect(new AddressMissingError('AMQP_URL', { LEDGER_URL: '' }, null)).toMatchObject({
      message: 'AMQP_URL is not set, and no local stack runs here',
      field: 'AMQP_URL',
      next: expect.stringContaining('warren up'),
      exitCode: 1,
    });
    const trouble = { what: 'its supervisor is gone', next: '"warren down" ends what it left' };
    expect(new AddressMissingError('AMQP_URL', {}, trouble)).toMatchObject({
      message: trouble.what,
      next: trouble.next,
    });
    expect(new AddressMissingError('LEDGER_URL', { AMQP_URL: 'amqp://a' }).message).toContain('and AMQP_URL is:');
  });
});

describe('brokerAlone', () => {
  it('is told of where a private broker runs, and nowhere else', () => {
    const trouble = brokerAlone({ running: true });
    expect(new AddressMissingError('AMQP_URL', {}, trouble)).toMatchObject({
      message: 'AMQP_URL is not set, and no local stack runs here, only its broker',
      next: expect.stringMatching(/"warren broker status" prints it.*"warren up --detach"/),
    });
    expect([brokerAlone({ running: false }), brokerAlone(undefined)]).toEqual([null, null]);
  });
});

describe('adviceWhenSilent', () => {
  it("tells what is wrong with the stack where the address is the stack's, and else which variable to look at", () => {
    const trouble = { what: 'its broker is down', next: 'wait' };
    expect(adviceWhenSilent('local stack', trouble)).toBe('its broker is down: wait');
    expect(adviceWhenSilent('local stack', null)).toContain('"warren status" names its logs');
    expect(adviceWhenSilent('AMQP_URL', trouble)).toBe('check that it runs and that AMQP_URL is right');
  });
});
