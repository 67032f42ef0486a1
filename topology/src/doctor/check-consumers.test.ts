import { describe, expect, it } from '@jest/globals';
import {
  healthyBroker,
  healthyTypes,
  holding,
  is,
  taskTypeNamed,
  unknown,
  withQueue,
} from '../../../tests/fixtures/healthy-broker.js';
import { checkConsumers, checkConsumerTimeout, checkPrefetch, consumerTimeoutMarginMs } from './check-consumers.js';
import type { BrokerFacts, ConsumerFact } from './facts.js';

describe('a queue without consumers', () => {
  it('is told with what waits in it and the service that takes it', () => {
    const told = (queue: string) => {
      const facts = withQueue(healthyBroker(), queue, { count: { ready: 3, consumers: 0 } });
      const [found] = checkConsumers(facts).findings;
      return `${found?.what} ${found?.mend}`;
    };
    expect(told('tasks.echo')).toMatch(/^Nobody consumes it\. 3 messages wait in it\. Start the echo-worker /);
    expect(told('submitted')).toContain('Start the producer ');
    expect(told('dead-letters')).toContain('Start the dlq-processor ');
    expect(told('unroutable')).toContain('Start the dlq-processor ');
  });

  it('is no fault where it is empty and a later generation has taken over', () => {
    const drained = (ready: number) =>
      holding(withQueue(healthyBroker(), 'tasks.echo', { count: { ready, consumers: 0 } }), ({ queues }) => ({
        queues: queues.flatMap((queue) =>
          queue.name === 'tasks.echo'
            ? [queue, { ...queue, name: 'tasks.echo.g2', count: { ready: 0, consumers: 1 } }]
            : [queue],
        ),
      }));
    expect(checkConsumers(drained(0)).findings).toEqual([]);
    expect(checkConsumers(drained(1)).findings).toHaveLength(1);
  });

  it('is not told of a queue that did not answer, nor of a ladder level', () => {
    const gone = withQueue(healthyBroker(), 'tasks.echo', { count: undefined });
    expect(checkConsumers(gone)).toEqual({
      findings: [],
      notChecked: 'queue "tasks.echo" did not say how many it has',
    });
  });
});

describe('the consumer timeout', () => {
  const types = [taskTypeNamed('echo', { attemptTimeoutMs: 100_000 })];
  const enough = 100_000 + consumerTimeoutMarginMs;
  const found = (facts: BrokerFacts) => checkConsumerTimeout(facts, types).findings.map(({ code }) => code);
  const configured = (ms: number | null) => ({ ...healthyBroker(), consumers: is([]), consumerTimeoutMs: is(ms) });

  it('is long enough at the longest attempt and its margin, and not a millisecond before', () => {
    expect(found(configured(enough))).toEqual([]);
    expect(found(configured(enough - 1))).toEqual(['consumer-timeout-too-short']);
    expect(found(configured(null))).toEqual([]);
  });

  it('is what the broker says of its consumers, the shortest, before what is configured', () => {
    const consumer = (timeoutMs: number): ConsumerFact => ({ queue: 'tasks.echo', prefetch: 1, timeoutMs });
    expect(found({ ...configured(1), consumers: is([consumer(enough)]) })).toEqual([]);
    expect(found({ ...configured(null), consumers: is([consumer(enough), consumer(1)]) })).toHaveLength(1);
  });

  it('is what the queue or its policy says before what is configured', () => {
    const facts = withQueue(configured(null), 'tasks.echo', { arguments: { 'x-consumer-timeout': 1_000 } });
    expect(found(facts)).toEqual(['consumer-timeout-too-short']);
  });

  it('is unread where nobody tells it, which leaves the check open', () => {
    const facts = { ...healthyBroker(), consumers: is([]), consumerTimeoutMs: unknown('it runs elsewhere') };
    expect(checkConsumerTimeout(facts, types)).toEqual({
      findings: [
        expect.objectContaining({ code: 'consumer-timeout-unread', what: expect.stringContaining('elsewhere') }),
      ],
      notChecked: 'see consumer-timeout-unread',
    });
  });

  it('is no matter of classic queues from 4.3 on', () => {
    expect(found({ ...configured(1), version: '4.2.9' })).toHaveLength(1);
    expect(found({ ...configured(1), version: '4.3.0' })).toEqual([]);
  });

  it('is told once a type, with all its lanes', () => {
    const facts = { ...healthyBroker('quorum'), version: '4.3.0', consumers: is([]), consumerTimeoutMs: is(1) };
    expect(checkConsumerTimeout(facts, types).findings.map(({ where }) => where)).toEqual([
      'queues "tasks.echo.high", "tasks.echo.normal", "tasks.echo.low"',
    ]);
  });
});

describe('the prefetch', () => {
  const types = [taskTypeNamed('echo', { maxBodyBytes: 10 }), taskTypeNamed('web-search', { maxBodyBytes: 1_000 })];
  const consumer = (queue: string, prefetch: number): ConsumerFact => ({ queue, prefetch, timeoutMs: undefined });
  const found = (consumers: readonly ConsumerFact[], ...limits: (number | undefined)[]) => {
    const nodes = limits.map((memoryLimitBytes, index) => ({
      name: `rabbit@${index}`,
      running: true,
      memoryAlarm: false,
      diskAlarm: false,
      memoryLimitBytes,
    }));
    const { findings, notChecked } = checkPrefetch({ consumers: is(consumers), nodes: is(nodes) }, types);
    return notChecked ?? findings.map(({ code }) => code);
  };

  it('is weighed with the largest body of its type, over all consumers, against the smallest node', () => {
    const consumers = [consumer('tasks.echo', 5), consumer('tasks.web-search.low', 2), consumer('dead-letters', 1)];
    expect(found(consumers, 3_050)).toEqual([]);
    expect(found(consumers, 3_049)).toEqual(['prefetch-over-memory']);
    expect(found(consumers, 9_999, 3_049)).toEqual(['prefetch-over-memory']);
  });

  it('counts nobody else, and says where no node tells its limit', () => {
    expect(found([consumer('somebodys', 0), consumer('somebodys', 9_999)], 1)).toEqual([]);
    expect(found([consumer('tasks.echo', 1)], undefined)).toBe('no node told its memory limit');
  });
});

it('the healthy broker of these tests has consumers', () => {
  expect(checkConsumers(healthyBroker()).findings).toEqual([]);
  expect(checkPrefetch(healthyBroker(), healthyTypes)).toEqual({ findings: [], notChecked: null });
});
