import { describe, expect, it } from '@jest/globals';
import { defaultLadder, ladderEntry, ladderParts, longestLadderDelayMs, maxRoutingKeyBytes } from './ladder.js';

const small = { unitMs: 100, levels: 4 };

describe('ladderEntry', () => {
  it.each([
    [1, 'delay.100ms-x4.level-00', '0.0.0.1.echo.low'],
    [2, 'delay.100ms-x4.level-01', '0.0.1.0.echo.low'],
    [7, 'delay.100ms-x4.level-02', '0.1.1.1.echo.low'],
    [8, 'delay.100ms-x4.level-03', '1.0.0.0.echo.low'],
    [15, 'delay.100ms-x4.level-03', '1.1.1.1.echo.low'],
  ])('%i units enter at the highest set bit, with the digits of every level', (units, exchange, routingKey) => {
    expect(ladderEntry(small, units, 'echo.low')).toEqual({ exchange, routingKey });
  });

  it.each([0, -1, 1.5, 16, Number.NaN])('refuses %p units', (units) => {
    expect(() => ladderEntry(small, units, 'echo.low')).toThrow('a ladder of 4 levels');
  });

  it('refuses a key that the broker could not take, and takes the longest type there can be', () => {
    expect(() => ladderEntry(defaultLadder, 1, 'x'.repeat(maxRoutingKeyBytes - 49))).toThrow(
      'routing key of 256 bytes',
    );
    expect(ladderEntry(defaultLadder, 1, 'x'.repeat(maxRoutingKeyBytes - 50)).routingKey).toHaveLength(255);
  });
});

const lanes = [{ queue: { name: 'tasks.echo' }, key: 'echo.*' }];

describe('ladderParts', () => {
  it('each level waits twice as long as the one below and hands down what is due', () => {
    const { queues, bindings } = ladderParts(small, lanes);
    expect(
      queues.map((queue) => [queue.arguments['x-message-ttl'], queue.arguments['x-dead-letter-exchange']]),
    ).toEqual([
      [100, 'delay.100ms-x4.due'],
      [200, 'delay.100ms-x4.level-00'],
      [400, 'delay.100ms-x4.level-01'],
      [800, 'delay.100ms-x4.level-02'],
    ]);
    expect(bindings.filter(({ source }) => source === 'delay.100ms-x4.level-02')).toEqual([
      {
        source: 'delay.100ms-x4.level-02',
        destination: 'delay.100ms-x4.level-02',
        destinationKind: 'queue',
        routingKey: '*.1.#',
      },
      {
        source: 'delay.100ms-x4.level-02',
        destination: 'delay.100ms-x4.level-01',
        destinationKind: 'exchange',
        routingKey: '*.0.#',
      },
    ]);
  });

  it('loses nothing inside the broker: every level is a quorum queue that dead-letters at least once', () => {
    for (const queue of ladderParts(defaultLadder, []).queues) {
      expect(queue.arguments).toMatchObject({
        'x-queue-type': 'quorum',
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      });
    }
  });

  it('a ladder of another shape shares no name with this one', () => {
    const names = (levels: number) => ladderParts({ unitMs: 100, levels }, []).exchanges.map(({ name }) => name);
    expect(names(4).filter((name) => names(5).includes(name))).toEqual([]);
  });

  it.each([
    { unitMs: 0, levels: 4 },
    { unitMs: 0.5, levels: 4 },
    { unitMs: 100, levels: 0 },
    { unitMs: 1, levels: 32 },
    { unitMs: 100, levels: 27 },
  ])('refuses %p', (shape) => {
    expect(() => ladderParts(shape, [])).toThrow(/^a delay ladder/);
  });
});

it('the default ladder holds messages for 38 days', () => {
  expect(longestLadderDelayMs(defaultLadder)).toBe(3_355_443_100);
});
