import { describe, expect, test } from '@jest/globals';
import { getTableColumns, getTableName } from 'drizzle-orm';
import { getTableConfig, integer, real, SQLiteSyncDialect, sqliteTable } from 'drizzle-orm/sqlite-core';
import { lackingStatistics } from '../../db/doctor/bars.js';
import { diagramDimensions, surrogates } from '../../db/schema.js';
import { rangeChecks, statisticColumns } from '../../db/statistic-columns.js';
import {
  BAR_STATISTIC_NAMES,
  BAR_STATISTICS,
  DIAGRAM_STATISTICS,
  rangeProblem,
  SURROGATE_STATISTICS,
} from '../../experiment/statistics.js';
import type { Statistic } from '../../experiment/statistics.js';
import { BAR_MEASURES, barStatistics } from '../../tda/index.js';

const madeUp = {
  column: 'made_up',
  title: 'made up',
  stored: 'real',
  unit: 'distance',
  least: -1,
  decimals: 2,
  sentence: 'For this test.',
  nullRule: 'versions before did not compute it',
  notContent: null,
} as const satisfies Statistic;

describe('the numbers that are described', () => {
  test.each([
    [diagramDimensions, DIAGRAM_STATISTICS],
    [surrogates, SURROGATE_STATISTICS],
  ] as const)('are columns of their table, as their descriptions say (%#)', (table, names) => {
    const columns: Readonly<Record<string, { name: string; notNull: boolean; getSQLType(): string }>> =
      getTableColumns(table);
    const found = names.map((name) => [
      columns[name]!.name,
      columns[name]!.getSQLType(),
      columns[name]!.notNull,
    ]);
    const described = names.map((name) => BAR_STATISTICS[name]);
    expect(found).toEqual(
      described.map(({ column, stored, nullRule }) => [column, stored, nullRule === null]),
    );
    const checked = getTableConfig(table).checks.map(({ name }) => name);
    expect(new Set(checked).size).toBe(checked.length);
  });

  test('are kept of a diagram or of a surrogate, and each is computed', () => {
    const kept = new Set([...DIAGRAM_STATISTICS, ...SURROGATE_STATISTICS]);
    expect(kept).toEqual(new Set(BAR_STATISTIC_NAMES));
    expect(barStatistics(Float32Array.of(0, 1, 0, 3, 0, Infinity))).toEqual({
      barCount: 3,
      finiteBarCount: 2,
      longestBar: 3,
      totalPersistence: 4,
      entropy: -(Math.log(1 / 4) / 4) - (3 / 4) * Math.log(3 / 4),
    });
  });
});

describe('a number that earlier versions did not compute', () => {
  test('may be null in its column, and is in its range otherwise', () => {
    const table = sqliteTable(
      'numbers',
      { id: integer().primaryKey(), ...statisticColumns({ madeUp }, ['madeUp']), other: real() },
      (t) => rangeChecks('numbers', { madeUp }, t, ['madeUp'], []),
    );
    expect(getTableColumns(table).madeUp).toMatchObject({ name: 'made_up', notNull: false });
    const [check] = getTableConfig(table).checks;
    expect([getTableName(table), check!.name]).toEqual(['numbers', 'numbers_made_up']);
    expect(new SQLiteSyncDialect().sqlToQuery(check!.value).sql).toBe(
      '("numbers"."made_up" is null or ("numbers"."made_up" >= -1 and "numbers"."made_up" < 1e300)) is true',
    );
  });

  test('is lacking if its bars give one', () => {
    const bars = Float32Array.of(0, 1, 0, 2);
    const whole = barStatistics(bars);
    // A damaged or older row lacks the number, whatever the types of this version say.
    const without: typeof whole = JSON.parse(JSON.stringify({ ...whole, entropy: null }));
    expect(lackingStatistics(without, bars, BAR_MEASURES, ['entropy'])).toEqual(['entropy']);
    expect(lackingStatistics(whole, bars, BAR_MEASURES, ['entropy'])).toEqual([]);
    expect(lackingStatistics(without, bars, BAR_MEASURES)).toEqual([]);
  });
});

test.each([
  [-1.5, 'its made_up is -1.5; it is a number from -1 on'],
  [NaN, 'its made_up is NaN; it is a number from -1 on'],
  [Infinity, 'its made_up is Infinity; it is a number from -1 on'],
  [null, 'its made_up is null; it is a number from -1 on'],
  [-1, null],
])('%d is in the range of its description, or its fault is named', (value, expected) => {
  expect(rangeProblem(madeUp, value)).toBe(expected);
});
