import { Writable } from 'node:stream';
import { buildProgram, type CommandContext, runCli } from '@warren/cli';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs one command line in this process, without a terminal.
 * @param add gives the program its nouns; `stderr` for what asks a person.
 */
export async function runCommandLine(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  add: (program: ReturnType<typeof buildProgram>['program'], context: CommandContext, stderr: Writable) => void,
): Promise<Ended> {
  const [stdout, stderr] = [sink(), sink()];
  const { program, context } = buildProgram({ version: '0', stdout, stderr, env, now: () => performance.now() });
  add(program, context, stderr);
  const code = await runCli(program, args, {
    stdout,
    stderr,
    env,
    exit: () => undefined,
    listenerCount: () => 0,
    emit: () => false,
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function sink() {
  const chunks: string[] = [];
  const writable = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return Object.assign(writable, { text: () => chunks.join('') });
}
