import { spawnSync } from 'node:child_process';
import { it } from '@jest/globals';

/** Programs of other languages that publish to the broker, and how to see that they are there. */
const probes = {
  /** Debian's package amqp-tools. */
  'amqp-publish': ['amqp-publish', '--help'],
  /** Debian's package python3-pika, which only Debian's own python3 finds. */
  'python3-pika': ['/usr/bin/python3', '-c', 'import pika'],
} as const;

/** A test that needs the tool: on a machine without it skipped, by a name that says so; in CI it runs and fails. */
export function itWith(tool: keyof typeof probes, name: string, test: () => Promise<void>): void {
  const [command, ...args] = probes[tool];
  const there = spawnSync(command, args, { stdio: 'ignore' }).status === 0;
  if (there || process.env.CI) it(name, test);
  else it.skip(`${name} (${tool} is not installed here)`, test);
}
