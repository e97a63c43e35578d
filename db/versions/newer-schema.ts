import type Database from 'better-sqlite3';
import { knownMigrations, objectsOf, schemaAfter, isSameObject, wordsOf } from './own-schema.js';
import type { SchemaObject } from './own-schema.js';

/**
 * The parts of a newer version's SQLite file that keep this version from using it. A file from another person
 * can claim to be newer. So nothing of its schema may compute anything when this version reads rows (a view
 * or a virtual table in a table's place, generated columns) or writes them (triggers, checks, indices of
 * expressions).
 */
export interface NewerSchema {
  /** Parts that keep this version from reading, and so from writing too. */
  readonly unreadable: readonly SchemaObject[];
  /** Parts that only keep this version from writing. */
  readonly unwritable: readonly SchemaObject[];
}

export function newerSchema(sqlite: Database.Database): NewerSchema {
  const found = objectsOf(sqlite);
  const there = new Map(found.map((object) => [object.name, object]));
  const own = schemaAfter(knownMigrations());
  const ownNames = new Set(own.map(({ name }) => name));
  const isGenerated = ({ name }: SchemaObject): boolean => hasGeneratedColumns(sqlite, name);
  const tables = own.filter(({ type }) => type === 'table');
  const changed = tables.flatMap((table) => {
    const object = there.get(table.name) ?? { ...table, sql: null };
    return addedColumns(object, table) === null || isGenerated(object) ? [object] : [];
  });
  const computing = found.filter((object) => object.type === 'view' || isVirtual(object));
  const rules = own.filter(({ type }) => type === 'trigger' || type === 'index');
  return {
    unreadable: [...new Set([...changed, ...computing])],
    unwritable: [
      ...rules.filter((rule) => !isSameObject(there.get(rule.name), rule)),
      ...tables.flatMap((table) => {
        const object = there.get(table.name);
        if (object === undefined) return [];
        return addedColumns(object, table)?.every((column) => PLAIN_COLUMN.test(column)) ? [] : [object];
      }),
      ...found.filter((object) => !ownNames.has(object.name) && !isPlainAddition(object, isGenerated)),
    ],
  };
}

/** A column whose value is a constant, or comes from the writer. */
const PLAIN_COLUMN =
  /^(?:`\w+`|"\w+"|\w+) (?:integer|text|real|blob)(?: not null| default (?:- )?(?:\d+(?: \. \d+)?|'[^']*'|null))*$/i;
const PLAIN_INDEX =
  /^create index (?:`\w+`|"\w+"|\w+) on (?:`\w+`|"\w+"|\w+) \( (?:`\w+`|"\w+"|\w+)(?: , (?:`\w+`|"\w+"|\w+))* \)$/i;
/** Any action other than the deletion of rows together with the row that they belong to. */
const ACTION = /\bon (?:update|delete (?!cascade))/i;
const STATISTICS = /^sqlite_(?:stat[14]|sequence)$/;

/** Whether SQLite computes nothing with the addition when this version writes its own rows. */
function isPlainAddition(object: SchemaObject, isGenerated: (table: SchemaObject) => boolean): boolean {
  const { type, name, sql } = object;
  // It is the index of a key.
  if (type === 'index' && sql === null) return true;
  const words = wordsOf(sql ?? '').join(' ');
  if (type === 'index') return PLAIN_INDEX.test(words);
  if (type !== 'table') return false;
  return STATISTICS.test(name) || (!hasComment(words) && !ACTION.test(words) && !isGenerated(object));
}

function isVirtual({ type, sql }: SchemaObject): boolean {
  return type === 'table' && !/^create table\b/i.test(sql ?? '');
}

/**
 * The columns and constraints that a table has in addition to all of ours, word for word; null if it lacks
 * one of ours.
 */
function addedColumns(found: SchemaObject, own: SchemaObject): readonly string[] | null {
  if (found.type !== 'table' || found.sql === null || own.sql === null) return null;
  const [there, ours] = [definitionsOf(found.sql), definitionsOf(own.sql)];
  if (there === null || ours === null || there.around !== ours.around) return null;
  const expected = [...ours.definitions];
  const added = there.definitions.filter((definition) => {
    if (definition !== expected[0]) return true;
    expected.shift();
    return false;
  });
  return expected.length === 0 ? added : null;
}

interface Definitions {
  /** The text before and behind the parentheses. */
  readonly around: string;
  readonly definitions: readonly string[];
}

/** Columns and constraints of a table; null for a statement in which a comment could look like one. */
function definitionsOf(sql: string): Definitions | null {
  const words = wordsOf(sql);
  if (hasComment(words.join(' '))) return null;
  const definitions: string[][] = [[]];
  const around: string[] = [];
  let depth = 0;
  let closed = false;
  for (const word of words) {
    if (word === '(' && !closed) depth++;
    if (depth === 0 || closed) around.push(word);
    else if (depth === 1 && word === ',') definitions.push([]);
    else if (!(depth === 1 && /^[()]$/.test(word))) definitions.at(-1)!.push(word);
    if (word === ')' && !closed && --depth === 0) closed = true;
  }
  return { around: around.join(' '), definitions: definitions.map((words) => words.join(' ')) };
}

function hasComment(words: string): boolean {
  return /--|\/ \*/.test(words.replaceAll(/'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]/g, ''));
}

/** The pragma reads the schema alone. It computes no column. */
function hasGeneratedColumns(sqlite: Database.Database, table: string): boolean {
  const generated = sqlite.prepare('select count(*) from pragma_table_xinfo(?) where hidden > 1').pluck();
  return Number(generated.get(table)) > 0;
}
