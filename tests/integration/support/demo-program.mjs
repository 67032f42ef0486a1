// `warren demo` by itself, on the project that TEST_PROJECT names.
import { buildProgram, runCli } from '@warren/cli';
import { addDemoCommand } from '@warren/local';

const { stdout, stderr, env } = process;
const { program, context } = buildProgram({ version: '0', stdout, stderr, env, now: () => performance.now() });
addDemoCommand(program, { env: context.env, output: context.output, projectRoot: env.TEST_PROJECT });
process.exitCode = (await runCli(program, process.argv.slice(2))) || process.exitCode;
