import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { summarizeResult } from '@warren/tasks';
import { itWith } from './support/foreign-tools.js';
import { projectRoot, type RunningServices, startServices } from './support/services.js';
import { until } from './support/until.js';

const text = 'Rabbits dig tunnels. Tunnels join into warrens. A warren lasts longer than any rabbit in it.';

describe('the four services', () => {
  let services: RunningServices;

  beforeAll(async () => {
    services = await startServices();
  });

  afterAll(async () => {
    expect(await services.stop()).toEqual([0, 0, 0, 0]);
  });

  async function untilState(taskId: string, state: string): Promise<void> {
    await until(async () => (await services.ledger.queries.task(taskId))?.state === state);
  }

  async function expectSummary(taskId: string): Promise<void> {
    await untilState(taskId, 'completed');
    const stored = await services.ledger.queries.result(taskId);
    expect(summarizeResult.parse(JSON.parse(stored?.result ?? '')).sentences).toHaveLength(1);
  }

  describe('a message by the documented fields alone', () => {
    const message = (taskId: string) =>
      JSON.stringify({ task_id: taskId, task_type: 'summarize', payload: { text, length: 1 } });

    itWith('amqp-publish', 'gets its result when amqp-publish sent it', async () => {
      const id = randomUUID();
      const where = ['--url', services.amqpUrl, '-e', 'submit', '-r', 'summarize'];
      await services.run('amqp-publish', [...where, '-b', message(id)]);
      await expectSummary(id);
    });

    itWith('python3-pika', 'gets its result as a reply when pika sent it', async () => {
      const id = randomUUID();
      const script = join(projectRoot, 'tests', 'integration', 'support', 'publish-and-await-reply.py');
      // Debian's own python3 is named in full: only that one finds Debian's python3-pika.
      const printed = await services.run('/usr/bin/python3', [script], message(id));
      const [correlation, ...rest] = printed.split(' ');
      expect(correlation).toBe('mine');
      const reply = JSON.parse(rest.join(' '));
      expect(reply).toMatchObject({ task_id: id, state: 'completed', code: null });
      expect(summarizeResult.parse(reply.result).sentences).toHaveLength(1);
      await expectSummary(id);
    });
  });

  describe('the command line', () => {
    it('submits a file, waits, and gives its summary', async () => {
      writeFileSync(join(services.folder, 'warren.md'), `# Warrens\n\n${text}\n`);
      const printed = await services.warren('task', 'submit', 'summarize', '--file', 'warren.md', '--wait', '--json');
      const { id, state, result } = JSON.parse(printed);
      expect(state).toBe('completed');
      expect(summarizeResult.parse(result).title).toBe('Warrens');
      expect(await services.ledger.queries.task(id)).toMatchObject({ state: 'completed', attempt: 1 });
    });

    it('shows, replays and cancels what failed for good', async () => {
      const missing = join(services.folder, 'not-here.md');
      const input = JSON.stringify({ source: { kind: 'file', path: missing } });
      const submit = () => services.warren('task', 'submit', 'summarize', '--input', input, '--json');
      const [first, second] = [JSON.parse(await submit()).id, JSON.parse(await submit()).id];
      await untilState(first, 'parked');
      await untilState(second, 'parked');
      expect(await services.warren('dead-letters', 'list')).toContain('not-found');
      expect(await services.warren('dead-letters', 'show', first)).toContain('not-here.md');
      await services.warren('dead-letters', 'cancel', second, '--yes');
      await untilState(second, 'cancelled');
      writeFileSync(missing, text);
      await services.warren('dead-letters', 'replay', first, '--yes');
      await untilState(first, 'completed');
      expect(await services.ledger.queries.task(first)).toMatchObject({ attempt: 2, allowanceFrom: 2 });
    });
  });
});
