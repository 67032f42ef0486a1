// Writes again what is generated from the task types and committed: docs/topology.md, and the definitions with which the
// containers' broker boots. Tests compare. Run it by `npm run generate`, which compiles first.
import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootFileCommand, delayMechanisms, documentCommand, queueProfiles } from '../topology/dist/index.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bootFileCommands = queueProfiles.flatMap((profile) =>
  delayMechanisms.map((delay) => bootFileCommand(profile, delay)),
);

for (const command of [documentCommand, ...bootFileCommands]) {
  execFileSync(process.execPath, command.split(' '), { cwd: root, stdio: 'inherit' });
}
