import { spawnSync } from 'node:child_process';
import { it } from '@jest/globals';

/** Programs that only tests need, and how to see that they are there. */
const probes = {
  /** Debian's package amqp-tools. */
  'amqp-publish': ['amqp-publish', '--help'],
  /** Debian's package python3-pika, which only Debian's own python3 finds. */
  'python3-pika': ['/usr/bin/python3', '-c', 'import pika'],
  zsh: ['zsh', '--version'],
  fish: ['fish', '--version'],
  jq: ['jq', '--version'],
  openssl: ['openssl', 'version'],
} as const;

type Tool = keyof typeof probes;

/** A test that needs the tool: on a machine without it skipped, by a name that says so; in CI it runs and fails. */
export function itWith(tool: Tool, name: string, test: () => Promise<void>): void {
  if (isWanted(tool)) it(name, test);
  else it.skip(`${name} (${tool} is not installed here)`, test);
}

/** The same for many: what stands for `it`, and what to add to the name of the group. */
export function needing(tool: Tool): { readonly it: typeof it | typeof it.skip; readonly why: string } {
  return isWanted(tool) ? { it, why: '' } : { it: it.skip, why: ` (${tool} is not installed here)` };
}

function isWanted(tool: Tool): boolean {
  const [command, ...args] = probes[tool];
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0 || Boolean(process.env.CI);
}
