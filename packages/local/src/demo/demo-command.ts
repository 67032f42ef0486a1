import type { Command } from 'commander';
import { z } from 'zod';
import { folderOf } from '../local-context.js';
import { applyLocalTopology } from '../local-topology.js';
import { startStack } from '../stack.js';
import { type StackContext, untilSignalled } from '../stack-commands.js';
import { runDemo } from './demo.js';
import { countLine } from './demo-count.js';
import { demoTasks } from './demo-tasks.js';
import { startFlakySource } from './flaky-source.js';

/** So often the demo's page answers 503 before it answers at all. */
const flakyFailures = 2;

const demoFlags = z.object({ once: z.boolean().default(false) });

/** Adds `warren demo [--once]`: what `npm start` runs. */
export function addDemoCommand(program: Command, context: StackContext): void {
  program
    .command('demo')
    .description('start the local stack, run real tasks through it, and stay up until Ctrl-C')
    .option('--once', 'stop everything after the demo; exit code 0 only if all was as it should be')
    .action((flags: unknown) => demo(context, demoFlags.parse(flags).once));
}

async function demo(context: StackContext, once: boolean): Promise<void> {
  const { env, output, applyTopology = (broker) => applyLocalTopology(env, broker) } = context;
  const folder = folderOf(context);
  const source = await startFlakySource(flakyFailures);
  const allowedHosts = [env.WARREN_SOURCES_ALLOW_HOSTS, source.host].filter(Boolean).join(',');
  let lastLine: string | undefined;
  try {
    await untilSignalled(async (signal, end) => {
      const stack = await startStack({
        folder,
        env: { ...env, WARREN_SOURCES_ALLOW_HOSTS: allowedHosts },
        applyTopology,
        onProgress: output.note,
        signal,
      });
      try {
        const status = stack.status();
        const findings = await runDemo({
          stack: status,
          tasks: demoTasks(source.url),
          note: output.note,
          style: output,
          signal,
        });
        lastLine = countLine(findings.count);
        const { text } = findings;
        if (findings.surprises.length > 0) process.exitCode = 1;
        for (const surprise of findings.surprises) output.note(`not as it should be: ${surprise}`);
        const after = once ? output.prose(whatStays) : `${lastLine}\n\n${output.prose(whatNext(status))}`;
        output.result(findings, `\n${text}\n\n${after}${once ? '\n' : ''}`);
        if (once) end();
        return stack;
      } catch (error) {
        await stack.stop();
        throw error;
      }
    }, output.note);
  } finally {
    await source.close();
  }
  if (once && lastLine !== undefined && !output.json) output.result(lastLine, lastLine);
}

/** The commands above it would find no ledger. */
const whatStays =
  'All of it stays on record. To look at it with the commands above, start the stack again first:\n  warren up --detach';

function whatNext(status: { broker: { managementUrl: string } | null }): string {
  return [
    `RabbitMQ's management UI: ${status.broker?.managementUrl ?? ''}`,
    'In another terminal:',
    '  warren task submit summarize --file README.md --wait',
    '  warren task list',
    '  warren dead-letters list',
    '  warren status',
    'With a pid from the last one, `kill -9 <pid>` a worker and watch its task go on.',
    'Ctrl-C drains and stops everything.',
  ].join('\n');
}
