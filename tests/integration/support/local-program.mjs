// The stack's and the broker's commands by themselves, on the project that TEST_PROJECT names, with a topology that needs
// no broker; with TEST_TOPOLOGY=real, with the one that ships. They print JSON; with TEST_OUTPUT=text, what people see.
import { addBrokerCommands, addStackCommands } from '@warren/local';
import { Command } from 'commander';

const json = process.env.TEST_OUTPUT !== 'text';
const output = {
  json,
  result: (value, humanText) => console.log(json ? JSON.stringify(value) : humanText),
  note: (line) => console.error(line),
  hint: (text) => text,
  prose: (text, lead = '') => `${lead}${text}`,
};
const context = {
  env: process.env,
  output,
  projectRoot: process.env.TEST_PROJECT,
  ...(process.env.TEST_TOPOLOGY === 'real' ? {} : { applyTopology: async () => 'ladder' }),
};

const program = new Command('local');
addBrokerCommands(program, context);
addStackCommands(program, context);
try {
  await program.parseAsync();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
