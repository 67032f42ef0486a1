export { paint, type Tone } from './color.js';
export { columnsOption } from './columns.js';
export { commandName } from './command-name.js';
export { confirm } from './confirm.js';
export { parseCount } from './count.js';
export { counted } from './counted.js';
export { formatRoughly, parseDuration } from './duration.js';
export { CommandError, UsageError } from './errors.js';
export { examples } from './examples.js';
export { exitCodes } from './exit-codes.js';
export { explain } from './explain.js';
export { parseFilter, type TaskFilter } from './filter.js';
export { openInput, readInput } from './input.js';
export { readJsonLines } from './json-lines.js';
export type { CommandOutput, Output } from './output.js';
export { oneLine, printable, withoutPasswords } from './printable.js';
export { buildProgram, type CommandContext } from './program.js';
export type { Progress } from './progress.js';
export { runCli } from './run-cli.js';
export { runService, type Service } from './service.js';
export { createServiceLog } from './service-log.js';
export type { Settings } from './settings.js';
export type { ByteSource } from './streams.js';
export {
  type Column,
  type Field,
  truncate,
} from './table.js';
export { formatAge, formatTime } from './time.js';
export { wrapWords } from './wrap-words.js';
export { inputIssues, issueLine } from './zod-issues.js';
