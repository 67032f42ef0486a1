export { paint, type Tone, wantsColor } from './color.js';
export { chosenColumns, columnsOption, parseColumnNames } from './columns.js';
export { type ConfirmOptions, confirm } from './confirm.js';
export { parseCount } from './count.js';
export { formatDuration, formatRoughly, parseDuration } from './duration.js';
export { CommandError, type ErrorDetails, UsageError } from './errors.js';
export { examples } from './examples.js';
export { type ExitCode, exitCodes, isExitCode } from './exit-codes.js';
export { type Explanation, explain } from './explain.js';
export { type AgeRange, filterKeys, formatFilter, maxFilterChars, parseFilter, type TaskFilter } from './filter.js';
export { type InputOptions, maxInputBytes, openInput, readInput } from './input.js';
export { type JsonLine, type JsonLinesOptions, maxLineBytes, readJsonLines } from './json-lines.js';
export { type CommandOutput, createOutput, type Output, type OutputStreams } from './output.js';
export { oneLine, printable, withoutPasswords } from './printable.js';
export { buildProgram, type CommandContext, type ProgramOptions } from './program.js';
export type { Progress, ProgressOptions } from './progress.js';
export { type CliProcess, runCli } from './run-cli.js';
export { defaultStopWithinMs, runService, type Service, type ServiceOptions } from './service.js';
export { createServiceLog } from './service-log.js';
export type { Settings } from './settings.js';
export type { ByteSource, TextSink } from './streams.js';
export {
  type Column,
  type Field,
  minFlexibleWidth,
  renderFields,
  renderTable,
  type TableStyle,
  truncate,
} from './table.js';
export { formatAge, formatTime } from './time.js';
export { type InputIssue, inputIssues, issueLine } from './zod-issues.js';
