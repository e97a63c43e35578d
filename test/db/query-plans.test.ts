import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { reusedElsewhereQuery } from '../../db/tables/deletion.js';
import type { SqlValue } from '../../db/connection/database.js';
import { experimentReader } from '../../db/read/experiment-reader.js';
import type { ExperimentReader } from '../../db/read/experiment-reader.js';
import { newestCalls, newestVectors } from '../../db/read/summary.js';
import { runTotals } from '../../db/read/totals.js';
import { configWithSurrogates, finishExperiment, temporaryStore } from '../support/small-experiment.js';

let temporary: ReturnType<typeof temporaryStore>;
let id: string;

beforeAll(async () => {
  temporary = temporaryStore();
  id = await finishExperiment(temporary.store, configWithSurrogates);
  await finishExperiment(temporary.store, { ...configWithSurrogates, name: 'another' });
  temporary.store.db.sqlite.exec('analyze');
});
afterAll(() => temporary.remove());

const JOINED = sql`join artifacts on artifacts.id = output_id`;

test.each([
  ['the mean time of a model', () => newestCalls(1, sql`compute_ms`, sql``)],
  ['the mean size of its pictures', () => newestCalls(1, sql`byte_length`, JOINED)],
  ['the mean time of a vector', () => newestVectors(1)],
  ['what others reused of an experiment', () => reusedElsewhereQuery(id)],
])('%s is found by indices, without a scan and without sorting', async (_, query) => {
  const { db } = temporary.store;
  const plan = await db.read(() => db.rows<{ detail: string }>(sql`explain query plan ${query()}`));
  const details = plan.map(({ detail }) => detail).join('\n');
  expect(details).toMatch(/SEARCH/);
  // Scans of subqueries, which are bounded, and of small tables are correct.
  expect(details).not.toMatch(/SCAN (invocations|i|o|c|vectors|v|artifacts|a)\b/);
  expect(details).not.toMatch(/USE TEMP B-TREE FOR ORDER BY/);
});

const PROGRESS = { made: { over: 'sum', of: 'made' }, held: { over: 'sum', of: 'held' } } as const;
const NEEDED = ['id', 'sequence', 'model.name', 'output.modality'] as const;

test.each<[string, (reader: ExperimentReader) => AsyncIterable<unknown>]>([
  ['runs', (reader) => reader.runsOf(id)],
  ['steps', (reader) => reader.stepsOf(1, NEEDED)],
  ['later steps', (reader) => reader.stepsOf(1, undefined, 5)],
  [
    'the model calls of an experiment, of which a sample is drawn,',
    (reader) => reader.stepsOfExperiment(id, 'computed', ['id', 'model.name'] as const),
  ],
  [
    'how far an experiment is',
    (reader) => reader.totals(runTotals({ experiment: id }, PROGRESS, ['status'])),
  ],
  ['the vectors of one model', (reader) => reader.embeddingsOf(1, undefined, 1)],
  ['the bars of a diagram', (reader) => reader.dimensionsOf({ diagram: 1 })],
  ['the surrogates of a diagram', (reader) => reader.surrogatesOf({ diagram: 1 })],
])('%s are read as they are found by indices, and not sorted first', async (_, read) => {
  const { db } = temporary.store;
  const details: string[] = [];
  const snapshot = await db.snapshot();
  function rows<T>(query: string, ...values: readonly SqlValue[]): AsyncIterable<T> {
    const plan = db.sqlite
      .prepare<SqlValue[], { detail: string }>(`explain query plan ${query}`)
      .all(...values);
    details.push(...plan.map(({ detail }) => detail));
    return snapshot.rows<T>(query, ...values);
  }
  for await (const _ of read(experimentReader({ ...snapshot, rows }))) continue;
  await snapshot.close();
  expect(details.join('\n')).toMatch(/SEARCH/);
  expect(details.join('\n')).not.toMatch(/SCAN|TEMP B-TREE/);
});
