import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { assertNever, errorMessage, PanicError } from '../../common/errors.js';
import { isThere } from '../../common/presence.js';
import { SSL_MODES } from './address.js';
import type { PostgresAddress, SslMode } from './address.js';
import { CUT_OFF, NO_TLS, NOT_TLS } from './client-words.js';

/**
 * Whether a connection is encrypted, and which certificate the server must have, by the rules of libpq
 * (https://www.postgresql.org/docs/current/libpq-ssl.html). The client `pg` takes `require` and `prefer` for
 * `verify-full`.
 */

/** One way to connect: without encryption, or with these options of TLS. */
export type Encryption = false | ConnectionOptions;

const MODE_WORDS: ReadonlySet<string> = new Set(SSL_MODES);

function isSslMode(word: string): word is SslMode {
  return MODE_WORDS.has(word);
}

/**
 * The ways to connect, the preferred one first; the process tries the next way if the server refuses one.
 * Throws InvalidInput for words or files that cannot be used.
 */
export function encryptionsOf({ host, parameters }: PostgresAddress): readonly [Encryption, ...Encryption[]] {
  // Without a host name the client uses the loopback address. A socket of this machine is never encrypted.
  if (host.startsWith('/')) return [false];
  // The client treats libpq's other variables in the same way.
  const setting = (name: string, variable: string): string | undefined =>
    parameters.get(name) ?? (process.env[variable] || undefined);
  const rootFile = setting('sslrootcert', 'PGSSLROOTCERT');
  const mode = modeOf(parameters, rootFile);
  if (mode === 'disable') return [false];
  const given = {
    ...minAndMax(parameters),
    ...clientCertificate(setting, parameters.get('sslpassword')),
  };
  const roots = rootFile === 'system' ? undefined : authorities(rootFile);
  const verified = { ...given, ...(roots === undefined ? {} : { ca: roots }), rejectUnauthorized: true };
  const ofAnyName = { ...verified, checkServerIdentity: () => undefined };
  // If the user names authorities, one of them must have signed the certificate, whatever the mode.
  const unverified = roots === undefined ? { ...given, rejectUnauthorized: false } : ofAnyName;
  switch (mode) {
    case 'allow':
      return [false, unverified];
    case 'prefer':
      return [unverified, false];
    case 'require':
      return [unverified];
    case 'verify-ca':
      return [ofAnyName];
    case 'verify-full':
      return [verified];
    default:
      return assertNever(mode);
  }
}

function modeOf(parameters: ReadonlyMap<string, string>, rootFile: string | undefined): SslMode {
  const word =
    parameters.get('sslmode') ?? (parameters.has('ssl') ? 'require' : process.env['PGSSLMODE'] || undefined);
  if (word === undefined)
    return rootFile === 'system' || parameters.get('sslnegotiation') === 'direct' ? 'verify-full' : 'prefer';
  if (!isSslMode(word)) {
    throw new PanicError('InvalidInput', `PGSSLMODE is "${word}"; it can be ${SSL_MODES.join(', ')}`);
  }
  if (rootFile === 'system' && word !== 'verify-full') {
    throw new PanicError('InvalidInput', `sslrootcert=system needs sslmode=verify-full, and not "${word}"`);
  }
  if (parameters.get('sslnegotiation') === 'direct' && ['disable', 'allow', 'prefer'].includes(word)) {
    throw new PanicError(
      'InvalidInput',
      `sslnegotiation=direct needs sslmode=require or more, and not "${word}"`,
    );
  }
  return word;
}

function minAndMax(parameters: ReadonlyMap<string, string>): ConnectionOptions {
  const [least, most] = ['ssl_min_protocol_version', 'ssl_max_protocol_version'].map((name) =>
    version(parameters.get(name)),
  );
  return {
    ...(least === undefined ? {} : { minVersion: least }),
    ...(most === undefined ? {} : { maxVersion: most }),
  };
}

const VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;

function version(word: string | undefined): (typeof VERSIONS)[number] | undefined {
  return VERSIONS.find((known) => known === word);
}

/**
 * The authorities in the file that the user names, or in libpq's own file if it exists; otherwise undefined.
 */
function authorities(named: string | undefined): Buffer | undefined {
  if (named !== undefined) return fileOf(named, 'sslrootcert');
  const usual = usualFile('root.crt');
  return usual === undefined ? undefined : fileOf(usual, 'the usual file of authorities');
}

/** A file that libpq uses by itself, if it exists. */
function usualFile(name: string): string | undefined {
  const path = join(homedir(), '.postgresql', name);
  return isThere(path) ? path : undefined;
}

function clientCertificate(
  setting: (name: string, variable: string) => string | undefined,
  passphrase: string | undefined,
): ConnectionOptions {
  const certificate = setting('sslcert', 'PGSSLCERT') ?? usualFile('postgresql.crt');
  if (certificate === undefined) return {};
  const key = setting('sslkey', 'PGSSLKEY') ?? usualFile('postgresql.key');
  if (key === undefined) throw new PanicError('InvalidInput', 'sslcert needs sslkey, the file of its key');
  return {
    cert: fileOf(certificate, 'sslcert'),
    key: fileOf(key, 'sslkey'),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

function fileOf(path: string, name: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new PanicError('InvalidInput', `${name} ("${path}") cannot be read: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

/** Codes of Node's TLS, and of OpenSSL's verification (https://nodejs.org/api/tls.html#x509-certificate-error-codes). */
const TLS_CODES =
  /^(ERR_TLS|ERR_SSL|EPROTO|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|CERT_|CRL_|INVALID_(CA|PURPOSE)|HOSTNAME_MISMATCH|PATH_LENGTH|ERROR_IN_(CERT|CRL))/;
/**
 * The server does not admit this kind of connection (pg_hba.conf has lines for encrypted connections alone,
 * or for others).
 */
const NOT_THIS_WAY = '28000';

export function isEncryptionRefused(error: unknown, code: string | undefined): boolean {
  return isTlsFailure(error, code) || isHandshakeCutOff(error) || code === NOT_THIS_WAY;
}

/** Whether the connection ended before the server said whether it offers encryption. */
export function isHandshakeCutOff(error: unknown): boolean {
  return CUT_OFF.test(errorMessage(error));
}

/** Whether there was no encryption, or the client refused the certificate. */
export function isTlsFailure(error: unknown, code: string | undefined): boolean {
  const words = errorMessage(error);
  return NO_TLS.test(words) || NOT_TLS.test(words) || (code !== undefined && TLS_CODES.test(code));
}

/** The remedy for such a failure. */
export function tlsRemedy(error: unknown): string {
  return NO_TLS.test(errorMessage(error))
    ? 'the server offers no encryption, and sslmode asks for it'
    : 'the server is not trusted: sslrootcert names a file of the authority that signed its certificate; sslmode=require takes any certificate where no authority is named';
}
