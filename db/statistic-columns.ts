import { type NotNull, type SQL, sql } from 'drizzle-orm';
import { check, integer, real } from 'drizzle-orm/sqlite-core';
import type {
  AnySQLiteColumn,
  SQLiteIntegerBuilderInitial,
  SQLiteRealBuilderInitial,
} from 'drizzle-orm/sqlite-core';
import { recordOf } from '../common/records.js';
import { ROUNDING } from '../experiment/statistics.js';
import type { Statistic } from '../experiment/statistics.js';

/** What a column and its check need of a description. */
type Described = Pick<Statistic, 'column' | 'stored' | 'least' | 'nullRule'> & { readonly most?: number };

type Builder<One extends Described> = One['stored'] extends 'integer'
  ? SQLiteIntegerBuilderInitial<One['column']>
  : SQLiteRealBuilderInitial<One['column']>;

type ColumnOf<One extends Described> = One['nullRule'] extends null ? NotNull<Builder<One>> : Builder<One>;

/** The table columns for these numbers. */
export function statisticColumns<
  All extends Readonly<Record<string, Described>>,
  Name extends keyof All & string,
>(described: All, names: readonly Name[]): { readonly [Column in Name]: ColumnOf<All[Column]> };
// The overload states what a loop does not: the description of a number decides the kind of its column.
export function statisticColumns(
  described: Readonly<Record<string, Described>>,
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
  described: Readonly<Record<Name, Described>>,
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

function rangeOf({ least, most, stored }: Described, column: AnySQLiteColumn): SQL {
  if (most !== undefined && stored === 'real') return roundedRange(least, most, column);
  const above = sql`${column} >= ${sql.raw(String(least))}`;
  if (most !== undefined && most < Infinity) return sql`${above} and ${column} <= ${sql.raw(String(most))}`;
  return stored === 'integer' ? above : sql`${above} and ${column} < 1e300`;
}

/** The range of a number whose last bits may pass a limit (`ROUNDING`). */
function roundedRange(least: number, most: number, column: AnySQLiteColumn): SQL {
  const from = least === -Infinity ? '-1e300' : String(least - ROUNDING);
  const to = most === Infinity ? '1e300' : String(most + ROUNDING);
  return sql`${column} between ${sql.raw(from)} and ${sql.raw(to)}`;
}
