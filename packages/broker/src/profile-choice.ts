import { type QuorumPriorities, queueProfiles } from '@warren/topology';
import { z } from 'zod';

/** `WARREN_PROFILE`. The same for all processes: it says which queues there are. */
export const profileChoice = z
  .enum(queueProfiles, { error: 'WARREN_PROFILE must be "classic" or "quorum"' })
  .default('classic');

/** `WARREN_QUORUM_PRIORITIES`; without the quorum profile it means nothing. */
export const prioritiesChoice = z
  .enum(['lanes', 'strict'] satisfies QuorumPriorities[], {
    error: 'WARREN_QUORUM_PRIORITIES must be "lanes" or "strict"',
  })
  .default('lanes');

/** Throws where the broker can't put the more urgent task first by itself: it would serve tasks in the order of arrival. */
export function assertPriorities(priorities: QuorumPriorities, brokerVersion: string): void {
  if (priorities === 'lanes' || hasStrictPriorities(brokerVersion)) return;
  throw new Error(
    `WARREN_QUORUM_PRIORITIES=strict, but quorum queues of RabbitMQ ${brokerVersion} do not serve by priority: upgrade to 4.3 or later, or set it to lanes`,
  );
}

/** From 4.3 on a quorum queue serves 32 priorities strictly. A version that can't be read counts as a new one. */
export function hasStrictPriorities(brokerVersion: string): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(brokerVersion) ?? [];
  if (major === undefined || minor === undefined) return true;
  return Number(major) > 4 || (Number(major) === 4 && Number(minor) >= 3);
}
