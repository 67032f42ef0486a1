import type { Permissions, TopicPermission } from '@warren/topology';
import { z } from 'zod';
import { type ManagementAddress, ManagementError, request } from './management-request.js';
import type { PasswordHash } from './password-hash.js';

/** A user as the broker has it, with what it may do in one virtual host. */
export interface KnownUser extends PasswordHash {
  readonly tags: readonly string[];
  /** Undefined: it may not enter the virtual host. */
  readonly permissions: Permissions | undefined;
  readonly topicPermissions: readonly TopicPermission[];
}

/**
 * The part of the management API about users, which takes the tag `administrator`. Every call rejects with a
 * {@link ManagementError}.
 */
export interface UsersClient {
  names(): Promise<string[]>;
  find(vhost: string, name: string): Promise<KnownUser | undefined>;
  /** Creates or replaces it: its password and its tags, and not what it may do. */
  putUser(name: string, user: PasswordHash & { readonly tags: readonly string[] }): Promise<void>;
  putPermissions(vhost: string, name: string, permissions: Permissions): Promise<void>;
  putTopicPermission(vhost: string, name: string, permission: TopicPermission): Promise<void>;
  /** All of its topic permissions in the virtual host: the API can't take away a single one. */
  deleteTopicPermissions(vhost: string, name: string): Promise<void>;
}

/** A list since 3.9; words joined by commas where somebody's own program answers for the broker. */
const tags = z.union([
  z.array(z.string()),
  z.string().transform((text) => text.split(',').filter((tag) => tag !== '')),
]);
const userInfo = z.object({
  name: z.string(),
  password_hash: z.string().default(''),
  hashing_algorithm: z.string().default(''),
  tags,
});
const permissionInfo = z.object({ configure: z.string(), write: z.string(), read: z.string() });
const topicPermissionInfo = z.object({ exchange: z.string(), write: z.string(), read: z.string() });

export function usersClient(address: ManagementAddress): UsersClient {
  const ask = async (method: 'GET' | 'PUT' | 'DELETE', path: string, body?: unknown) =>
    await request(address, method, path, body).catch((error: unknown) => {
      throw asAdministrator(error, address);
    });
  const find = async <T>(path: string, answer: z.ZodType<T>): Promise<T | undefined> => {
    try {
      return answer.parse(await ask('GET', path));
    } catch (error) {
      if (error instanceof ManagementError && error.status === 404) return undefined;
      throw error;
    }
  };
  return {
    names: async () =>
      z
        .array(userInfo.pick({ name: true }))
        .parse(await ask('GET', '/api/users'))
        .map(({ name }) => name),
    async find(vhost, name) {
      const user = await find(`/api/users/${encodeURIComponent(name)}`, userInfo);
      if (user === undefined) return undefined;
      const [permissions, topicPermissions = []] = await Promise.all([
        find(`/api/permissions/${within(vhost, name)}`, permissionInfo),
        find(`/api/topic-permissions/${within(vhost, name)}`, z.array(topicPermissionInfo)),
      ]);
      return { ...user, permissions, topicPermissions };
    },
    async putUser(name, { password_hash, hashing_algorithm, tags: given }) {
      const body = { password_hash, hashing_algorithm, tags: given.join(',') };
      await ask('PUT', `/api/users/${encodeURIComponent(name)}`, body);
    },
    async putPermissions(vhost, name, permissions) {
      await ask('PUT', `/api/permissions/${within(vhost, name)}`, permissions);
    },
    async putTopicPermission(vhost, name, permission) {
      await ask('PUT', `/api/topic-permissions/${within(vhost, name)}`, permission);
    },
    async deleteTopicPermissions(vhost, name) {
      await ask('DELETE', `/api/topic-permissions/${within(vhost, name)}`);
    },
  };
}

function within(vhost: string, name: string): string {
  return `${encodeURIComponent(vhost)}/${encodeURIComponent(name)}`;
}

/** Policies take less than users do. */
function asAdministrator(error: unknown, { username }: ManagementAddress): unknown {
  if (!(error instanceof ManagementError) || (error.status !== 401 && error.status !== 403)) return error;
  return new ManagementError(
    'refused',
    error.status,
    `the management API lets user "${username}" make no users (${error.status}): put user and password of one with the tag "administrator" into WARREN_MANAGEMENT_URL`,
  );
}
