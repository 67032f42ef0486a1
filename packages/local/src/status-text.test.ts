import { describe, expect, it } from '@jest/globals';
import type { StackStatus } from './stack-state.js';
import { statusText } from './status-text.js';

const node = { pid: null, state: 'failed', restarts: 10, log: '/home/ada/warren/.warren/broker/log/node.log' } as const;
const status: StackStatus = {
  state: 'degraded',
  supervisor: { pid: 1 },
  broker: { amqpUrl: 'amqp://w:secret@127.0.0.1:5001/warren', managementUrl: 'http://ui', version: '3.10.8', node },
  delay: 'ladder',
  ledger: { url: 'sqlite:///home/ada/warren/.warren/ledger.db' },
  services: ['producer', 'summarize-worker'].map((name) => ({
    name,
    replica: 1,
    pid: 12,
    state: 'ready',
    restarts: 0,
    log: `/home/ada/warren/.warren/logs/${name}-1.log`,
  })),
};

/** Marks what is given to be wrapped. */
const prose = (text: string, lead = '') => `${lead}<${text}>`;

describe('statusText', () => {
  it('has what is prose wrapped, and neither an address nor the table', () => {
    const lines = statusText(status, { prose }).split('\n');
    expect(lines[0]).toMatch(/^stack {7}<degraded: the local stack's broker ended again and again.*>$/);
    expect(lines.slice(1, 6).join('')).not.toContain('<');
    expect(lines.at(-1)).toBe(
      'logs        </home/ada/warren/.warren/logs/<service>.log; "warren broker logs" prints the broker\'s>',
    );
  });

  it('gives each service one short line', () => {
    const text = statusText(status, { prose });
    expect(text.slice(text.indexOf('SERVICE')).split('\n').slice(0, 4)).toEqual([
      'SERVICE             STATE   PID  RESTARTS',
      'broker              failed  -    10',
      'producer-1          ready   12   0',
      'summarize-worker-1  ready   12   0',
    ]);
  });

  it('names the log of what there is alone', () => {
    const last = (some: Partial<StackStatus>) =>
      statusText({ ...status, ...some }, { prose })
        .split('\n')
        .at(-1);
    expect(last({ services: [] })).toBe('logs        <"warren broker logs" prints the broker\'s>');
    expect(last({ broker: null })).toBe('logs        </home/ada/warren/.warren/logs/<service>.log>');
    expect(last({ broker: null, services: [] })).toBe('ledger      sqlite:///home/ada/warren/.warren/ledger.db');
  });
});
