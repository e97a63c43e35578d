import { PanicError } from '../common/errors.js';

/** A number that a model's files or settings state; null where they leave it open. */
export interface Statement {
  readonly value: number | null;
  /** The file and its key, the graph and its input or output, or the setting. */
  readonly where: string;
}

/**
 * Throws PanicError `InvalidInput` where two places state different numbers for one thing. So a loader refuses a
 * folder whose files do not belong together; otherwise the runtime would fail at the first picture.
 */
export function requireAgreement(
  what: string,
  statements: readonly Statement[],
  hint = 'the files do not belong together',
): void {
  const stated = statements.filter(({ value }) => value !== null);
  const [first, ...others] = stated;
  const other = others.find(({ value }) => value !== first?.value);
  if (first === undefined || other === undefined) return;
  throw new PanicError(
    'InvalidInput',
    `${what}: ${first.where} says ${first.value}, ${other.where} says ${other.value}; ${hint}`,
  );
}

/** Throws PanicError `InvalidInput` where `wanted` is more than `most`. */
export function requireRoom(what: string, wanted: Statement, most: Statement, hint: string): void {
  if (wanted.value === null || most.value === null || wanted.value <= most.value) return;
  throw new PanicError(
    'InvalidInput',
    `${what}: ${wanted.where} says ${wanted.value}, and ${most.where} has room for ${most.value}; ${hint}`,
  );
}

/** The number under these nested keys of a JSON file's content; null where there is no number. */
export function statementIn(content: unknown, file: string, ...keys: readonly string[]): Statement {
  const value = keys.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined),
    content,
  );
  return { value: typeof value === 'number' ? value : null, where: `${file}: ${keys.join('.')}` };
}

/** The sum of all these numbers; null where one of them is open. */
export function together(statements: readonly Statement[]): Statement {
  const values = statements.map(({ value }) => value);
  const sum = values.reduce<number | null>(
    (total, value) => (total === null || value === null ? null : total + value),
    0,
  );
  return { value: sum, where: statements.map(({ where }) => where).join(' with ') };
}
