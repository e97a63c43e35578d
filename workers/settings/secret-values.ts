import type { Secret } from '../../common/secrets.js';
import { passwordsIn } from '../../db/postgres/service.js';
import type { Variables } from './variables.js';

/** Variables whose whole value is a secret. The profile keeps Temporal's secrets (temporal/profile.ts). */
const SECRET_VALUES: readonly string[] = [
  'PANIC_TDA_SERVER_API_KEY',
  'PGPASSWORD',
  'HF_TOKEN',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN',
  'TEMPORAL_API_KEY',
];

/** Variables of addresses that may contain a password. */
const ADDRESSES_WITH_PASSWORDS: readonly string[] = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'HF_ENDPOINT',
  'PIP_INDEX_URL',
];

/**
 * The user's passwords and keys. No message may repeat them, whatever a server or a library says
 * (`keepSecrets`).
 */
export function secretsOf(variables: Variables = process.env): Secret[] {
  const whole = SECRET_VALUES.map((name) => ({ name, value: variables[name] ?? '' }));
  const lines = linesOfKey(variables['TEMPORAL_TLS_CLIENT_KEY_DATA'] ?? '').map((value) => ({
    name: 'TEMPORAL_TLS_CLIENT_KEY_DATA',
    value,
  }));
  const database = passwordsIn(variables['PANIC_TDA_DATABASE'] ?? '').map((value) => ({
    name: 'password of PANIC_TDA_DATABASE',
    value,
  }));
  const addresses = ADDRESSES_WITH_PASSWORDS.flatMap((name) =>
    [name, name.toLowerCase()].map((variable) => ({
      name: `password of ${variable}`,
      value: passwordOf(variables[variable] ?? ''),
    })),
  );
  return [...whole, ...lines, ...database, ...addresses].filter(({ value }) => value !== '');
}

/** Each line of a PEM key is a secret of its own. Its first and last lines are the same in all keys. */
function linesOfKey(pem: string): string[] {
  return pem.split(/\s+/).filter((line) => line.length >= 32 && !line.includes('-----'));
}

/** The password of an address with or without a scheme; '' if it has none. */
function passwordOf(address: string): string {
  const password = /^(?:[a-z][a-z0-9+.-]*:\/\/)?[^/?#]*?:([^/?#]*)@/i.exec(address.trim())?.[1] ?? '';
  try {
    return decodeURIComponent(password);
  } catch {
    return password;
  }
}
