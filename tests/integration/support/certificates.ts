import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Signs certificates, as a company's own authority does. */
export interface Authority {
  /** Path of its certificate. */
  readonly ca: string;
  /** @param names as in a certificate's subjectAltName: `DNS:localhost,IP:127.0.0.1`. `expired`: its last day was the day before. */
  issue(
    commonName: string,
    options?: { readonly names?: string; readonly usage?: 'serverAuth' | 'clientAuth'; readonly expired?: boolean },
  ): Certificate;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A new authority whose files lie in `folder`, made with the openssl of this machine. */
export function createAuthority(folder: string, name: string): Authority {
  const file = (ending: string) => join(folder, `${name}${ending}`);
  const [ca, caKey] = [file('.pem'), file('.key')];
  const isAuthority = ['-addext', 'basicConstraints=critical,CA:TRUE'];
  openssl([
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    caKey,
    '-out',
    ca,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    ...isAuthority,
  ]);
  let issued = 0;
  return {
    ca,
    issue(commonName, { expired = false, names, usage = 'clientAuth' } = {}) {
      issued += 1;
      const part = (ending: string) => file(`-${issued}${ending}`);
      const [cert, key] = [part('.pem'), part('.key')];
      openssl(['req', ...newKey, '-keyout', key, '-out', part('.csr'), '-subj', `/CN=${commonName}`]);
      const extensions = [`extendedKeyUsage=${usage}`, ...(names === undefined ? [] : [`subjectAltName=${names}`])];
      writeFileSync(part('.ext'), `${extensions.join('\n')}\n`);
      const signedBy = ['-CA', ca, '-CAkey', caKey, '-set_serial', String(issued)];
      const days = ['-days', expired ? '-1' : '2'];
      openssl(['x509', '-req', '-in', part('.csr'), ...signedBy, ...days, '-extfile', part('.ext'), '-out', cert]);
      return { cert, key };
    },
  };
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
