import { Writable } from 'node:stream';
import { buildProgram, type CommandContext, runCli } from '@warren/cli';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly ended: Promise<Ended>;
  /** What it has printed so far. */
  readonly stdout: () => string;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Gives the program its nouns; `stderr` for what asks a person. */
type AddNouns = (
  program: ReturnType<typeof buildProgram>['program'],
  context: CommandContext,
  stderr: Writable,
) => void;

/** Runs one command line in this process, without a terminal. */
export function runCommandLine(args: readonly string[], env: Variables, add: AddNouns): Promise<Ended> {
  return startCommandLine(args, env, add).ended;
}

export function startCommandLine(args: readonly string[], env: Variables, add: AddNouns): Started {
  const [stdout, stderr] = [sink(), sink()];
  const { program, context } = buildProgram({ version: '0', stdout, stderr, env, now: () => performance.now() });
  add(program, context, stderr);
  const io = { stdout, stderr, env, exit: () => undefined, listenerCount: () => 0, emit: () => false };
  const ended = runCli(program, args, io).then((code) => ({ code, stdout: stdout.text(), stderr: stderr.text() }));
  return { ended, stdout: stdout.text };
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
