import { errorMessage, PanicError } from './errors.js';

/** For each key of a record: a function that says whether the value may stand there. */
export type Checks<T> = { readonly [K in keyof T]: (value: unknown) => value is T[K] };

/**
 * Reads a record that this program wrote as JSON: every key of `checks`, and no other key. It uses no library
 * of schemas: commands that begin quickly read such files, and such a library takes longer to load than all
 * else. `where` names the file for people.
 * @throws PanicError InvalidInput that names the file and the part that is not ours.
 */
export function recordIn<T>(text: string, where: string, checks: Checks<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unknownContent(where, errorMessage(error));
  }
  requireRecord(value, where, checks);
  return value;
}

function requireRecord<T>(value: unknown, where: string, checks: Checks<T>): asserts value is T {
  const problem = problemOf(value, checks);
  if (problem !== null) throw unknownContent(where, problem);
}

function problemOf(value: unknown, checks: object): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it holds no JSON object';
  const keys: readonly [string, (value: unknown) => boolean][] = Object.entries(checks);
  const known = new Set(keys.map(([key]) => key));
  const unknown = Object.keys(value).find((key) => !known.has(key));
  if (unknown !== undefined) return `it holds the unknown key "${unknown}"`;
  const wrong = keys.find(([key, isRight]) => !isRight(Reflect.get(value, key)));
  return wrong === undefined ? null : `its key "${wrong[0]}" is missing, or has a value that means nothing`;
}

function unknownContent(where: string, problem: string): PanicError {
  return new PanicError(
    'InvalidInput',
    `${where} holds what this version of panic-tda does not know: ${problem}; a newer version may have written it, or another program`,
  );
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

export function isSha256(value: unknown): value is string {
  return isText(value) && /^[0-9a-f]{64}$/.test(value);
}

/** A time in ISO 8601, in the form of `toISOString`. */
export function isTime(value: unknown): value is string {
  return isText(value) && !Number.isNaN(Date.parse(value)) && new Date(value).toISOString() === value;
}
