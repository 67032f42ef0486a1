import { describe, expect, it } from '@jest/globals';
import { ServiceStartError } from './service-start-error.js';

const logFile = '/logs/producer-1.log';
const info = '{"level":30,"msg":"connected to RabbitMQ"}';

describe('ServiceStartError', () => {
  it('says what the service said of its end, as prose, and names its log last', () => {
    const fatal = {
      level: 60,
      service: 'producer',
      code: 'network',
      next: 'check that it runs',
      msg: "did not start: the ledger /nope/ledger.db does not answer: its file can't be opened",
    };
    const error = new ServiceStartError('producer-1', 'exit code 1', {
      printed: [info, JSON.stringify(fatal)],
      logFile,
    });
    expect(error.message).toBe(
      "producer-1 did not start: the ledger /nope/ledger.db does not answer: its file can't be opened",
    );
    expect(error.next).toBe('check that it runs; its log is /logs/producer-1.log');
  });

  it('tells of a crash in the words of the service', () => {
    const printed = [JSON.stringify({ level: 60, msg: 'nobody caught an error: unexpected: x is not a function' })];
    const { message, next } = new ServiceStartError('producer-1', 'exit code 1', { printed, logFile });
    expect(message).toBe('producer-1 did not start: nobody caught an error: unexpected: x is not a function');
    expect(next).toBe('its log is /logs/producer-1.log');
  });

  it('shows the end of what was printed where nothing was said for people', () => {
    const printed = [...Array.from({ length: 20 }, (_, index) => `line ${index}`), info, '    at main.js:1'];
    const { message } = new ServiceStartError('producer-1', 'signal SIGKILL', { printed, logFile });
    const lines = message.split('\n');
    expect(lines[0]).toBe('producer-1 did not start (signal SIGKILL):');
    expect(lines.slice(-3)).toEqual(['line 19', 'connected to RabbitMQ', '    at main.js:1']);
    expect(lines).toHaveLength(16);
    expect(new ServiceStartError('producer-1', 'exit code 7', { printed: [], logFile }).message).toBe(
      'producer-1 did not start (exit code 7), and said nothing',
    );
  });
});
