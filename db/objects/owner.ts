import { isText, isTime, recordIn } from '../../common/record-text.js';
import type { Checks } from '../../common/record-text.js';

/** The database to which a place of objects belongs. */
export interface Owner {
  readonly format: 1;
  /** The id in the table `databases`; a copy of the database has it too. */
  readonly databaseId: string;
  /** The part that no copy of the database has: `Database.instance`. */
  readonly instance: string;
  /** The name of the database, for people. */
  readonly database: string;
  /** The time when the place was given to the database (ISO 8601). */
  readonly since: string;
}

const CHECKS: Checks<Owner> = {
  format: (value): value is 1 => value === 1,
  databaseId: isText,
  instance: isText,
  database: isText,
  since: isTime,
};

/**
 * Reads the statement of the file `file`. Throws InvalidInput that names the file, if the text holds
 * something that this version does not know.
 */
export function ownerIn(text: string, file: string): Owner {
  return recordIn(text, file, CHECKS);
}

export function ownerText(owner: Owner): string {
  return `${JSON.stringify(owner, undefined, 2)}\n`;
}

/** Stands for a part of an instance that the process could not learn. */
export const UNKNOWN_PART = '?';

/** Whether two instances are the same. A part that one of them does not know is not compared. */
export function isSameInstance(one: string, other: string): boolean {
  const [parts, others] = [one.split(' '), other.split(' ')];
  return (
    parts.length === others.length &&
    parts.every(
      (part, index) => [others[index], UNKNOWN_PART].includes(part) || others[index] === UNKNOWN_PART,
    )
  );
}
