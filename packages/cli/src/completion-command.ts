import { Argument, type Command } from 'commander';
import { bashCompletion } from './completion-bash.js';
import { fishCompletion } from './completion-fish.js';
import { type CompletionPlace, completionTree } from './completion-tree.js';
import { zshCompletion } from './completion-zsh.js';
import type { CommandContext } from './program.js';

const scripts = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const satisfies Record<
  string,
  (places: readonly CompletionPlace[]) => string
>;
type Shell = keyof typeof scripts;
const shells: readonly Shell[] = ['bash', 'zsh', 'fish'];

/** How to load it, now and in every new shell. */
const loading = (name: string) => `
To load it, here and in the file that your shell reads at its start:
  bash:  source <(${name} completion bash)      in ~/.bashrc
  zsh:   source <(${name} completion zsh)       in ~/.zshrc, after compinit
  fish:  ${name} completion fish | source       in ~/.config/fish/config.fish`;

/**
 * Adds `warren completion bash | zsh | fish`. The script holds all words there are when it is printed, so it starts no
 * process at each press of Tab; after an update it is to be loaded again.
 */
export function addCompletionCommand(program: Command, { output }: CommandContext): void {
  program
    .command('completion')
    .description('print a script that completes nouns, verbs, flags and their words in a shell')
    .addArgument(new Argument('<shell>', 'whose script').choices(shells))
    .addHelpText('after', loading(program.name()))
    .action((shell: Shell) => {
      const script = scripts[shell](completionTree(program));
      output.result({ shell, script }, script.trimEnd());
    });
}
