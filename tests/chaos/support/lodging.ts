import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { openStates } from '@warren/tasks';
import { AmqpProxy } from './amqp-proxy.js';
import { type Crew, createCrew } from './crew.js';
import { type Hand, takeHand } from './hand.js';
import { type House, type HouseOptions, openHouse } from './house.js';

/** What a test needs: a house, a hand in its broker, a way to its broker that can be broken, and people to work in it. */
export interface Rooms {
  readonly house: House;
  readonly hand: Hand;
  readonly proxy: AmqpProxy;
  /** The broker's address, through the proxy. */
  readonly breakable: string;
  readonly crew: Crew;
}

/**
 * One house for the tests of a file, one after the other; and a new one after a test that left something behind, so that
 * what broke in one test breaks no other. `options` is asked for each house.
 */
export function lodge(options: () => HouseOptions = () => ({})): () => Rooms {
  let rooms: Rooms | undefined;

  const moveOut = async () => {
    const old = rooms;
    rooms = undefined;
    await old?.proxy.stop();
    await old?.hand.close().catch(() => undefined);
    await old?.house.close();
  };
  beforeAll(async () => {
    rooms = await moveIn(options());
  }, 60_000);
  afterAll(moveOut, 60_000);
  afterEach(async () => {
    if (rooms && (await isLeftTidy(rooms))) return;
    await moveOut();
    rooms = await moveIn(options());
  }, 60_000);

  return () => {
    if (!rooms) throw new Error('there is no house outside of a test');
    return rooms;
  };
}

async function moveIn(options: HouseOptions): Promise<Rooms> {
  const house = await openHouse(options);
  const hand = await takeHand(house.amqpUrl);
  const proxy = await AmqpProxy.start(house.amqpUrl);
  return { house, hand, proxy, breakable: proxy.through(house.amqpUrl), crew: createCrew(house) };
}

/** Nobody at work, nothing armed, no message, and no task that is still under way. */
async function isLeftTidy({ crew, hand, house, proxy }: Rooms): Promise<boolean> {
  const everythingMet = proxy.reset();
  try {
    await crew.dismiss();
    const underWay = await house.ledger.queries.tasks({ states: underWayStates, limit: 1 });
    return everythingMet && underWay.length === 0 && Object.keys(await hand.depths()).length === 0;
  } catch {
    return false;
  }
}

const underWayStates = openStates.filter((state) => state !== 'parked');
