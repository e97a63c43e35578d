import type { Dialect } from '../../db/versions/compatibility.js';

/**
 * The effect of a migration's statement on versions that do not know it. `adds`: they read and write as
 * before. `changes writes`: they read, and may write something that the new tables refuse or need more of.
 * `changes reads`: they may read something with another meaning.
 */
export type Effect = 'adds' | 'changes writes' | 'changes reads';

/**
 * With this comment a statement declares that the writes of earlier versions satisfy a trigger, a check or a
 * key; a reason follows it.
 */
const DECLARED = /^-- What versions before write satisfies it: \S/m;

const NAME = String.raw`[\`"]?\w+[\`"]?`;
const CREATE_TABLE = new RegExp(`^create table ${NAME} \\(`, 'i');
const ADD_COLUMN = new RegExp(
  `^alter table ${NAME} add (?:column )?(?!constraint|check|primary|foreign|unique)${NAME} (.*)$`,
  'i',
);
const PLAIN_INDEX = new RegExp(`^create index ${NAME} on ${NAME} \\(${NAME}(?:, ?${NAME})*\\)$`, 'i');
const OWN_ROW = /^update [`"]databases[`"] set /i;
/** Rows that a table of the same migration starts with. */
const INSERT = new RegExp(`^insert into (${NAME})`, 'i');

/** `made`: tables that the same migration makes. `added`: the columns that it adds, as `table.column`. */
export function effectOf(
  dialect: Dialect,
  statement: string,
  made: ReadonlySet<string>,
  added: ReadonlySet<string>,
): Effect {
  const declared = dialect === 'postgres' && DECLARED.test(statement);
  const text = statement
    .replaceAll(/^\s*--.*$/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replace(/;$/, '');
  if (CREATE_TABLE.test(text)) {
    // A row of it would keep earlier versions from deleting the row that it points at.
    const references = text.match(/references [^,]*/gi) ?? [];
    return references.every((one) => /on delete cascade/i.test(one)) ? 'adds' : 'changes writes';
  }
  const column = ADD_COLUMN.exec(text)?.[1];
  if (column !== undefined) return effectOfColumn(dialect, column);
  if (PLAIN_INDEX.test(text) || OWN_ROW.test(text)) return 'adds';
  if (fillsNewColumns(text, added)) return 'adds';
  const inserted = INSERT.exec(text)?.[1]?.replaceAll(/[`"]/g, '');
  if (inserted !== undefined) return made.has(inserted) ? 'adds' : 'changes reads';
  if (/^create (?:or replace )?function\b/i.test(text)) return declared ? 'adds' : 'changes writes';
  if (/^create (?:trigger|index|unique index)\b/i.test(text)) return declared ? 'adds' : 'changes writes';
  if (/^drop (?:trigger|index)\b/i.test(text)) return 'changes writes';
  if (/^alter table \S+ add (?:constraint|check)\b/i.test(text)) return declared ? 'adds' : 'changes writes';
  return 'changes reads';
}

/**
 * Earlier versions give the column no value. SQLite runs a file's own checks with every write, so only a
 * plain column merely adds.
 */
function effectOfColumn(dialect: Dialect, definition: string): Effect {
  if (/\bgenerated\b|\bas \(/i.test(definition)) return 'changes reads';
  if (/\b(?:unique|primary key)\b/i.test(definition)) return 'changes writes';
  if (/\bnot null\b/i.test(definition) && !/\bdefault\b/i.test(definition)) return 'changes writes';
  return dialect === 'sqlite' && /\b(?:check|references)\b/i.test(definition) ? 'changes writes' : 'adds';
}

/** Names of the tables that statements make. */
export function tablesMade(statements: readonly string[]): ReadonlySet<string> {
  const made = new RegExp(`create table (${NAME})`, 'gi');
  return new Set(
    statements.flatMap((text) => [...text.matchAll(made)].map(([, name]) => name!.replaceAll(/[`"]/g, ''))),
  );
}

/** Columns that statements add to tables, as `table.column`. */
export function columnsAdded(statements: readonly string[]): ReadonlySet<string> {
  const add = new RegExp(`alter table (${NAME}) add (?:column )?(${NAME})`, 'gi');
  return new Set(
    statements.flatMap((text) =>
      [...text.matchAll(add)].map(([, table, column]) => `${unquoted(table!)}.${unquoted(column!)}`),
    ),
  );
}

/** Whether an UPDATE only sets columns that earlier versions do not know. */
function fillsNewColumns(text: string, added: ReadonlySet<string>): boolean {
  const withoutLiterals = text.replaceAll(/'(?:[^']|'')*'/g, "''");
  const [, table, rest] = new RegExp(`^update (${NAME}) set (.*)$`, 'i').exec(withoutLiterals) ?? [];
  if (table === undefined || rest === undefined) return false;
  const assignments = outermost(rest)
    .split(/ (?:from|where) /i)[0]!
    .split(',');
  return assignments.every((one) => added.has(`${unquoted(table)}.${unquoted(one.split('=')[0]!.trim())}`));
}

/** The text without its parts in parentheses. */
function outermost(text: string): string {
  let depth = 0;
  let kept = '';
  for (const letter of text) {
    if (letter === '(') depth++;
    if (depth === 0) kept += letter;
    if (letter === ')') depth--;
  }
  return kept;
}

function unquoted(name: string): string {
  return name.replaceAll(/[`"]/g, '');
}
