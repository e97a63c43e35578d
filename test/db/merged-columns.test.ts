import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { getTableName, is } from 'drizzle-orm';
import { SQLiteTable } from 'drizzle-orm/sqlite-core';
import { columnNames, columnsOf, selected } from '../../db/columns.js';
import { TABLES } from '../../db/doctor/row-keys.js';
import { isSqlite } from '../../db/connection/sqlite.js';
import { mergeStores } from '../../db/merge/index.js';
import * as schema from '../../db/schema.js';
import { NO_DRIVER } from '../../db/tables/driver-service.js';
import { measureRun } from '../support/measured-experiment.js';
import { describeRunStatistic, RUN_STATISTIC_NAMES } from '../../experiment/run-statistics.js';
import { configWithSurrogates, finishExperiment, NOW } from '../support/small-experiment.js';
import type { Place } from './place.js';
import { emptyPlace } from './places.js';
import { newFolder, sqlitePlace } from './sqlite-place.js';

/** A merge adds no row to these tables: they are about one database. */
const NOT_MERGED = new Set<SQLiteTable>([
  schema.removedObjects,
  schema.objectsPlaces,
  schema.databases,
  schema.builds,
  schema.routes,
]);

/** Columns whose values are the target's own, by table. Each other column of a merged table has the values of the source. */
const OWN = new Map<SQLiteTable, readonly string[]>([
  [schema.models, ['id']],
  [schema.hosts, ['id']],
  [schema.artifacts, ['id']],
  // The driver of the other store, and the requests of a user there.
  [schema.experiments, [...Object.keys(NO_DRIVER), 'pausedAt', 'deletingAt']],
  // A user asked for the hold in the other store.
  [schema.runs, ['id', 'promptId', 'hold']],
  [schema.invocations, ['id', 'runId', 'modelId', 'inputId', 'outputId', 'hostId']],
  [schema.failures, ['id', 'runId']],
  [schema.vectors, ['id', 'modelId', 'artifactId', 'hostId']],
  [schema.embeddings, ['invocationId', 'modelId', 'vectorId']],
  [schema.promptVectors, ['artifactId', 'modelId', 'vectorId']],
  [schema.runStatistics, ['id', 'runId', 'modelId']],
  [schema.runCurves, ['statisticsId']],
  [schema.diagrams, ['id', 'runId', 'modelId']],
  [schema.diagramDimensions, ['diagramId']],
  [schema.surrogates, ['diagramId']],
]);

let source: Place;
let target: Place;

beforeAll(async () => {
  source = sqlitePlace(newFolder(), null);
  target = await emptyPlace();
  const id = await finishExperiment(source.store, {
    ...configWithSurrogates,
    name: 'all',
    max_edge_length: 300,
  });
  const run = await source.store.runs.get(id, 3);
  const failure = { stage: 'invocation', sequence: 3, kind: 'DeviceError', message: 'lost' } as const;
  await source.store.runs.logFailure(run, failure, NOW);
  for (let index = 0; index < 4; index++) await measureRun(source.store, id, index);
  // Every merged column has a value in some row.
  for (const name of RUN_STATISTIC_NAMES) {
    const { column, most } = describeRunStatistic(name);
    await source.unguarded(`update run_statistics set ${column} = coalesce(${column}, ${Math.min(most, 2)})`);
  }
  await source.unguarded(
    'update invocations set cut_tokens = sequence + 1, output_cut = 1 where sequence % 3 = 1',
  );
  await source.unguarded('update vectors set cut_tokens = id');
  await source.unguarded(`update runs set status = 'failed', error_kind = 'DeviceError', error_message = 'lost',
    attempt = 3, hold = 'paused' where run_index = 3`);
  await source.unguarded(`update experiments set status = 'completed_with_failures', error = '1 run failed',
    catalogue = '[]', rests = '[[${NOW + 1},${NOW + 3}]]'`);
  const { db } = source.store;
  if (!isSqlite(db)) throw new Error('a source is an SQLite file');
  const merged = mergeStores({
    source: { ...source.store, db },
    target: target.store,
    dryRun: false,
    busy: async () => null,
    now: () => NOW,
  });
  for await (const { outcome } of merged) expect(outcome).toBe('new');
});
afterAll(async () => {
  await source.remove();
  await target.remove();
});

/** The values of a column, in an order of their own. */
async function valuesOf({ store }: Place, table: SQLiteTable, name: string): Promise<string[]> {
  const snapshot = await store.db.snapshot();
  const values: string[] = [];
  try {
    const query = `select ${selected(columnsOf(table, 'x'), [name])} from ${getTableName(table)} x`;
    for await (const row of snapshot.rows<Record<string, unknown>>(query))
      values.push(JSON.stringify(row[name]));
  } finally {
    await snapshot.close();
  }
  return values.toSorted();
}

function namesOf(tables: readonly SQLiteTable[]): string[] {
  return tables.map((table) => getTableName(table)).toSorted();
}

test('the list of tables has every table of the schema', () => {
  const known = Object.values(schema).flatMap((value: unknown) => (is(value, SQLiteTable) ? [value] : []));
  expect(namesOf(TABLES)).toEqual(namesOf(known));
  expect(namesOf([...OWN.keys(), ...NOT_MERGED])).toEqual(namesOf(known));
});

test.each([...OWN])(
  'a merge copies every column of a table except those that are named: %#',
  async (table, own) => {
    for (const name of columnNames(table).filter((column) => !own.includes(column))) {
      const where = `${getTableName(table)}.${name}`;
      const values = await valuesOf(source, table, name);
      // Without a value above, this test would say nothing about the column.
      expect([where, values.some((value) => value !== 'null')]).toEqual([where, true]);
      expect([where, await valuesOf(target, table, name)]).toEqual([where, values]);
    }
  },
);
