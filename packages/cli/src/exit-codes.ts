/**
 * What a command's exit code says. A script may rely on these; nothing else is ever returned. A process that a signal ends
 * in the middle of its work has the shell's own code for that, 130 for Ctrl-C.
 */
export const exitCodes = {
  /** All that was asked is done. */
  done: 0,
  /** Nothing, or not what was asked, is done. */
  failed: 1,
  /** The command line or its input is wrong: nothing was tried. */
  badInput: 2,
  /** Some of many are done, some failed. */
  partlyDone: 3,
  /** A comparison ended well and found differences. */
  differences: 4,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export function isExitCode(value: unknown): value is ExitCode {
  return Object.values(exitCodes).some((code) => code === value);
}
