import { describe, expect, it } from '@jest/globals';
import { troubleOf } from './stack-trouble.js';

const broker = (state: 'ready' | 'restarting' | 'failed') => ({
  amqpUrl: 'amqp://stack',
  managementUrl: 'http://stack',
  version: '3.10.8',
  node: { pid: null, state, restarts: 1, log: 'node.log' },
});

describe('troubleOf', () => {
  it.each([
    [{ state: 'degraded', broker: broker('restarting') }, 'starting it again', 'warren status'],
    [{ state: 'degraded', broker: broker('failed') }, 'not started any more', 'warren broker logs'],
    [{ state: 'lost', broker: broker('ready') }, 'supervisor', '"warren down"'],
    [{ state: 'starting', broker: null }, 'still starting', 'warren status'],
  ] as const)('%j says what is wrong and what comes next', (status, what, next) => {
    expect(troubleOf(status)).toEqual({ what: expect.stringContaining(what), next: expect.stringContaining(next) });
  });

  it.each([
    { state: 'ready', broker: broker('ready') },
    { state: 'down', broker: null },
    { state: 'stopping', broker: broker('ready') },
  ] as const)('%j has none', (status) => {
    expect(troubleOf(status)).toBeUndefined();
  });
});
