import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Column, renderTable } from '@warren/cli';
import { measureDelay } from './delay-accuracy.js';
import { measureHotPath } from './hot-path.js';
import { measureMemory } from './memory.js';
import { openSite, type Site } from './site.js';

/** What can be measured, by the word that chooses it. Without one all are, in this order. */
const measurements: Readonly<Record<string, (site: Site) => Promise<void>>> = {
  'hot-path': hotPath,
  delay,
  memory,
};

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => measurements[name] === undefined);
if (unknown !== undefined) {
  console.error(`error: there is no measurement "${unknown}": choose from ${Object.keys(measurements).join(', ')}`);
  process.exit(2);
}
const site = await openSite();
try {
  for (const [name, measure] of Object.entries(measurements)) {
    if (wanted.length === 0 || wanted.includes(name)) await measure(site);
  }
} finally {
  await site.discard();
}

async function hotPath(at: Site): Promise<void> {
  const figures = await measureHotPath(at, tell);
  report('hot-path', at, figures, [
    { name: 'ledger', text: ({ ledger }) => ledger },
    number('tasks/s', ({ tasksPerSecond }) => tasksPerSecond),
    number('bare tasks/s', ({ bareTasksPerSecond }) => bareTasksPerSecond),
    number('ratio', ({ ratio }) => ratio),
    number('dressed tasks/s', ({ dressedTasksPerSecond }) => dressedTasksPerSecond),
    number('p50 ms', ({ latencyP50Ms }) => latencyP50Ms),
    number('bare p50 ms', ({ bareLatencyP50Ms }) => bareLatencyP50Ms),
    number('p50 ratio', ({ latencyP50Ratio }) => latencyP50Ratio),
  ]);
}

async function delay(at: Site): Promise<void> {
  if (!at.delays.includes('plugin')) tell('delay: this broker lacks the plugin, so the ladder alone is measured');
  const figures = [];
  for (const mechanism of at.delays) figures.push(await measureDelay(at, mechanism));
  report('delay', at, figures, [
    { name: 'delay', text: ({ mechanism }) => mechanism },
    number('pending', ({ pending }) => pending),
    number('arrived', ({ arrived }) => arrived),
    number('early', ({ early }) => early),
    number('error p50 ms', ({ errorP50Ms }) => errorP50Ms),
    number('p99 ms', ({ errorP99Ms }) => errorP99Ms),
    number('max ms', ({ errorMaxMs }) => errorMaxMs),
  ]);
}

async function memory(at: Site): Promise<void> {
  report('memory', at, await measureMemory(at), [
    { name: 'process', text: ({ process: name }) => name },
    number('early MiB', ({ earlyMiB }) => earlyMiB),
    number('late MiB', ({ lateMiB }) => lateMiB),
    number('ratio', ({ ratio }) => ratio),
  ]);
}

function number<Row>(name: string, value: (row: Row) => number): Column<Row> {
  return { name, align: 'right', text: (row) => String(value(row)) };
}

/** A table for people, and the figures with their surroundings in `bench/results`. */
function report<Row>(name: string, at: Site, figures: readonly Row[], columns: readonly Column<Row>[]): void {
  const file = fileURLToPath(new URL(`../results/${name}.json`, import.meta.url));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ figures, environment: at.environment }, null, 2)}\n`);
  console.log(`\n${renderTable(figures, columns, { width: undefined, color: false })}\n`);
}

function tell(line: string): void {
  console.error(line);
}
