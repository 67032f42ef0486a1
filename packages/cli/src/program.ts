import { Command } from 'commander';
import { UsageError } from './errors.js';
import { exitCodes } from './exit-codes.js';
import { type CommandOutput, createOutput, type Output, type OutputStreams } from './output.js';
import { addGlobalOptions, defaultSettings, readSettings, type Settings } from './settings.js';

/** What every room's `add…Commands(program, context)` is given. Rooms that can't import this one declare the same shape. */
export interface CommandContext<Speaker extends CommandOutput = Output> {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Knows the global flags from the moment a command's action runs. */
  readonly output: Speaker;
}

export interface ProgramOptions extends OutputStreams {
  readonly version: string;
  /** What a person types to run it, from `commandName`. Default `warren`. */
  readonly name?: string;
}

const exitCodeHelp = `
Exit codes: ${exitCodes.done} done, ${exitCodes.failed} failed, ${exitCodes.badInput} bad usage or input, \
${exitCodes.partlyDone} partly done,
            ${exitCodes.differences} differences found.`;

/** The program with its global flags and without nouns, and the context to add them with. Run it with `runCli`. */
export function buildProgram(options: ProgramOptions): { program: Command; context: CommandContext } {
  const { name = 'warren' } = options;
  let settings: Settings = defaultSettings;
  const program = addGlobalOptions(new Command(name))
    .description('AI-agent work on RabbitMQ: submit tasks, see why they wait, replay what failed.')
    .usage('<noun> [verb] [flags]')
    .version(options.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'help on a noun or a verb')
    .helpCommand('help [command...]', 'help on a noun or a verb')
    .configureHelp({ showGlobalOptions: true, subcommandTerm: nounTerm, subcommandDescription })
    .addHelpText('after', exitCodeHelp)
    .hook('preAction', (_program, action) => {
      const takesColumns = action.options.some(({ long }) => long === '--columns');
      settings = readSettings(action.optsWithGlobals(), takesColumns);
    });
  addHelpCommand(program);
  return {
    program,
    context: { env: options.env, output: createOutput(() => settings, { ...options, commandName: name }) },
  };
}

/** Commander's own, which stays for the list of commands, takes one word: the verb of `help dead-letters replay` is lost. */
function addHelpCommand(program: Command): void {
  program
    .command('help', { hidden: true })
    .argument('[command...]')
    .action((words: readonly string[]) => commandAt(words, program).outputHelp());
}

/** What follows a verb is an argument of it. */
function commandAt([word, ...rest]: readonly string[], command: Command): Command {
  if (word === undefined || command.commands.length === 0) return command;
  const found = command.commands.find((one) => one.name() === word);
  if (found !== undefined) return commandAt(rest, found);
  throw new UsageError(`help: there is no command "${word}"`, { next: '"warren help" lists those there are' });
}

/** A noun's verbs stand behind what it is about, so that one help text shows what there is. */
function subcommandDescription(command: Command): string {
  const verbs = command.commands.map((verb) => verb.name()).join(', ');
  const about = command.summary() || command.description();
  return verbs === '' ? about : `${about} (${verbs})`;
}

function nounTerm(command: Command): string {
  const words = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  return [command.name(), ...words].join(' ');
}
