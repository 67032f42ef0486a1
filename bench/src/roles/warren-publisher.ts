import { randomUUID } from 'node:crypto';
import { openServiceGround } from '@warren/broker';
import { createIntake } from '@warren/intake';
import { pino } from 'pino';
import { measuredInput, measuredTask, publishWindow } from '../measured-task.js';
import { clock, inWindow, readRoleSettings, tell, tellHeap, told } from './role.js';

const { amqpUrl, ledgerUrl, count, heapAt, oneByOne, profile } = readRoleSettings();
const log = pino({ level: 'warn' });
const ground = await openServiceGround({
  config: { amqpUrl, ledgerUrl, delay: 'ladder', profile, priorities: 'lanes' },
  name: `bench#${randomUUID()}`,
  log,
  now: Date.now,
});
let sentAt = 0;
const intake = createIntake({
  ledger: ground.ledger,
  // From the publish on: what intake writes before it is left out of the latency.
  dispatcher: {
    dispatch: (task, payload) => {
      sentAt = clock();
      return ground.dispatcher.dispatch(task, payload);
    },
  },
  types: [measuredTask],
});

tell({ ready: true });
await told();
const startedAt = clock();
await inWindow(count, oneByOne ? 1 : publishWindow, async (index) => {
  const handled = oneByOne ? told() : undefined;
  const answer = await intake.submit({ type: measuredTask.name, input: measuredInput });
  if (answer.kind !== 'accepted' || !answer.published) throw new Error(`not published: ${JSON.stringify(answer)}`);
  if (oneByOne) tell({ sentAt });
  await handled;
  if (heapAt.includes(index + 1)) tellHeap();
});
tell({ startedAt, publishedAt: clock() });
await told();
await ground.close();
process.disconnect();
