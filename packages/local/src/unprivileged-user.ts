import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Postgres refuses to run as root. These exist for what must not be root: Debian's Postgres user, then everybody's nobody. */
const candidates = ['postgres', 'nobody'];

/** Whom a server that refuses root runs as: `undefined` (the caller) unless the caller is root. Throws when no such user exists. */
export function unprivilegedUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = parseUsers(readFileSync('/etc/passwd', 'utf8'));
  const user = candidates.map((name) => users.get(name)).find((found) => found !== undefined);
  if (user !== undefined) return user;
  throw new Error(
    'Postgres does not run as root, and there is neither a user "postgres" nor "nobody": add one of them',
  );
}

export function parseUsers(passwd: string): Map<string, User> {
  return new Map(
    passwd.split('\n').flatMap((line): [string, User][] => {
      const [name, , uid, gid] = line.split(':');
      return name && uid && gid ? [[name, { uid: Number(uid), gid: Number(gid) }]] : [];
    }),
  );
}

/** Whether `user` may enter `folder`: every folder on the way must let it through. Access lists are not looked at. */
export function canEnter(user: User, folder: string): boolean {
  const { mode, uid, gid } = statSync(folder);
  const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  if ((mode & bit) === 0) return false;
  const parent = dirname(folder);
  return parent === folder || canEnter(user, parent);
}
