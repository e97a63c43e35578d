import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ANALYSIS_REVISION } from '../../analysis/index.js';
import { contentDigest } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import { isSqlite } from '../../db/connection/sqlite.js';
import { mergeStores } from '../../db/merge/index.js';
import { describeRunStatistic, RUN_STATISTIC_NAMES } from '../../experiment/run-statistics.js';
import { measuredExperiment, measureRun } from '../support/measured-experiment.js';
import { config, finishExperiment, NOW } from '../support/small-experiment.js';
import { storedBytes } from '../support/stored-bytes.js';
import { named, Patient } from './patient.js';
import { emptyPlace } from './places.js';
import type { Place } from './place.js';
import { newFolder, sqlitePlace } from './sqlite-place.js';

let place: Place;
let store: Store;

beforeEach(async () => {
  place = await emptyPlace();
  ({ store } = place);
});
afterEach(() => place.remove());

async function statisticsOf(id: string, index: number, model = 'TextPoints', of = store) {
  const found = (await of.runStatistics.ofRun(await of.runs.get(id, index))).find(
    (one) => one.model === model,
  )!;
  return { ...found.statistics, curves: await of.runStatistics.curvesOf(found.statistics.id) };
}

function count(query: string): Promise<number> {
  return place.one(`select count(*) from ${query}`).then(Number);
}

test('the numbers of a run say what they were computed from, and what was used', async () => {
  const id = await measuredExperiment(store);
  const row = await statisticsOf(id, 0);
  const diagram = await place.one(
    `select points_sha256 from diagrams d join models m on m.id = d.model_id where run_id = ${row.runId} and m.name = 'TextPoints'`,
  );
  expect(row.pointsSha256).toEqual(Buffer.from(storedBytes(diagram)));
  expect(row.promptSha256).not.toBeNull();
  expect(row.revision).toBe(ANALYSIS_REVISION);
  // The vectors of the small models are far from length 1.
  expect([row.parameters, row.fixedRadiusEpsilon, row.nearPeriod]).toEqual(['{"radius":null}', null, null]);
  // Every second invocation makes a text.
  expect(row.stride).toBe(2);
  expect(row.curves.get('distinct_growth')).toHaveLength(row.pointCount);
  expect(row.curves.get('drift_prompt')!.at(-1)).toBeCloseTo(row.driftPromptEuclideanEnd!, 6);
  const pictures = await statisticsOf(id, 0, 'ImagePoints');
  expect([pictures.promptSha256, pictures.driftPromptEuclideanEnd]).toEqual([null, null]);
});

test('the radius of unit vectors is the one that the numbers were computed with', async () => {
  const id = await finishExperiment(store);
  await place.unguarded('update vectors set norm = 1');
  await measureRun(store, id, 0);
  const row = await statisticsOf(id, 0);
  expect(JSON.parse(row.parameters)).toEqual({ radius: row.fixedRadiusEpsilon });
  expect(row.fixedRadiusEpsilon).toBe(0.2);
});

test('equal vectors of different outputs are one point, and the outputs stay apart', async () => {
  const id = await finishExperiment(store);
  for (const column of ['bytes', 'sha256']) {
    await place.unguarded(
      `update vectors set ${column} = (select ${column} from vectors where id = 1) where model_id = (select model_id from vectors where id = 1)`,
    );
  }
  const name = String(
    await place.one('select m.name from models m join vectors v on v.model_id = m.id where v.id = 1'),
  );
  await measureRun(store, id, 2);
  const row = await statisticsOf(id, 2, name);
  expect([row.distinctPointCount, row.stepMax]).toEqual([1, 0]);
  expect(row.distinctOutputCount).toBeGreaterThan(1);
});

test('a second call computes nothing, and changes nothing', async () => {
  const id = await measuredExperiment(store);
  const before = await statisticsOf(id, 1);
  expect(await measureRun(store, id, 1)).toBe(0);
  expect(await statisticsOf(id, 1)).toEqual(before);
});

