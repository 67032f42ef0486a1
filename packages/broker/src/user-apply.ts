import { randomBytes } from 'node:crypto';
import type { BrokerUser } from '@warren/topology';
import { messageOf } from './exception.js';
import type { KnownUser, UsersClient } from './management-users.js';
import { noPassword, type PasswordHash, passwordHash } from './password-hash.js';
import { type UserAspect, userChanges, type WantedPassword } from './user-changes.js';
import { chosenPassword } from './user-passwords.js';

export interface NamedUser extends BrokerUser {
  /** With the prefix: as the broker knows it. */
  readonly name: string;
}

export interface ApplyUsersOptions {
  readonly client: UsersClient;
  readonly vhost: string;
  /** Who makes the users: never one of them, because it would take its own rights away. */
  readonly administrator: string;
  readonly prefix: string;
  /** Where passwords are looked for; `none`: users log in by certificate alone. */
  readonly passwords:
    | { readonly env: Readonly<Record<string, string | undefined>>; readonly folder: string | undefined }
    | 'none';
  /** Asked once, before users that exist are changed. */
  readonly mayChange: (question: string) => Promise<boolean>;
}

export interface UserOutcome {
  readonly name: string;
  readonly role: string;
  readonly action: 'created' | 'changed' | 'unchanged';
  readonly changes: readonly UserAspect[];
  /** One that was made for it, in the only moment that it can be told. */
  readonly password?: string;
}

export interface UsersSummary {
  readonly outcomes: readonly UserOutcome[];
  /** Users whose names begin with the prefix and that no service has: of a task type that is gone, perhaps. */
  readonly leftovers: readonly string[];
  /** What broke in the middle; the outcomes are those until then. */
  readonly failure?: UsersPartlyAppliedError;
}

/** Some users are as wanted, the others as they were. */
export class UsersPartlyAppliedError extends Error {
  override readonly name = 'UsersPartlyAppliedError';
  readonly exitCode = 3;
  readonly next = 'mend what is said of it, then apply again: it goes on where this ended';

  constructor(user: string, cause: unknown) {
    super(`user ${user} could not be made as wanted, and those after it are as they were: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/**
 * Makes the broker have these users with these permissions in one virtual host; what they may do in others is left alone.
 * Idempotent. Resolves to undefined where existing users would be changed and may not be: nothing was done then. Throws a
 * `ManagementError` or a `PasswordError` before anything is done.
 */
export async function applyUsers(
  users: readonly NamedUser[],
  options: ApplyUsersOptions,
): Promise<UsersSummary | undefined> {
  refuseSelf(users, options);
  const plans = await Promise.all(users.map((user) => planFor(user, options)));
  const changed = plans.filter(({ known, changes }) => known !== undefined && changes.length > 0);
  if (changed.length > 0 && !(await options.mayChange(question(changed)))) return undefined;
  const leftovers = await leftoversOf(users, options);
  const outcomes: UserOutcome[] = [];
  for (const plan of plans) {
    const made = needsPassword(plan) ? randomBytes(24).toString('base64url') : undefined;
    // Kept even where the rest of it fails: the broker may have it by then.
    const outcome = outcomeOf(plan, made);
    try {
      await carryOut(plan, made, options);
      outcomes.push(outcome);
    } catch (error) {
      const failure = new UsersPartlyAppliedError(plan.user.name, error);
      return { outcomes: made === undefined ? outcomes : [...outcomes, outcome], leftovers, failure };
    }
  }
  return { outcomes, leftovers };
}

interface Plan {
  readonly user: NamedUser;
  readonly known: KnownUser | undefined;
  readonly password: WantedPassword;
  readonly changes: readonly UserAspect[];
}

async function planFor(user: NamedUser, { client, passwords, vhost }: ApplyUsersOptions): Promise<Plan> {
  const password: WantedPassword = passwords === 'none' ? { kind: 'none' } : chosenPassword(user, passwords);
  const known = await client.find(vhost, user.name);
  return { user, known, password, changes: known === undefined ? [] : userChanges(known, user, password) };
}

function refuseSelf(users: readonly NamedUser[], { administrator }: ApplyUsersOptions): void {
  if (!users.some(({ name }) => name === administrator)) return;
  throw Object.assign(
    new Error(`user ${administrator} makes these users and would be one of them, without the right to make users`),
    {
      code: 'invalid-input',
      exitCode: 2,
      field: '--prefix',
      next: 'choose another --prefix, or another administrator',
    },
  );
}

function question(changed: readonly Plan[]): string {
  const each = changed.map(({ changes, user }) => `${user.name} (${changes.join(', ')})`).join(', ');
  return `change ${changed.length === 1 ? 'user' : `${changed.length} users`} ${each}?`;
}

async function leftoversOf(
  users: readonly NamedUser[],
  { client, prefix }: ApplyUsersOptions,
): Promise<readonly string[]> {
  if (prefix === '') return [];
  const wanted = new Set(users.map(({ name }) => name));
  return (await client.names()).filter((name) => name.startsWith(prefix) && !wanted.has(name));
}

/** A new one whose password nobody chose. One that an earlier try made half has one already. */
function needsPassword({ known, password }: Plan): boolean {
  return known === undefined && password.kind === 'keep';
}

function outcomeOf({ changes, known, user }: Plan, made: string | undefined): UserOutcome {
  const { name, role } = user;
  const action = known === undefined ? 'created' : changes.length > 0 ? 'changed' : 'unchanged';
  return { name, role, action, changes, ...(made === undefined ? {} : { password: made }) };
}

/** Entering the virtual host comes last: a user never may more in it than is wanted. */
async function carryOut(plan: Plan, made: string | undefined, { client, vhost }: ApplyUsersOptions): Promise<void> {
  const { changes, known, user } = plan;
  const isDue = (...aspects: readonly UserAspect[]) =>
    known === undefined || aspects.some((aspect) => changes.includes(aspect));
  if (isDue('password', 'tags')) await client.putUser(user.name, { ...hashFor(plan, made), tags: user.tags });
  if (isDue('topic permissions')) await putTopics(plan, { client, vhost });
  if (isDue('permissions')) await client.putPermissions(vhost, user.name, user.permissions);
}

/** Sent with every change of a user: the API takes a user without a password for one that is to have none. */
function hashFor({ known, password }: Plan, made: string | undefined): PasswordHash {
  switch (password.kind) {
    case 'none':
      return noPassword;
    case 'given':
      return passwordHash(password.password, randomBytes(4));
    case 'keep':
      return known ?? (made === undefined ? noPassword : passwordHash(made, randomBytes(4)));
    default:
      return password satisfies never;
  }
}

async function putTopics({ known, user }: Plan, { client, vhost }: Pick<ApplyUsersOptions, 'client' | 'vhost'>) {
  const wanted = new Set(user.topicPermissions.map(({ exchange }) => exchange));
  const hasOthers = known?.topicPermissions.some(({ exchange }) => !wanted.has(exchange)) ?? false;
  if (hasOthers) await client.deleteTopicPermissions(vhost, user.name);
  for (const permission of user.topicPermissions) await client.putTopicPermission(vhost, user.name, permission);
}
