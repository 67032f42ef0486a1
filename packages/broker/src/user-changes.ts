import type { BrokerUser } from '@warren/topology';
import type { KnownUser } from './management-users.js';
import { isHashOf } from './password-hash.js';

/** How a user is to log in. `keep`: as it does; a new one gets a password that is made for it. */
export type WantedPassword =
  | { readonly kind: 'given'; readonly password: string }
  | { readonly kind: 'keep' }
  /** By certificate alone. */
  | { readonly kind: 'none' };

/** What of a user that exists is to become different. */
export const userAspects = ['password', 'tags', 'permissions', 'topic permissions'] as const;
export type UserAspect = (typeof userAspects)[number];

/** What of a user is not as wanted. Empty: nothing. Pure. */
export function userChanges(
  known: KnownUser,
  wanted: Pick<BrokerUser, 'tags' | 'permissions' | 'topicPermissions'>,
  password: WantedPassword,
): readonly UserAspect[] {
  const isOther: Readonly<Record<UserAspect, boolean>> = {
    password: !isAsWanted(known, password),
    tags: !isSame(known.tags.toSorted(), wanted.tags.toSorted()),
    permissions: !isSame(permissionsOf(known.permissions), permissionsOf(wanted.permissions)),
    'topic permissions': !isSame(topicsOf(known.topicPermissions), topicsOf(wanted.topicPermissions)),
  };
  return userAspects.filter((aspect) => isOther[aspect]);
}

function isAsWanted(known: KnownUser, password: WantedPassword): boolean {
  switch (password.kind) {
    case 'keep':
      return true;
    case 'given':
      return isHashOf(known, password.password);
    case 'none':
      return known.password_hash === '';
    default:
      return password satisfies never;
  }
}

function permissionsOf(permissions: KnownUser['permissions']): readonly string[] {
  return permissions === undefined ? [] : [permissions.configure, permissions.write, permissions.read];
}

function topicsOf(permissions: KnownUser['topicPermissions']): readonly string[] {
  return permissions.map(({ exchange, write, read }) => JSON.stringify([exchange, write, read])).toSorted();
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
