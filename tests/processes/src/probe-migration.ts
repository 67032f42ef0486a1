import { migrateTopology } from '@warren/broker';
import { openLedger } from '@warren/ledger';
import { queueProfiles } from '@warren/topology';
import { z } from 'zod';
import { probe } from './probe.js';

/** Migrates the queues of type `probe` and of what all share, and tells each step as a line of JSON. */
const { AMQP_URL, LEDGER_URL, MANAGEMENT_URL, PROBE_LEASE_MS, WARREN_PROFILE } = z
  .object({
    AMQP_URL: z.string(),
    LEDGER_URL: z.string(),
    MANAGEMENT_URL: z.string(),
    PROBE_LEASE_MS: z.coerce.number(),
    WARREN_PROFILE: z.enum(queueProfiles),
  })
  .parse(process.env);

const ledger = await openLedger(LEDGER_URL);
const options = {
  amqpUrl: AMQP_URL,
  managementUrl: MANAGEMENT_URL,
  types: [probe],
  delay: 'ladder',
  profile: WARREN_PROFILE,
} as const;
await migrateTopology(options, {
  ledger,
  leaseMs: PROBE_LEASE_MS,
  onProgress: (progress) => console.log(JSON.stringify(progress)),
});
await ledger.close();
