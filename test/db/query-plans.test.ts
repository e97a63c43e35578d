import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { IDS } from '../../db/tables/computed.js';
import { reusedElsewhereQuery } from '../../db/tables/deletion.js';
import { newestCalls, newestVectors } from '../../db/read/summary.js';
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
  ['the ids of which a sample is drawn', () => sql.raw(IDS.replace('?', `'${id}'`))],
])('%s is found by indices, without a scan and without sorting', async (_, query) => {
  const { db } = temporary.store;
  const plan = await db.read(() => db.rows<{ detail: string }>(sql`explain query plan ${query()}`));
  const details = plan.map(({ detail }) => detail).join('\n');
  expect(details).toMatch(/SEARCH/);
  // Of subqueries, which are bounded, and of small tables scans are as they should be.
  expect(details).not.toMatch(/SCAN (invocations|i|o|c|vectors|v|artifacts|a)\b/);
  expect(details).not.toMatch(/USE TEMP B-TREE FOR ORDER BY/);
});
