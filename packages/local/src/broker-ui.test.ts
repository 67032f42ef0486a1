import { describe, expect, it } from '@jest/globals';
import { AddressMissingError } from './addresses.js';
import { managementUi, type StandingHere } from './broker-ui.js';

const nothing: StandingHere = { stack: undefined, privateBroker: undefined };
const address = {
  amqpUrl: 'amqp://warren:own@127.0.0.1:5001/warren',
  managementUrl: 'http://warren:own@127.0.0.1:5002',
};
const privateBroker = { ...address, running: true };
const stack = { ...address, ledgerUrl: 'sqlite:///ledger.db' };

describe('managementUi', () => {
  it('is derived from AMQP_URL, and never shows its password', () => {
    const { access, ...shown } = managementUi({ AMQP_URL: 'amqp://me:secret@mq.example/work' }, nothing);
    expect(shown).toEqual({ url: 'http://mq.example:15672/#/queues', user: 'me', from: 'AMQP_URL' });
    expect(access.password).toBe('secret');
    expect(managementUi({ AMQP_URL: 'amqps://me:s@mq.example/' }, nothing).url).toBe(
      'https://mq.example:15671/#/queues',
    );
  });

  it('is where WARREN_MANAGEMENT_URL says, its user first', () => {
    const env = { AMQP_URL: 'amqp://me:secret@mq/work', WARREN_MANAGEMENT_URL: 'https://admin:pw@ui.example/rabbit/' };
    expect(managementUi(env, nothing)).toMatchObject({ url: 'https://ui.example/rabbit/#/queues', user: 'admin' });
    expect(managementUi({ WARREN_MANAGEMENT_URL: 'http://op:pw@localhost:8080' }, nothing)).toMatchObject({
      url: 'http://localhost:8080/#/queues',
      user: 'op',
      from: 'WARREN_MANAGEMENT_URL',
    });
  });

  it("is the running stack's, with the password of the broker that Warren made", () => {
    const ui = { url: 'http://127.0.0.1:5002/#/queues', user: 'warren', password: 'own' };
    expect(managementUi({}, { stack, privateBroker })).toMatchObject({ ...ui, from: 'local stack' });
    expect(managementUi({}, { stack: undefined, privateBroker })).toMatchObject({ ...ui, from: 'private broker' });
    const theirs = { ...stack, amqpUrl: 'amqp://me:secret@mq/work', managementUrl: 'http://mq:15672' };
    expect(managementUi({}, { stack: theirs, privateBroker })).not.toHaveProperty('password');
  });

  it('is none of a broker that does not run, nor where there is no broker', () => {
    const stopped = { ...privateBroker, running: false };
    expect(() => managementUi({}, { stack: undefined, privateBroker: stopped })).toThrow('does not run');
    expect(() => managementUi({}, nothing)).toThrow(AddressMissingError);
  });
});
