import { z } from 'zod';

/** Of a service that said nothing for people when it ended, so many lines are shown. */
const shownLines = 15;

/** What a service logs in the end, where it still can. */
const fatalLine = z.object({ level: z.literal(60), msg: z.string(), next: z.string().optional() });
const logLine = z.object({ msg: z.string() });

/** A service ended, or hung, before it worked. */
export class ServiceStartError extends Error {
  override readonly name = 'ServiceStartError';
  readonly code = 'failed';
  readonly exitCode = 1;
  readonly next: string;

  /**
   * @param service as in its log's name: `producer-1`
   * @param outcome how it ended: `exit code 1`
   * @param printed the lines of this start alone, JSON where they are the log's
   */
  constructor(service: string, outcome: string, { printed, logFile }: { printed: readonly string[]; logFile: string }) {
    const fatal = printed.map((line) => fatalLine.safeParse(jsonOf(line)).data).findLast((line) => line !== undefined);
    super(`${service} did not start${fatal === undefined ? unsaid(outcome, printed) : `: ${reasonIn(fatal.msg)}`}`);
    this.next = [...(fatal?.next === undefined ? [] : [fatal.next]), `its log is ${logFile}`].join('; ');
  }
}

/** `did not start: ` begins the line that says why; a crash has another beginning. */
function reasonIn(message: string): string {
  return message.replace(/^did not start: /, '');
}

function unsaid(outcome: string, printed: readonly string[]): string {
  const lines = printed.slice(-shownLines).map((line) => logLine.safeParse(jsonOf(line)).data?.msg ?? line);
  return ` (${outcome})${lines.length === 0 ? ', and said nothing' : `:\n${lines.join('\n')}`}`;
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
