import { getTableColumns, getTableName, sql } from 'drizzle-orm';
import type { Placeholder } from 'drizzle-orm';
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core';

/** A row of a table, in the form that both databases return. */
export type Row<T extends SQLiteTable> = Readonly<T['$inferSelect']>;

/**
 * The columns of a row that another row points at, as `model.name`; null if that row is missing, as in a
 * damaged store.
 */
export type Joined<Prefix extends string, R> = {
  readonly [Name in keyof R & string as `${Prefix}.${Name}`]: R[Name] | null;
};

/** The SQL of each column of a row. */
export type ColumnSql<R> = { readonly [Name in keyof R & string]: string };

/** Every column of a table, in the order of the table, by its name in the code. */
export function columnNames<T extends SQLiteTable>(table: T): readonly (keyof Row<T> & string)[] {
  return Object.keys(getTableColumns(table));
}

/**
 * The SQL of every column of a table that a query calls `alias`. A query that uses it reads a column of a
 * later migration without a change.
 */
export function columnsOf<T extends SQLiteTable>(table: T, alias: string): ColumnSql<Row<T>>;
// The overloads of this file state what a loop does not: a value for each column of the table.
export function columnsOf(table: SQLiteTable, alias: string): Readonly<Record<string, string>> {
  return columnSql(table, alias, '');
}

/** The columns of a row that another row points at, under names with a prefix. */
export function joinedColumns<Prefix extends string, T extends SQLiteTable>(
  prefix: Prefix,
  table: T,
  alias: string,
): ColumnSql<Joined<Prefix, Row<T>>>;
export function joinedColumns(prefix: string, table: SQLiteTable, alias: string): object {
  return columnSql(table, alias, `${prefix}.`);
}

function columnSql(table: SQLiteTable, alias: string, prefix: string): Readonly<Record<string, string>> {
  const columns = Object.entries<SQLiteColumn>(getTableColumns(table));
  return Object.fromEntries(
    columns.map(([name, column]) => {
      refuseTranslated(table, column);
      return [`${prefix}${name}`, `${alias}."${column.name}"`];
    }),
  );
}

/**
 * SQLite and Postgres return numbers, texts and buffers in the form that the code uses (`TYPES` in
 * postgres/connection.ts).
 */
const UNTRANSLATED: ReadonlySet<string> = new Set(['number', 'string', 'buffer']);

function refuseTranslated(table: SQLiteTable, { name, dataType }: SQLiteColumn): void {
  if (UNTRANSLATED.has(dataType)) return;
  throw new Error(
    `the column ${name} of ${getTableName(table)} is of the kind ${dataType}, which rows that are read by SQL do not have`,
  );
}

/** `"run_id" as "runId", …`: the columns of a row in the list of a SELECT. */
export function selected<R>(columns: ColumnSql<R>, names: readonly (keyof R & string)[]): string {
  return names.map((name) => `${columns[name]} as "${name}"`).join(', ');
}

/**
 * A placeholder for each column of a table except some, under the column's name, for `insert`. The caller
 * gives the values when it runs the statement.
 */
export function placeholders<T extends SQLiteTable, Left extends keyof Row<T> & string>(
  table: T,
  ...left: readonly Left[]
): { readonly [Name in Exclude<keyof Row<T>, Left>]: Placeholder };
export function placeholders(table: SQLiteTable, ...left: readonly string[]): object {
  const names = columnNames(table).filter((name) => !left.some((other) => other === name));
  return Object.fromEntries(names.map((name) => [name, sql.placeholder(name)]));
}
