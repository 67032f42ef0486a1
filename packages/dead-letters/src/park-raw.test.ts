import { describe, expect, it } from '@jest/globals';
import type { NewLetter } from '@warren/ledger';
import { defaultPolicy } from '@warren/tasks';
import { receivedLetter } from '../../../tests/fixtures/letter.js';
import { parkRaw, type RawMessageFacts } from './park-raw.js';

/** The letter that a message becomes, as the ledger is asked to keep it. */
async function kept(facts: Partial<RawMessageFacts>): Promise<NewLetter | undefined> {
  let received: NewLetter | undefined;
  const letters = {
    receive: async (letter: NewLetter) => {
      received = letter;
      return { kind: 'new' as const, letter: receivedLetter(letter) };
    },
    decide: async () => true,
  };
  await parkRaw({ ledger: { letters }, now: () => 0 }, { ...oversized, ...facts });
  return received;
}

function body(bytes: number): Buffer {
  const empty = JSON.stringify({ task_type: 'summarize', payload: '' });
  return Buffer.from(JSON.stringify({ task_type: 'summarize', payload: 'x'.repeat(bytes - empty.length) }));
}

const oversized: RawMessageFacts = {
  body: body(defaultPolicy.maxBodyBytes + 1),
  properties: { headers: {} },
  routingKey: 'none',
  sourceQueue: 'dead-letters',
  code: 'policy-violation',
  reason: 'too large',
};

describe('a message that is parked raw', () => {
  it('says its type in its body', async () => {
    expect(await kept({ body: body(defaultPolicy.maxBodyBytes) })).toMatchObject({ type: 'summarize' });
  });

  it('is not read where its body is larger than any that is taken', async () => {
    const letter = await kept({});
    expect(letter).toMatchObject({ type: null, code: 'policy-violation' });
    expect(letter?.body).toBe(oversized.body);
  });

  it.each(['summarize', 'summarize.normal', 'summarize.v1'])(
    'was submitted for the type that its key "%s" begins with, whatever its body is',
    async (routingKey) => {
      expect(await kept({ routingKey, sourceQueue: 'submitted' })).toMatchObject({ type: 'summarize', routingKey });
    },
  );
});
