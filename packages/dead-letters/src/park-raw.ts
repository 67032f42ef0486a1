import type { MessageProperties } from '@warren/broker';
import type { Ledger, Letter, RelatedIds } from '@warren/ledger';
import { defaultPolicy, headers, maxErrorMessageChars, type ReasonCode } from '@warren/tasks';
import { queueNames, readQueueName, typeOfRole } from '@warren/topology';
import { z } from 'zod';
import { identityOf, keepProperties } from './kept-properties.js';
import { classify, type LetterFacts } from './rules.js';

export interface RawParts {
  readonly ledger: { readonly letters: Pick<Ledger['letters'], 'receive' | 'decide'> };
  readonly now: () => number;
}

/** A message that is no task, as it was met, and why it was not taken. */
export interface RawMessageFacts {
  readonly body: Buffer;
  readonly properties: MessageProperties;
  readonly routingKey: string;
  /** The queue that it was met in. */
  readonly sourceQueue: string;
  readonly code: ReasonCode;
  /** In words; cut to 2,000 characters. */
  readonly reason: string;
  /** Which part of the message is at fault, where a part is. */
  readonly field?: string;
}

/**
 * Keeps a message that can't be read, or can't be published again, whole: the body byte for byte, properties and headers
 * as JSON. It waits for a person as a parked letter. Idempotent: the same message again is the same letter, so whoever
 * met it may ack once this resolves, and do it all again after a crash. Throws `LedgerUnavailable`.
 */
export async function parkRaw({ ledger, now }: RawParts, facts: RawMessageFacts): Promise<Letter> {
  const { advice, rule } = classify(whyOf(facts));
  const reason = facts.reason.slice(0, maxErrorMessageChars);
  const said = bodyOf(facts);
  const { letter } = await ledger.letters.receive(
    {
      taskId: null,
      type: typeSaid(facts, said),
      dispatch: null,
      code: facts.code,
      reason,
      body: facts.body,
      properties: keepProperties(facts.properties),
      identity: identityOf(facts.properties),
      sourceQueue: facts.sourceQueue,
      routingKey: facts.routingKey,
      related: relatedIn(facts.properties, said),
    },
    now(),
  );
  await ledger.letters.decide(letter.id, { state: 'parked', rule, advice }, now());
  return { ...letter, state: 'parked', rule, advice };
}

function whyOf({ code, field }: RawMessageFacts): LetterFacts {
  return { code, origin: 'failed', ...(field === undefined ? {} : { field }) };
}

const typeName = z.string().regex(/^[\w-]{1,64}$/);
const someId = z.guid().toLowerCase();
/** What the body of a message that is no task may say all the same. */
const someBody = z.object({
  task_type: typeName.optional().catch(undefined),
  task_id: someId.optional().catch(undefined),
});
type BodySaid = z.infer<typeof someBody>;

/** A body larger than any task's is not read: to parse it would take many times its size, and hold up everything else. */
function bodyOf({ body }: RawMessageFacts): BodySaid {
  if (body.byteLength > defaultPolicy.maxBodyBytes) return {};
  try {
    return someBody.parse(JSON.parse(body.toString()));
  } catch {
    return {};
  }
}

/** For which task type the message was meant, as far as it says: by its queue, by its key, in its body. */
function typeSaid({ routingKey, sourceQueue }: RawMessageFacts, said: BodySaid): string | null {
  const role = readQueueName(sourceQueue)?.role;
  const worked = role === undefined ? undefined : typeOfRole(role);
  if (worked !== undefined) return worked;
  const key = typeName.safeParse(routingKey.split('.')[0]);
  if (role === queueNames.submitted && key.success) return key.data;
  return said.task_type ?? null;
}

const name = z.string().max(255);

/** What the message says by the names that Warren knows; anything of another shape is left to the kept properties. */
function relatedIn({ correlationId, headers: given = {}, messageId }: MessageProperties, said: BodySaid): RelatedIds {
  const found = {
    tenant: name.safeParse(given[headers.tenant]).data,
    group: name.safeParse(given[headers.group]).data,
    idempotencyKey: name.safeParse(given[headers.idempotencyKey]).data,
    correlationId: name.safeParse(correlationId).data,
    entities: z.array(name).max(16).safeParse(given[headers.entities]).data,
    claimedId: said.task_id ?? someId.safeParse(messageId).data,
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}
