import { describe, expect, it } from '@jest/globals';
import { silenceOf, troubleOf } from './stack-trouble.js';

const broker = (state: 'ready' | 'restarting' | 'failed') => ({
  amqpUrl: 'amqp://stack',
  managementUrl: 'http://stack',
  version: '3.10.8',
  node: { pid: null, state, restarts: 1, log: 'node.log' },
});
const service = (name: string, state: 'ready' | 'restarting' | 'failed') => ({
  name,
  replica: 1,
  pid: null,
  state,
  restarts: 10,
  log: `/logs/${name}-1.log`,
});

describe('troubleOf', () => {
  it.each([
    [{ state: 'degraded', broker: broker('restarting'), services: [] }, 'starting it again', 'warren status'],
    [{ state: 'degraded', broker: broker('failed'), services: [] }, 'not started any more', 'warren broker logs'],
    [{ state: 'lost', broker: broker('ready'), services: [] }, 'supervisor', '"warren down"'],
    [{ state: 'starting', broker: null, services: [] }, 'still starting', 'warren status'],
  ] as const)('%j says what is wrong and what comes next', (status, what, next) => {
    const trouble = { what: expect.stringContaining(what), next: expect.stringContaining(next) };
    expect(troubleOf(status)).toEqual(trouble);
    expect(silenceOf(status)).toEqual(trouble);
  });

  it.each([
    { state: 'ready', broker: broker('ready'), services: [service('a', 'restarting')] },
    { state: 'down', broker: null, services: [] },
    { state: 'stopping', broker: broker('ready'), services: [service('a', 'failed')] },
  ] as const)('%j has none', (status) => {
    expect(troubleOf(status)).toBeUndefined();
  });

  it('names the service that is given up and its log, and is no reason why the broker should be silent', () => {
    const services = [service('a', 'failed'), service('b', 'ready')];
    const status = { state: 'degraded', broker: broker('ready'), services } as const;
    expect(troubleOf(status)).toEqual({
      what: 'a-1 ended again and again, and is not started any more',
      next: 'its log /logs/a-1.log shows why; "warren down", then "warren up --detach" starts it anew',
    });
    expect(silenceOf(status)).toBeUndefined();
  });

  it('names all of them where several are given up, and the broker before them', () => {
    const services = [service('a', 'failed'), service('b', 'failed')];
    expect(troubleOf({ state: 'degraded', broker: broker('ready'), services })?.what).toBe(
      'a-1 and b-1 ended again and again, and are not started any more',
    );
    expect(troubleOf({ state: 'degraded', broker: broker('restarting'), services })?.what).toContain('broker is down');
  });
});
