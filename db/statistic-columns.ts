import { type NotNull, type SQL, sql } from 'drizzle-orm';
import { check, integer, real } from 'drizzle-orm/sqlite-core';
import type {
  AnySQLiteColumn,
  SQLiteIntegerBuilderInitial,
  SQLiteRealBuilderInitial,
} from 'drizzle-orm/sqlite-core';
import { recordOf } from '../common/records.js';
import type { Statistic } from '../experiment/statistics.js';

type Builder<Described extends Statistic> = Described['stored'] extends 'integer'
  ? SQLiteIntegerBuilderInitial<Described['column']>
  : SQLiteRealBuilderInitial<Described['column']>;

type ColumnOf<Described extends Statistic> = Described['nullRule'] extends null
  ? NotNull<Builder<Described>>
  : Builder<Described>;

/** The table columns for these numbers. */
export function statisticColumns<
  All extends Readonly<Record<string, Statistic>>,
  Name extends keyof All & string,
>(described: All, names: readonly Name[]): { readonly [Column in Name]: ColumnOf<All[Column]> };
// The overload states what a loop does not: the description of a number decides the kind of its column.
export function statisticColumns(
  described: Readonly<Record<string, Statistic>>,
  names: readonly string[],
): object {
  return recordOf(names, (name) => {
    const { column, stored, nullRule } = described[name]!;
    const made = stored === 'integer' ? integer(column) : real(column);
    return nullRule === null ? made.notNull() : made;
  });
}

/**
 * A check of the range of each of these numbers, except those that a stricter check of the table holds
 * already. It refuses infinity, and also NaN, which SQLite stores as NULL. A migration that adds the column
 * gives it a check of this name.
 */
export function rangeChecks<Name extends string>(
  table: string,
  described: Readonly<Record<Name, Statistic>>,
  columns: Readonly<Record<Name, AnySQLiteColumn>>,
  names: readonly Name[],
  heldAlready: readonly Name[],
) {
  const open = names.filter((name) => !heldAlready.includes(name));
  return open.map((name) => {
    const { column, nullRule } = described[name];
    const within = rangeOf(described[name], columns[name]);
    const condition = nullRule === null ? within : sql`${columns[name]} is null or (${within})`;
    return check(`${table}_${column}`, sql`(${condition}) is true`);
  });
}

function rangeOf({ least, stored }: Statistic, column: AnySQLiteColumn): SQL {
  const above = sql`${column} >= ${sql.raw(String(least))}`;
  return stored === 'integer' ? above : sql`${above} and ${column} < 1e300`;
}
