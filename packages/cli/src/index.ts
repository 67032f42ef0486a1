export { forEachPaced } from './bounded-pace.js';
export { paint, type Tone } from './color.js';
export { columnsOption } from './columns.js';
export { commandName } from './command-name.js';
export { addCompletionCommand } from './completion-command.js';
export { completing } from './completions.js';
export { confirm } from './confirm.js';
export { parseCount } from './count.js';
export { counted } from './counted.js';
export { formatRoughly, parseDuration, readMoment } from './duration.js';
export { CommandError, UsageError } from './errors.js';
export { examples } from './examples.js';
export { exitCodes } from './exit-codes.js';
export { explain } from './explain.js';
export { filterWords, parseFilter, parseLetterFilter, type TaskFilter } from './filter.js';
export { handActText } from './hand-act.js';
export { openInput, readInput } from './input.js';
export { readJsonLines } from './json-lines.js';
export { defaultNote, operatorName, parseName, parseNote } from './operator.js';
export type { CommandOutput, Output } from './output.js';
export { oneLine, printable, withoutPasswords } from './printable.js';
export { buildProgram, type CommandContext } from './program.js';
export type { Progress } from './progress.js';
export { runCli } from './run-cli.js';
export { sameCommand } from './same-command.js';
export { runService, type Service } from './service.js';
export { createServiceLog } from './service-log.js';
export type { Settings } from './settings.js';
export { shellQuoted } from './shell-quoted.js';
export type { ByteSource } from './streams.js';
export {
  type Column,
  type Field,
  renderTable,
  truncate,
} from './table.js';
export { formatAge, formatTime } from './time.js';
export { unknownTypesNote } from './unknown-types.js';
export { wrapWords } from './wrap-words.js';
export { type InputIssue, inputIssues, issueLine } from './zod-issues.js';
