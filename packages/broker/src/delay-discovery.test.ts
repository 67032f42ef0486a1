import { describe, expect, it } from '@jest/globals';
import { chooseDelay, delayChoice } from './delay-discovery.js';

describe('chooseDelay', () => {
  it.each([
    ['auto', '3.10.8', true, 'plugin'],
    ['auto', '3.10.8', false, 'ladder'],
    ['auto', '4.2.9', true, 'plugin'],
    ['auto', '4.3.0', true, 'ladder'],
    ['auto', '4.3.0-beta.1', false, 'ladder'],
    ['auto', '4.10.0', true, 'ladder'],
    ['auto', '5.0.0', true, 'ladder'],
    ['auto', 'unreadable', true, 'ladder'],
    ['ladder', '3.10.0', true, 'ladder'],
    ['plugin', '3.9.1', true, 'plugin'],
  ] as const)('%s on RabbitMQ %s (plugin there: %s): %s', (wanted, version, plugin, mechanism) => {
    const choice = chooseDelay({ wanted, version, plugin });
    expect(choice.mechanism).toBe(mechanism);
    expect(choice.reason).not.toBe('');
  });

  it.each([
    ['plugin', '4.2.0', false, 'rabbitmq-plugins enable'],
    ['plugin', '4.3.0', false, '4.2 is the last series'],
    ['ladder', '3.9.29', false, 'upgrade to 3.10'],
    ['auto', '3.9.29', false, 'upgrade to 3.10'],
  ] as const)('%s on RabbitMQ %s (plugin there: %s) is refused: %s', (wanted, version, plugin, advice) => {
    expect(() => chooseDelay({ wanted, version, plugin })).toThrow(advice);
  });
});

it('a mechanism that a flag asked for is refused by its flag', () => {
  const refused = () => chooseDelay({ wanted: 'plugin', wantedBy: '--delay', version: '4.2.0', plugin: false });
  expect(refused).toThrow(/^--delay plugin, .* or say --delay ladder or --delay auto$/);
  expect(refused).not.toThrow('WARREN_DELAY');
});

describe('delayChoice', () => {
  it('is auto unless named', () => {
    expect(delayChoice.parse(undefined)).toBe('auto');
    expect(delayChoice.parse('plugin')).toBe('plugin');
    const [issue] = delayChoice.safeParse('Plugin').error?.issues ?? [];
    expect(issue?.message).toBe('WARREN_DELAY must be "plugin", "ladder" or "auto"');
  });
});
