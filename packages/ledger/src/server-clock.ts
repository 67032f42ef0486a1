import { Kysely, sql } from 'kysely';
import { z } from 'zod';
import { readLedgerAddress } from './ledger-address.js';
import { openPostgres } from './postgres.js';

const answer = z.object({ epoch_ms: z.coerce.number() });

/** What a ledger's server has for a clock, in epoch milliseconds; null for a ledger that is a file. Rejects where it does not answer. */
export async function serverClock(url: string): Promise<number | null> {
  const address = readLedgerAddress(url);
  if (address.kind === 'sqlite') return null;
  const db = new Kysely<unknown>({ dialect: openPostgres(address.url).dialect });
  try {
    const { rows } = await sql`select extract(epoch from clock_timestamp()) * 1000 as epoch_ms`.execute(db);
    return answer.parse(rows[0]).epoch_ms;
  } finally {
    await db.destroy();
  }
}