test.each([
  ['revision', 'update run_statistics set revision = 1000 where run_id = RUN and prompt_sha256 is not null'],
  [
    'parameters',
    `update run_statistics set parameters = '{"radius":0.5}' where run_id = RUN and prompt_sha256 is not null`,
  ],
  [
    'digest of the points',
    'update run_statistics set points_sha256 = prompt_sha256 where run_id = RUN and prompt_sha256 is not null',
  ],
  [
    'digest of the prompts',
    'update run_statistics set prompt_sha256 = points_sha256 where run_id = RUN and prompt_sha256 is not null',
  ],
])('a row with another %s is stale: all of it is replaced', async (_, statement) => {
  const id = await measuredExperiment(store);
  const { id: rowId, ...before } = await statisticsOf(id, 1);
  await place.unguarded(statement.replaceAll('RUN', String(before.runId)));
  await place.unguarded(`delete from run_curves where statistics_id = ${rowId}`);
  expect(await measureRun(store, id, 1)).toBe(1);
  const { id: __, ...after } = await statisticsOf(id, 1);
  expect({ ...after, computeMs: 0 }).toEqual({ ...before, computeMs: 0 });
});

test('a run whose prompts have no vector yet has its other numbers, and its drift once they have', async () => {
  const id = await finishExperiment(store);
  const saved = await place.rows();
  const rows = saved['prompt_vectors'] ?? [];
  expect(rows.length).toBeGreaterThan(0);
  await place.unguarded(
    'delete from prompt_vectors where vector_id = (select max(vector_id) from prompt_vectors)',
  );
  await measureRun(store, id, 0);
  const without = await statisticsOf(id, 0);
  expect([without.promptSha256, without.driftPromptEuclideanEnd]).toEqual([null, null]);
  expect(without.driftFirstEuclideanEnd).not.toBeNull();
  const run = await store.runs.get(id, 0);
  const modelId = without.modelId;
  await store.promptVectors.reuse(await store.promptVectors.missing(run, 2, modelId), modelId);
  expect(await measureRun(store, id, 0)).toBe(1);
  expect((await statisticsOf(id, 0)).driftOtherPromptsEuclideanEnd).not.toBeNull();
});

test('the content of a store does not change when the numbers are computed', async () => {
  const id = await finishExperiment(store);
  const digest = await contentDigest(store.db, id);
  await measureRun(store, id, 0);
  expect(await contentDigest(store.db, id)).toBe(digest);
});

async function accepts(column: string, value: number | null): Promise<boolean> {
  const trial = await place.trial();
  const refusal = await trial.refusal(`update run_statistics set ${column} = ${value}`);
  await trial.rollback();
  return refusal === '';
}

test('each number is in its range, or null where its description has a rule for that', async () => {
  const id = await finishExperiment(store, { ...config, prompts: ['a'], seeds: [7], max_length: 4 });
  await measureRun(store, id, 0);
  for (const { column, least, most, stored, nullRule } of RUN_STATISTIC_NAMES.map(describeRunStatistic)) {
    const inside = Math.max(least, Math.min(most, 2));
    expect([column, await accepts(column, inside)]).toEqual([column, true]);
    expect([column, 'null', await accepts(column, null)]).toEqual([column, 'null', nullRule !== null]);
    const outside = [least - 1, most + 1, ...(stored === 'real' ? [1e301] : [])].filter(Number.isFinite);
    for (const value of outside)
      expect([column, value, await accepts(column, value)]).toEqual([column, value, false]);
  }
});

test('a merge copies the numbers with their curves, and leaves those of the target', async () => {
  const source = sqlitePlace(newFolder(), null);
  try {
    const id = await measuredExperiment(source.store);
    const { db } = source.store;
    if (!isSqlite(db)) throw new Error('a source is an SQLite file');
    const outcomes = async () => {
      const parts = { dryRun: false, busy: async () => null, now: () => NOW };
      const told = [];
      for await (const { outcome } of mergeStores({
        source: { ...source.store, db },
        target: store,
        ...parts,
      }))
        told.push(outcome);
      return told;
    };
    expect(await outcomes()).toEqual(['new']);
    const [theirs, ours] = [await statisticsOf(id, 2, 'TextPoints', source.store), await statisticsOf(id, 2)];
    expect(ours.curves).toEqual(theirs.curves);
    expect(ours.pathLength).toBe(theirs.pathLength);
    expect(await measureRun(store, id, 2)).toBe(0);
    // Numbers of another revision are no contradiction.
    await source.unguarded('update run_statistics set revision = 1000');
    expect(await outcomes()).toEqual(['equal']);
    expect((await statisticsOf(id, 2)).revision).toBe(ANALYSIS_REVISION);
  } finally {
    await source.remove();
  }
});

