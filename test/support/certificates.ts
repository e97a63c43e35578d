import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The program `openssl` makes certificates and keys. Without it, tests of TLS are skipped. */
export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/**
 * Makes certificate authorities and the certificates that they sign in a folder: `NAME.pem` and `NAME.key`,
 * as PEM.
 */
export function certificatesIn(folder: string) {
  function openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  }

  function requestOf(name: string, subject: string): void {
    openssl('req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${subject}`);
  }

  return {
    path: (name: string) => join(folder, name),

    authority(name: string): void {
      const file = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
      openssl('req', '-x509', ...KEY, ...file, '-subj', `/CN=${name} of a test`, '-days', '2');
    },

    /** `host` is the name in the certificate, as `DNS:…` or `IP:…`. */
    sign(name: string, authority: string, subject: string, host: string): void {
      requestOf(name, subject);
      writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${host}\n`);
      const by = ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-CAcreateserial', '-days', '2'];
      openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-out', `${name}.pem`, '-extfile', `${name}.ext`);
    },

    /** The same, valid for one day in the past. `openssl x509` has no option for dates. */
    signExpired(name: string, authority: string, subject: string, host: string): void {
      requestOf(name, subject);
      writeFileSync(join(folder, 'index.txt'), '');
      writeFileSync(
        join(folder, 'ca.cnf'),
        `[ca]
default_ca = test
[test]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = for_host
[any]
commonName = supplied
[for_host]
subjectAltName = ${host}
`,
      );
      const by = ['-cert', `${authority}.pem`, '-keyfile', `${authority}.key`];
      const dates = ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'];
      const files = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-notext'];
      openssl('ca', '-batch', '-config', 'ca.cnf', ...by, ...dates, ...files);
    },
  };
}
