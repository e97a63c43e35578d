import { errorMessage, PanicError } from '../../experiment/errors.js';

/** A Postgres database that is used as the store. */
export interface PostgresService {
  /** `postgres://user:password@host:5432/database`, with the options that libpq knows (`sslmode`, ...). */
  readonly url: string;
  /** Connections that one process has open at most. */
  readonly poolSize: number;
}

export const POOL_SIZE = { least: 2, default: 10, most: 200 } as const;

/** What is wrong with the address of a database; null where nothing is. Never repeats it, since it may hold a password. */
export function postgresUrlProblem(url: string): string | null {
  const parsed = parsedUrl(url);
  if (parsed === null || !/^postgres(ql)?:$/.test(parsed.protocol)) {
    return 'is no address of a Postgres database, such as postgres://user@host:5432/database';
  }
  if (parsed.pathname.length < 2) return 'names no database; it ends with /database';
  return null;
}

export function hasPassword(url: string): boolean {
  const parsed = parsedUrl(url);
  return parsed !== null && (parsed.password !== '' || parsed.searchParams.has('password'));
}

/** Which database it is, for people: `database on host:port`. Without user and password. */
export function nameOfService({ url }: PostgresService): string {
  const parsed = parsedUrl(url);
  if (parsed === null) return 'the Postgres database';
  const host = parsed.searchParams.get('host') ?? parsed.host;
  return `${decodeURIComponent(parsed.pathname.slice(1))} on ${host === '' ? 'this machine' : host}`;
}

function parsedUrl(url: string): URL | null {
  try {
    return new URL(url);
  } catch {
    return null;
  }
}

/** Conditions of a connection that was lost, was refused, or could not be had in time: another attempt may find the database there. */
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
  // The socket of a server on this machine that is being restarted.
  'ENOENT',
  // Shutdown, crash, start-up, too many connections, and sessions that the server ended.
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '53300',
  '25P03',
  // Written to a server that has become a standby: soon another one answers.
  '25006',
]);

/** The client's own words for a lost connection, which have no code. */
const LOST_WORDS =
  /connection terminated|timeout exceeded when trying to connect|not queryable|Query read timeout/i;

/** Conditions that somebody has to mend, in the order of their likelihood. */
const REFUSED: Readonly<Record<string, string>> = {
  '28P01': 'the user or the password is wrong',
  '28000': 'the server does not let this user in',
  '3D000': 'there is no such database; create it first ("createdb")',
  '42501': 'the user has no right to do this; the role that owns the tables has',
  '42704': 'there is no such role; create it first ("createuser")',
};

/** Conditions after which the same transaction may well succeed: others wrote or deleted the same, or took locks in another order. */
const CONTENDED = new Set(['40001', '40P01', '23505', '55P03', '23503']);

export function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined) return LOST.has(code) || code.startsWith('08');
  return LOST_WORDS.test(errorMessage(error));
}

export function isContended(error: unknown): boolean {
  return CONTENDED.has(codeOf(error) ?? '');
}

/** An error of the client as the rest of the program should see it. */
export function serviceError(error: unknown, service: PostgresService): unknown {
  if (error instanceof PanicError) return error;
  const name = nameOfService(service);
  if (isConnectionLoss(error)) {
    const message = `the database ${name} cannot be reached now: ${messageOf(error)}`;
    return new PanicError('StoreUnavailable', message, { cause: error });
  }
  const refused = REFUSED[codeOf(error) ?? ''];
  if (refused !== undefined) {
    const message = `the database ${name}: ${refused} (${messageOf(error)})`;
    return new PanicError('InvalidInput', message, { cause: error });
  }
  // The client calls all of them "error".
  if (typeof error === 'object' && error !== null && 'name' in error && error.name === 'error') {
    error.name = 'DatabaseError';
  }
  return error;
}

/** Of several attempts to connect (to each address of a host) the first stands for all. */
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