test('a deletion takes the numbers and curves of one run at a time, and leaves those of other experiments', async () => {
  const other = await measuredExperiment(store, { ...config, name: 'other', prompts: ['a red apple'] });
  const kept = [await count('run_statistics'), await count('run_curves')];
  const id = await measuredExperiment(store, { ...config, prompts: ['the sea'] });
  expect((await store.deletion.preview(id)).runStatistics).toBe((await count('run_statistics')) - kept[0]!);
  await store.deletion.begin(id, null, NOW);
  let least = Infinity;
  let before = await count('run_statistics');
  while (!(await store.deletion.step(id)).done) {
    const now = await count('run_statistics');
    if (now < before) least = Math.min(least, before - now);
    expect(before - now).toBeLessThanOrEqual(2);
    before = now;
  }
  expect(least).toBe(2);
  expect([await count('run_statistics'), await count('run_curves')]).toEqual(kept);
  expect(await statisticsOf(other, 0)).toBeDefined();
});

test('doctor finds the numbers of experiments sound, and says which finished runs have none', async () => {
  const id = await measuredExperiment(store);
  const { runId } = await statisticsOf(id, 2);
  await place.unguarded(
    `delete from run_curves where statistics_id in (select id from run_statistics where run_id = ${runId})`,
  );
  await place.unguarded(`delete from run_statistics where run_id = ${runId}`);
  const patient = new Patient(place, id);
  const uncomputed: unknown[] = [];
  expect(await patient.violations({ onUncomputed: (of) => uncomputed.push(of) })).toEqual([]);
  expect(uncomputed).toEqual(
    ['TextPoints', 'ImagePoints'].map((model) => ({ experiment: id, run: 2, model })),
  );
  await place.unguarded('update run_statistics set revision = 0 + 1000');
  const later: unknown[] = [];
  await patient.violations({ onUncomputed: (of) => later.push(of) });
  expect(later).toHaveLength(2);
});

test.each([
  [
    'a number that is not that of the vectors',
    'update run_statistics set path_length = path_length * 1.01 where id = ID',
  ],
  ['a null that the vectors fill', 'update run_statistics set step_mean = null where id = ID'],
  ['another stride', 'update run_statistics set stride = 5 where id = ID'],
  [
    'points that are not those of the run',
    'update run_statistics set points_sha256 = prompt_sha256 where id = ID',
  ],
  [
    'more distinct outputs than outputs',
    'update run_statistics set distinct_output_count = 999 where id = ID',
  ],
  [
    'a curve that no version has',
    `update run_curves set name = 'x' where statistics_id = ID and name = 'drift_first'`,
  ],
  ['a curve that is missing', `delete from run_curves where statistics_id = ID and name = 'distinct_growth'`],
  [
    'a curve with another value',
    `update run_curves set points = (select points from run_curves where statistics_id = ID and name = 'drift_first') where statistics_id = ID and name = 'drift_prompt'`,
  ],
])('doctor finds %s, deletes the row, and computes it again', async (_, statement) => {
  const id = await measuredExperiment(store);
  const { id: row, ...before } = await statisticsOf(id, 1);
  const patient = new Patient(place, id);
  await patient.change(statement.replaceAll('ID', String(row)));
  const found = await patient.violations();
  expect([...new Set(named(found))]).toEqual([`4 run_statistics ${row}`]);
  expect(await patient.mendFound(found)).toEqual({ failures: [], left: [] });
  expect(await measureRun(store, id, 1)).toBe(1);
  const { id: __, ...after } = await statisticsOf(id, 1);
  expect({ ...after, computeMs: 0 }).toEqual({ ...before, computeMs: 0 });
});

test('doctor looks at the numbers of an experiment of many runs in a sample, and with --deep at all', async () => {
  const id = await measuredExperiment(store, { ...config, seeds: [7, 8, 9, 10, 11] });
  const { id: row } = await statisticsOf(id, 1);
  const patient = new Patient(place, id);
  await patient.change(`update run_statistics set path_length = path_length * 1.01 where id = ${row}`);
  expect(named(await patient.violations({ deep: false }))).toEqual([]);
  expect(named(await patient.violations({ deep: true }))).toEqual([`4 run_statistics ${row}`]);
});
