import { errorMessage, isPanicError, PanicError, StoreRefusal } from '../../common/errors.js';
import { parsePostgresAddress } from './address.js';
import type { PostgresAddress } from './address.js';
import { LOST_CONNECTION } from './client-words.js';
import { encryptionsOf, isHandshakeCutOff, isTlsFailure, tlsRemedy } from './encryption.js';

/** A Postgres database that is used as the store. */
export interface PostgresService {
  /** `postgres://user:password@host:5432/database`, with the parameters of libpq that `address.ts` lists (`sslmode`, ...). */
  readonly url: string;
  /** The largest number of connections that one process has open. */
  readonly poolSize: number;
}

export const POOL_SIZE = { least: 2, default: 10, most: 200 } as const;

/**
 * The fault of a database's address; null if it has none. The text never repeats the address, because that
 * may hold a password.
 */
export function postgresUrlProblem(url: string): string | null {
  const parsed = parsePostgresAddress(url);
  if (!parsed.ok) return parsed.problem;
  try {
    encryptionsOf(parsed.address);
    return null;
  } catch (error) {
    if (!isPanicError(error)) throw error;
    return `cannot be used: ${error.message}`;
  }
}

/** Throws InvalidInput for an address that means nothing. */
export function addressOf({ url }: Pick<PostgresService, 'url'>): PostgresAddress {
  const parsed = parsePostgresAddress(url);
  if (parsed.ok) return parsed.address;
  throw new PanicError('InvalidInput', `the address of the database ${parsed.problem}`);
}

/** Whether an address holds a password. It also finds one in an address that is wrong elsewhere. */
export function hasPassword(url: string): boolean {
  const parsed = parsePostgresAddress(url);
  if (parsed.ok) return parsed.address.password !== undefined || parsed.address.parameters.has('sslpassword');
  return /^[^/]*\/\/[^/?]*:[^/?]*@|[?&](ssl)?password=/i.test(url);
}

/**
 * The passwords in an address, without their escapes. It also finds them in an address that is wrong
 * elsewhere.
 */
export function passwordsIn(url: string): string[] {
  const parsed = parsePostgresAddress(url);
  if (!parsed.ok) {
    const found = url.matchAll(/:([^/?:@]*)@|[?&](?:ssl)?password=([^&]*)/gi);
    return [...found].map(([, login, parameter]) => login ?? parameter ?? '');
  }
  const { password, parameters } = parsed.address;
  return [password, parameters.get('sslpassword')].flatMap((one) => one ?? []);
}

/** The database for people: `database on host:port`, without user and password. */
export function nameOfService({ url }: PostgresService): string {
  const parsed = parsePostgresAddress(url);
  if (!parsed.ok) return 'the Postgres database';
  const { host, port, database } = parsed.address;
  if (host === '') return `${database} on this machine`;
  const named = host.includes(':') ? `[${host}]` : host;
  return `${database} on ${named}${port === undefined ? '' : `:${port}`}`;
}

/**
 * Codes of a connection that was lost, was refused, or could not be had in time: another attempt may succeed.
 */
const LOST = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  // The socket of a server on this machine is missing while the server restarts.
  'ENOENT',
  // Shutdown, crash, start-up, too many connections, and sessions that the server ended.
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '53300',
  '25P03',
  // The process wrote to a server that has become a standby: another server becomes the primary soon.
  '25006',
]);

/** Conditions that a user has to mend, in the order of their likelihood. */
const REFUSED: Readonly<Record<string, string>> = {
  '28P01': 'the user or the password is wrong',
  '28000': 'the server does not let this user in',
  '3D000': 'there is no such database; create it first ("createdb")',
  '42501':
    'the user has no right to do this; the role that owns the tables has, and gives it with "panic-tda setup database --app-role ROLE"',
  '42704': 'there is no such role; create it first ("createuser")',
  '3F000':
    'the search_path of this user names no schema that it may use; "alter role … set search_path", or options=-c%20search_path%3DNAME in the address',
};

/**
 * Codes after which the same transaction may succeed: another process wrote or deleted the same rows, or took
 * locks in another order.
 */
const CONTENDED = new Set(['40001', '40P01', '23505', '55P03', '23503']);

export function isConnectionLoss(error: unknown): boolean {
  if (isHandshakeCutOff(causeOf(error))) return true;
  const code = codeOf(error);
  if (code !== undefined) return LOST.has(code) || code.startsWith('08');
  return LOST_CONNECTION.test(errorMessage(error));
}

export function isContended(error: unknown): boolean {
  return CONTENDED.has(codeOf(error) ?? '');
}

/** Turns an error of the client into an error of ours. */
export function serviceError(error: unknown, service: PostgresService): unknown {
  if (error instanceof PanicError) return error;
  const name = nameOfService(service);
  if (isTlsFailure(causeOf(error), codeOf(error))) {
    const message = `the database ${name}: ${tlsRemedy(causeOf(error))} (${messageOf(error)})`;
    return new StoreRefusal(message, { cause: error });
  }
  if (isConnectionLoss(error)) {
    const message = `the database ${name} cannot be reached now: ${messageOf(error)}`;
    return new PanicError('StoreUnavailable', message, { cause: error });
  }
  const refused = REFUSED[codeOf(error) ?? ''];
  if (refused !== undefined) {
    const message = `the database ${name}: ${refused} (${messageOf(error)})`;
    return new StoreRefusal(message, { cause: error });
  }
  // All errors of the server have the name "error" in this client.
  if (typeof error === 'object' && error !== null && 'name' in error && error.name === 'error') {
    error.name = 'DatabaseError';
  }
  return error;
}

/** Of several attempts to connect (to each address of a host name), the first one represents all. */
function causeOf(error: unknown): unknown {
  const isGroup = typeof error === 'object' && error !== null && 'errors' in error;
  return isGroup && Array.isArray(error.errors) && error.errors.length > 0 ? error.errors[0] : error;
}

export function codeOf(error: unknown): string | undefined {
  const cause = causeOf(error);
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return undefined;
  return typeof cause.code === 'string' ? cause.code : undefined;
}

function messageOf(error: unknown): string {
  return errorMessage(causeOf(error));
}
