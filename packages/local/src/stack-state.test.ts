import { describe, expect, it } from '@jest/globals';
import { identifyProcess } from './processes.js';
import { type StackRecord, stackRecord, statusOf } from './stack-state.js';

/** A stack whose supervisor is this process, and whose only service stands as it says. */
function noted(state: StackRecord['state'], service: StackRecord['services'][number]['state']): StackRecord {
  const own = identifyProcess(process.pid);
  return stackRecord.parse({
    supervisor: own,
    state,
    broker: null,
    delay: null,
    ledger: { url: 'sqlite:///ledger.db' },
    services: [
      { name: 'a', replica: 1, state: service, process: service === 'ready' ? own : null, restarts: 10, log: 'a.log' },
    ],
  });
}

describe('statusOf', () => {
  it.each([
    ['ready', 'ready', 'ready'],
    // It is down for a moment, and its supervisor sees to it.
    ['ready', 'restarting', 'ready'],
    ['ready', 'failed', 'degraded'],
    ['stopping', 'failed', 'stopping'],
    ['starting', 'failed', 'starting'],
  ] as const)('a stack that is noted as %s, with a service that is %s, is %s', (state, service, expected) => {
    expect(statusOf(noted(state, service))).toMatchObject({ state: expected, services: [{ state: service }] });
  });
});
