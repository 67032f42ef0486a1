import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exchangeNames } from '@warren/topology';
import { connect } from 'amqplib';
import { z } from 'zod';
import { projectRoot, type RunningServices, startServices } from './support/services.js';
import { until } from './support/until.js';

/** What the README shows is run here, as it stands there. */
const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8');

/** Commands that other tests run, because they start or end the whole stack, never end, or end with a code of their own. */
const elsewhere = ['up --detach', 'status', 'task watch', 'topology plan'];

function blocks(language: string): string[] {
  return [...readme.matchAll(/```(\w*)\n(.*?)```/gs)].flatMap(([, word, body]) =>
    word === language && body !== undefined ? [body] : [],
  );
}

/** Each `bin/warren` line, without its comment, as its words. */
const commands = blocks('sh')
  .flatMap((block) => block.split('\n'))
  .filter((line) => line.startsWith('bin/warren '))
  .map((line) => line.replace(/\s+#.*$/, '').replace('bin/warren ', ''))
  .filter((line) => !elsewhere.some((command) => line.startsWith(command)));

function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}

describe('the README', () => {
  let services: RunningServices;
  let parked: string[];

  beforeAll(async () => {
    services = await startServices();
    cpSync(join(projectRoot, 'README.md'), join(services.folder, 'README.md'));
    cpSync(join(projectRoot, 'docs'), join(services.folder, 'docs'), { recursive: true });
    // A part of it: the whole takes its time.
    const library = join('node_modules', 'minimatch');
    cpSync(join(projectRoot, library), join(services.folder, library), { recursive: true });
    const submissions = ['one', 'two'].map((word) => ({ input: { text: `The word is ${word}. It stands alone.` } }));
    writeFileSync(join(services.folder, 'tasks.jsonl'), submissions.map((line) => JSON.stringify(line)).join('\n'));
    parked = [await parkedTask(), await parkedTask(), await parkedTask()];
  });

  afterAll(async () => {
    await services.stop();
  });

  async function parkedTask(): Promise<string> {
    const input = JSON.stringify({ source: { kind: 'file', path: 'not-here.md' } });
    const { id } = z
      .object({ id: z.string() })
      .parse(JSON.parse(await services.warren('task', 'submit', 'summarize', '--input', input, '--json')));
    await until(async () => (await services.ledger.queries.task(id))?.state === 'parked');
    return id;
  }

  it('shows commands at all', () => {
    expect(commands.length).toBeGreaterThan(8);
  });

  it.each(commands)('bin/warren %s', async (line) => {
    const [any = '', toCancel = '', toComplete = ''] = parked;
    const id = line.includes(' cancel ') ? toCancel : line.includes(' complete ') ? toComplete : any;
    const words = wordsOf(line).map((word) => (word === '<id>' ? id : word));
    const changes = ['replay', 'cancel'].some((verb) => words.includes(verb));
    // A person is asked before anything is changed; here nobody is there to answer.
    const printed = await services.warren(...words, ...(changes ? ['--yes'] : []));
    expect(printed).not.toBe('');
  });

  it('shows a message that any language can publish, and it is worked', async () => {
    const [shown] = blocks('json');
    const message = z.object({ task_id: z.string(), task_type: z.string() }).parse(JSON.parse(shown ?? ''));
    const connection = await connect(services.amqpUrl);
    const channel = await connection.createConfirmChannel();
    channel.publish(exchangeNames.submit, message.task_type, Buffer.from(shown ?? ''));
    await channel.waitForConfirms();
    await connection.close();
    await until(async () => (await services.ledger.queries.task(message.task_id))?.state === 'completed');
  });
});
