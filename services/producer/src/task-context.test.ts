import { expect, it } from '@jest/globals';
import type { StackAddresses } from '@warren/local';
import { stackDown } from './task-context.js';

const stack: StackAddresses = { amqpUrl: 'amqp://here/warren', managementUrl: 'http://here', ledgerUrl: 'sqlite:///l' };

/** What is said of the broker's absence: while the stack is up, and once it was ended. */
function told(env: Record<string, string>, trouble?: { what: string; next: string }) {
  let isUp = true;
  const world = { findStack: () => (isUp ? stack : undefined), stackSilence: () => trouble };
  const cause = stackDown({ env, world });
  const before = cause();
  isUp = false;
  return [before, cause()];
}

it('a broker of the local stack that was ended says so, and how it comes up again', () => {
  expect(told({})).toEqual([undefined, expect.stringMatching(/^the local stack is down: "warren up --detach"/)]);
  const trouble = { what: 'it is starting', next: 'wait' };
  expect(told({}, trouble)).toEqual([undefined, 'it is starting: wait']);
});

it("of another broker the local stack's end says nothing", () => {
  expect(told({ AMQP_URL: 'amqp://elsewhere/warren' })).toEqual([undefined, undefined]);
});
