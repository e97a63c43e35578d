import { isText, isTime, recordIn } from '../../common/record-text.js';
import type { Checks } from '../../common/record-text.js';

/** To which database a place of objects belongs. */
export interface Owner {
  readonly format: 1;
  /** Of the table `databases`; a copy of the database has it too. */
  readonly databaseId: string;
  /** What no copy of the database has: `Database.instance`. */
  readonly instance: string;
  /** The database, for people. */
  readonly database: string;
  /** When the place was given to it (ISO 8601). */
  readonly since: string;
}

const CHECKS: Checks<Owner> = {
  format: (value): value is 1 => value === 1,
  databaseId: isText,
  instance: isText,
  database: isText,
  since: isTime,
};

/** `file` is where the text was found. Throws InvalidInput, which names it, where the text holds what this version does not know. */
export function ownerIn(text: string, file: string): Owner {
  return recordIn(text, file, CHECKS);
}

export function ownerText(owner: Owner): string {
  return `${JSON.stringify(owner, undefined, 2)}\n`;
}

/** Parts of an instance that could not be asked for. */
export const UNKNOWN_PART = '?';

/** Whether two instances are one; a part that one of them does not know is passed over. */
export function isSameInstance(one: string, other: string): boolean {
  const [parts, others] = [one.split(' '), other.split(' ')];
  return (
    parts.length === others.length &&
    parts.every(
      (part, index) => [others[index], UNKNOWN_PART].includes(part) || others[index] === UNKNOWN_PART,
    )
  );
}
