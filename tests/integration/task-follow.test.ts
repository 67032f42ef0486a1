import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectBroker, createEventPublisher, taskEvent } from '@warren/broker';
import { openLedger } from '@warren/ledger';
import { pino } from 'pino';
import { defaultPatience } from '../../services/producer/src/absences.js';
import { follow } from '../../services/producer/src/follow.js';
import { freshDatabase } from './support/postgres.js';
import { TcpProxy } from './support/proxy.js';
import { type TaskCommands, taskCommands } from './support/task-commands.js';
import { until } from './support/until.js';
import { type WayIn, wayIn } from './support/way-in.js';

let ground: WayIn;
let warren: TaskCommands['warren'];
let submit: TaskCommands['submit'];

beforeAll(async () => {
  ground = await wayIn();
  ({ warren, submit } = taskCommands(ground));
}, 60_000);
afterAll(() => ground.dispose(), 60_000);

const usual = { patience: defaultPatience, now: Date.now, brokerCause: () => undefined, advice: () => 'wait' };

describe('following a task', () => {
  it('tells steps by their events alone, each once, and the end by the ledger', async () => {
    const id = await submit(['--text', 'Rabbits are followed.']);
    const claim = {
      dispatch: 1,
      copy: 'c',
      redelivered: false,
      owner: 'w',
      leaseMs: 60_000,
      maxCrashes: 3,
      alone: true,
    };
    const answer = await ground.ledger.claim(id, { ...claim, now: Date.now() });
    if (answer.kind !== 'run') throw new Error(`not claimed: ${answer.kind}`);
    const log = pino({ level: 'silent' });
    const connection = await connectBroker({ urls: ground.amqpUrl, name: 'follower', log });
    const events = createEventPublisher(connection, { log });
    const heard: string[] = [];
    const parts = {
      ledger: ground.ledger,
      connection,
      pollMs: 3_600_000,
      signal: new AbortController().signal,
      ...usual,
    };
    const following = follow(id, parts, {
      onMove: ({ state }) => heard.push(state),
      onStep: ({ message }) => heard.push(message),
      onAbsence: (line) => heard.push(line),
    });
    const tell = (message: string) => events.publish(taskEvent(answer.task, Date.now(), { message }));
    await until(() => tell('digging') && heard.includes('digging'));
    await until(() => tell('resting') && heard.includes('resting'));
    await ground.ledger.complete(id, { token: answer.task.token, now: Date.now(), result: '{}', cost: null });
    tell('resting');
    expect(await following).toMatchObject({ state: 'completed' });
    expect(heard).toEqual(['running', 'digging', 'resting', 'completed']);
    await connection.close();
  }, 60_000);

  it('tells once of a worker that does not renew its lease', async () => {
    const id = await submit(['--text', 'Rabbits fall silent.']);
    const claim = { dispatch: 1, copy: 'c', redelivered: false, owner: 'w', maxCrashes: 3, alone: true };
    // As if it had been renewed twenty of its thirty seconds ago.
    const answer = await ground.ledger.claim(id, { ...claim, leaseMs: 10_000, now: Date.now() });
    if (answer.kind !== 'run') throw new Error(`not claimed: ${answer.kind}`);
    const told: string[] = [];
    let asked = 0;
    const queries = {
      ...ground.ledger.queries,
      task: (wanted: string) => {
        asked += 1;
        return ground.ledger.queries.task(wanted);
      },
    };
    const following = follow(
      id,
      {
        ledger: { ...ground.ledger, queries },
        connection: undefined,
        pollMs: 10,
        signal: new AbortController().signal,
        ...usual,
      },
      { onMove: () => undefined, onStep: () => undefined, onAbsence: (line) => void told.push(line) },
    );
    await until(() => asked > 3);
    await ground.ledger.complete(id, { token: answer.task.token, now: Date.now(), result: '{}', cost: null });
    await following;
    expect(told).toEqual([
      expect.stringMatching(
        /^running: w has not been heard of since \S+Z; another worker takes over at the latest when/,
      ),
    ]);
  }, 60_000);
});

describe('what a task stands on goes away while it is followed', () => {
  it('is told once, and so is its return; the following goes on', async () => {
    const database = await freshDatabase();
    const toLedger = await TcpProxy.to(database.url);
    const toBroker = await TcpProxy.to(ground.amqpUrl);
    const log = pino({ level: 'silent' });
    const ledger = await openLedger(toLedger.through(database.url));
    const connection = await connectBroker({ urls: toBroker.through(ground.amqpUrl), name: 'follower', log });
    try {
      const env = { AMQP_URL: ground.amqpUrl, LEDGER_URL: database.url, WARREN_DELAY: 'ladder' };
      const { stdout } = await warren(['publish', 'summarize', '--text', 'Rabbits wait.'], { env });
      const id = stdout.trim();
      const absences: string[] = [];
      const following = follow(
        id,
        { ledger, connection, pollMs: 20, signal: new AbortController().signal, ...usual },
        { onMove: () => undefined, onStep: () => undefined, onAbsence: (line) => void absences.push(line) },
      );
      toLedger.refuse();
      await until(() => absences.length === 1);
      toBroker.refuse();
      await until(() => absences.length === 2);
      toLedger.restore();
      await until(() => absences.length === 3);
      toBroker.restore();
      await until(() => absences.length === 4);
      expect(absences).toEqual([
        expect.stringMatching(/^the ledger .* does not answer: .*; waiting until it is back$/),
        expect.stringMatching(/^the broker went away \(.*\); waiting until it is back$/),
        'the ledger is back',
        'the broker is back',
      ]);
      expect(await ledger.cancel(id, { now: Date.now(), reason: 'seen enough' })).toMatchObject({ kind: 'moved' });
      expect(await following).toMatchObject({ state: 'cancelled' });
      expect(absences).toHaveLength(4);
    } finally {
      await connection.close();
      await ledger.close();
      await Promise.all([toLedger.stop(), toBroker.stop()]);
      await database.dispose();
    }
  }, 60_000);
});
