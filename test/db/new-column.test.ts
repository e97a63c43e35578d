import { afterAll, beforeAll, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { getTableColumns } from 'drizzle-orm';
import { real, sqliteTable } from 'drizzle-orm/sqlite-core';
import { join } from 'node:path';
import type { ContentRow } from '../../db/index.js';
import { invocations } from '../../db/schema.js';
import type { Place } from './place.js';

/**
 * A column of steps as a later migration would add it. The test puts it into the description of the table
 * before any other module of the store reads that. Code that reads, copies, compares and mends rows must then
 * handle it without a change.
 */
const { madeUp } = sqliteTable('invocations', { madeUp: real('made_up') });
Object.assign(getTableColumns(invocations), { madeUp });
Object.assign(invocations, { madeUp });
const COLUMN = 'madeUp';

const { openDatabase, isSqlite } = await import('../../db/connection/sqlite.js');
const { contentOf } = await import('../../db/read/content.js');
const { openReader } = await import('../../db/read/experiment-reader.js');
const { mergeStores } = await import('../../db/merge/index.js');
const { DATABASE_FILE } = await import('../../db/layout.js');
const { Patient } = await import('./patient.js');
const { newFolder, sqlitePlace } = await import('./sqlite-place.js');
const { config, finishExperiment, keepOwnStores, NOW, painter } =
  await import('../support/small-experiment.js');

/** A store of a version with one migration more. */
async function laterPlace(): Promise<Place> {
  const folder = newFolder();
  const file = join(folder, DATABASE_FILE);
  await openDatabase(file).close();
  const sqlite = new Database(file);
  sqlite.exec(`alter table invocations add made_up real;
    insert into __drizzle_migrations (hash, created_at) values ('later', 9000000000000)`);
  sqlite.close();
  return sqlitePlace(folder, null);
}

let source: Place;
let target: Place;
let id: string;

beforeAll(async () => {
  keepOwnStores();
  source = await laterPlace();
  target = await laterPlace();
  id = await finishExperiment(source.store);
  await source.unguarded('update invocations set made_up = 7.5 where sequence % 2 = 0');
});
afterAll(async () => {
  await source.remove();
  await target.remove();
});

/** The values of the first steps of a run. */
async function valuesOf(place: Place, run: number): Promise<unknown[]> {
  const reader = await openReader(place.store.db);
  const values: unknown[] = [];
  try {
    const { id: row } = await place.store.runs.get(id, run);
    for await (const step of reader.stepsOf(row))
      values.push(Object.entries(step).find(([name]) => name === COLUMN)?.[1]);
  } finally {
    await reader.close();
  }
  return values.slice(0, 4);
}

async function stepsOfContent(place: Place): Promise<ContentRow[]> {
  const steps: ContentRow[] = [];
  for await (const row of contentOf(place.store.db, id)) if (row.kind === 'invocation') steps.push(row);
  return steps;
}

test('a reader gives it', async () => {
  expect(await valuesOf(source, 0)).toEqual([7.5, null, 7.5, null]);
});

test('it is content if it has a value, and changes nothing if it has none', async () => {
  for (const row of await stepsOfContent(source)) {
    const isTold = 'sequence' in row && row.sequence % 2 === 0;
    expect(Object.entries(row).filter(([name]) => name === COLUMN)).toEqual(isTold ? [[COLUMN, 7.5]] : []);
  }
});

async function merge(from: Place, into: Place) {
  const { db } = from.store;
  if (!isSqlite(db)) throw new Error('a source is an SQLite file');
  const parts = { dryRun: false, busy: async () => null, now: () => NOW };
  const merged = [];
  for await (const one of mergeStores({ source: { ...from.store, db }, target: into.store, ...parts })) {
    merged.push(one);
  }
  return merged;
}

test('a merge copies it, and reports a value that a row of the target lacks', async () => {
  expect(await merge(source, target)).toMatchObject([{ outcome: 'new' }]);
  expect(await valuesOf(target, 0)).toEqual([7.5, null, 7.5, null]);
  expect(await stepsOfContent(target)).toEqual(await stepsOfContent(source));
  await target.unguarded('update invocations set made_up = null where sequence = 2');
  const [again] = await merge(source, target);
  expect(again).toMatchObject({ outcome: 'conflict' });
  expect(again!.conflicts[0]).toContain(
    'run 0, invocation 2: madeUp is 7.5 in the source and null in the target',
  );
});

test('a merge takes a row that an older version wrote without it as equal, and the target keeps its value', async () => {
  const older = await laterPlace();
  const newer = await laterPlace();
  try {
    for (const place of [older, newer]) expect(await finishExperiment(place.store)).toBe(id);
    await newer.unguarded('update invocations set made_up = 7.5');
    await older.unguarded('update invocations set made_up = 8 where sequence = 3');
    const [differing] = await merge(older, newer);
    expect(differing).toMatchObject({ outcome: 'conflict' });
    expect(differing!.conflicts[0]).toBe(
      'run 0, invocation 3: madeUp is 8 in the source and 7.5 in the target',
    );
    await older.unguarded('update invocations set made_up = null');
    expect(await merge(older, newer)).toMatchObject([{ outcome: 'equal', conflicts: [] }]);
    expect(await valuesOf(newer, 0)).toEqual([7.5, 7.5, 7.5, 7.5]);
  } finally {
    await older.remove();
    await newer.remove();
  }
});

test('a copy of equal work has it', async () => {
  const run = await source.store.runs.get(id, 0);
  const model = await source.store.provenance.modelId(painter);
  const equal = await source.store.invocations.findEqualWork(model, run.promptId, 7);
  expect(equal?.call).toEqual({ cutTokens: null, outputCut: null, [COLUMN]: 7.5 });
});

test('a step that is filled in from a cycle has it', async () => {
  const place = await laterPlace();
  try {
    const { store } = place;
    const continued = await finishExperiment(store, {
      ...config,
      seeds: [7],
      on_cycle: 'continue',
      embedding_models: [],
    });
    await place.unguarded(`delete from invocations where source = 'cycle'`);
    await place.unguarded('update invocations set made_up = 7.5');
    await place.unguarded(`update runs set status = 'running', stop_reason = null, length = null`);
    const run = await store.runs.get(continued, 0);
    const cycle = { start: run.cycleStart!, length: run.cycleLength! };
    expect(await store.invocations.fillFromCycle(run, cycle, 7, 100, NOW)).toMatchObject({ ended: 'length' });
    expect(
      await place.column(`select made_up from invocations where source = 'cycle' and run_id = ${run.id}`),
    ).toContain(7.5);
    expect(
      await place.one(`select count(*) from invocations where made_up is null and run_id = ${run.id}`),
    ).toBe(0);
  } finally {
    await place.remove();
  }
});

test('a step whose seed is mended keeps it', async () => {
  const patient = new Patient(source, id);
  const step = await patient.step(0, 2);
  await patient.change('update invocations set seed = 8 where id = ?', step);
  await patient.mend();
  expect(await patient.one('select seed from invocations where id = ?', step)).toBe(7);
  expect(await valuesOf(source, 0)).toEqual([7.5, null, 7.5, null]);
});
