import { inspect } from 'node:util';
import { type Command, CommanderError } from 'commander';
import { closestMatch } from 'leven';
import { paint, wantsColor } from './color.js';
import { withCommandName } from './command-name.js';
import { examples, examplesBlock, leadingExamples } from './examples.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { type Explanation, explain } from './explain.js';
import { widthOf } from './output.js';
import { printable, withoutPasswords } from './printable.js';
import { asksForJson } from './settings.js';
import type { TextSink } from './streams.js';
import { wrapAdvice } from './wrap-advice.js';

/** The process, as `runCli` needs it. */
export interface CliProcess {
  readonly stdout: TextSink & ErrorEvents;
  readonly stderr: TextSink & ErrorEvents;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly exit: (code: number) => void;
  listenerCount(signal: 'SIGHUP'): number;
  emit(signal: 'SIGHUP', name: 'SIGHUP'): unknown;
}

interface ErrorEvents {
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/**
 * Runs one command line and answers its exit code; never throws. Whatever an action throws becomes a message on
 * stderr (with `--json`: `{"error":{code,message,field?,next?}}`). An action that ends well but has more to say
 * than "done" (differences, partly done) sets `process.exitCode`, which stays when this answers 0.
 * @param argv the words after the program's name.
 */
export async function runCli(program: Command, argv: readonly string[], io: CliProcess = process): Promise<ExitCode> {
  endWhenNobodyReads(io);
  const json = asksForJson(argv);
  prepare(program, io, json);
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync(argv, { from: 'user' });
    return exitCodes.done;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return exitCodes.done;
    return report(explain(thrown), thrown, { argv, json, io, commandName: program.name() });
  }
}

/**
 * `warren task list | head` closes our stdout, a closed window our terminal: what was wanted has been read. A command
 * that holds a running stack listens for a hang-up and ends in good order; any other ends at once.
 */
function endWhenNobodyReads(io: CliProcess): void {
  let ending = false;
  for (const sink of [io.stdout, io.stderr]) {
    sink.on('error', (error) => {
      if (!hasNoReader(error)) throw error;
      if (ending) return;
      ending = true;
      if (io.listenerCount('SIGHUP') > 0) io.emit('SIGHUP', 'SIGHUP');
      else io.exit(exitCodes.done);
    });
  }
}

/** EPIPE from a pipe, EIO from a terminal whose window is gone. */
function hasNoReader(error: Error): boolean {
  return 'code' in error && (error.code === 'EPIPE' || error.code === 'EIO');
}

/** Every command, however a room made it, throws instead of exiting, shows global flags and has its examples. */
function prepare(program: Command, io: CliProcess, json: boolean): void {
  program.addHelpText('after', () => examplesBlock(leadingExamples(program), program.name()));
  for (const noun of program.commands)
    noun.addHelpText('after', examplesBlock(examples[noun.name()] ?? [], program.name()));
  for (const command of withDescendants(program)) {
    command.copyInheritedSettings(program).configureOutput({
      writeOut: (text) => io.stdout.write(text),
      // Commander's help on a missing verb; with --json, stderr holds the error and nothing else.
      writeErr: (text) => json || io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns ?? 80,
      getErrHelpWidth: () => io.stderr.columns ?? 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: () => undefined,
    });
    command.exitOverride((error) => {
      throw error.exitCode === 0 ? error : Object.assign(error, usageAdvice(command, error));
    });
  }
}

function withDescendants(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withDescendants)];
}

function usageAdvice(command: Command, error: CommanderError): { message: string; next: string } {
  const path = pathOf(command);
  const missing = error.code === 'commander.help';
  const [message = '', suggested] = (missing ? `${path}: a verb is missing` : error.message).split('\n');
  const suggestion = isNear(message, suggested) ? suggested : undefined;
  const verbs = command.commands.map((verb) => verb.name()).join(', ');
  return {
    message: [message, suggestion].filter((part) => part !== undefined).join(' '),
    next: missing ? `choose from ${verbs}` : `\`${path} --help\` shows what it takes`,
  };
}

/** Commander suggests what is as far away as `--code` from `--note`; a slip of the pen changes a letter in three at most. */
function isNear(message: string, suggestion = ''): boolean {
  const [, typed = ''] = /'-*([^'=]+)/.exec(message) ?? [];
  const names = [...suggestion.matchAll(/-*([\w-]+)(?=[,?])/g)].map(([, name = '']) => name);
  const maxDistance = Math.max(1, Math.floor(typed.length / 3));
  return closestMatch(typed, names, { maxDistance }) !== undefined;
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

interface Reporting {
  readonly argv: readonly string[];
  readonly json: boolean;
  readonly io: CliProcess;
  readonly commandName: string;
}

function report(explanation: Explanation, thrown: unknown, { argv, json, io, commandName }: Reporting): ExitCode {
  const { exitCode, code, field } = explanation;
  const { message, next } = explanation;
  const named = (text: string) => withCommandName(text, commandName);
  const error = { code, message: named(message), field, next: next === undefined ? undefined : named(next) };
  const color = wantsColor({ flag: !argv.includes('--no-color'), env: io.env, isTty: io.stderr.isTTY === true });
  // Whatever progress the command left drawn goes first.
  if (io.stderr.isTTY === true) io.stderr.write('\r\u001b[K');
  io.stderr.write(
    json
      ? `${JSON.stringify({ error })}\n`
      : forPeople({ message, next }, { commandName, color, width: widthOf(io.stderr) }),
  );
  if (isSet(io.env.WARREN_DEBUG)) io.stderr.write(`${withoutPasswords(inspect(thrown))}\n`);
  return exitCode;
}

interface Saying {
  readonly commandName: string;
  readonly color: boolean;
  readonly width: number | undefined;
}

type ErrorText = { readonly message: string; readonly next: string | undefined };

function forPeople({ message, next }: ErrorText, saying: Saying): string {
  const { color } = saying;
  const advice = next === undefined ? '' : paragraph(paint(' next:', 'dim', color), next, saying);
  return `${paragraph(paint('error:', 'bad', color), message, saying)}${advice}`;
}

/** Wrapped below its label. */
function paragraph(label: string, text: string, { commandName: name, width }: Saying): string {
  return `${wrapAdvice(printable(text).trimEnd(), { name, width, lead: `${label} ` })}\n`;
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0';
}
