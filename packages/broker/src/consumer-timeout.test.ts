import { expect, it } from '@jest/globals';
import { consumerTimeoutIn, defaultConsumerTimeoutMs } from './consumer-timeout.js';

const conf = (text: string, path = '/etc/rabbitmq/rabbitmq.conf') => ({ path, text });
const advanced = (text: string) => conf(text, '/etc/rabbitmq/advanced.config');

it.each([
  ['nothing', [], defaultConsumerTimeoutMs],
  ['other settings', [conf('listeners.tcp.1 = 5672\n')], defaultConsumerTimeoutMs],
  ['a comment', [conf('# consumer_timeout = 5\n')], defaultConsumerTimeoutMs],
  ['a number', [conf('a = b\nconsumer_timeout = 3600000 # an hour\n')], 3_600_000],
  ['no blanks', [conf('consumer_timeout=5')], 5],
  ['two of one file', [conf('consumer_timeout = 5\nconsumer_timeout = 6\n')], 6],
  ['a later file', [conf('consumer_timeout = 5\n'), conf('consumer_timeout = 7\n', '/etc/rabbitmq/conf.d/9.conf')], 7],
  ['the advanced one', [advanced('[{rabbit, [{consumer_timeout, 8}]}].'), conf('consumer_timeout = 5\n')], 8],
  ['none at all', [advanced('[{rabbit, [\n  {consumer_timeout,\n   undefined}]}].')], null],
  ['an advanced comment', [advanced('%% {consumer_timeout, 8}\n[].')], defaultConsumerTimeoutMs],
])('of %s: %s', (_, files, expected) => {
  expect(consumerTimeoutIn(files)).toEqual({ known: true, value: expected });
});

it('is unknown where it says something else', () => {
  expect(consumerTimeoutIn([conf('consumer_timeout = 30m\n')])).toEqual({
    known: false,
    why: '/etc/rabbitmq/rabbitmq.conf sets it to "30m"',
  });
});
