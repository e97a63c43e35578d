import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { getTableColumns } from 'drizzle-orm';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';
import { columnNames } from '../../db/columns.js';
import type { Snapshot, SqlValue } from '../../db/connection/database.js';
import { experimentReader, openReader } from '../../db/read/experiment-reader.js';
import type { ExperimentReader } from '../../db/read/experiment-reader.js';
import {
  diagramTotals,
  dimensionTotals,
  embeddingTotals,
  runTotals,
  stepTotals,
  surrogateTotals,
} from '../../db/read/totals.js';
import {
  artifacts,
  diagramDimensions,
  diagrams,
  embeddings,
  experiments,
  failures,
  invocations,
  models,
  promptVectors,
  runCurves,
  runs,
  runStatistics,
  surrogates,
  vectors,
} from '../../db/schema.js';
import { embedding } from '../support/small-catalogue.js';
import {
  config,
  configWithSurrogates,
  fingerprint,
  finishExperiment,
  NOW,
} from '../support/small-experiment.js';
import { measureRun } from '../support/measured-experiment.js';
import type { Place } from './place.js';
import { emptyPlace } from './places.js';

let place: Place;
let id: string;
let reader: Awaited<ReturnType<typeof openReader>>;
let snapshot: Snapshot;
let run: number;

beforeAll(async () => {
  place = await emptyPlace();
  id = await finishExperiment(place.store, configWithSurrogates);
  await finishExperiment(place.store, { ...config, name: 'another', prompts: ['a green pear'] });
  await measureRun(place.store, id, 2);
  const failed = await place.store.runs.get(id, 2);
  const failure = { stage: 'diagram', sequence: null, kind: 'Refused', message: 'no' } as const;
  for (let attempt = 0; attempt < 2; attempt++) await place.store.runs.logFailure(failed, failure, NOW);
  run = failed.id;
  reader = await openReader(place.store.db);
  snapshot = await place.store.db.snapshot();
});
afterAll(async () => {
  await reader.close();
  await snapshot.close();
  await place.remove();
});

async function listOf<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const row of rows) list.push(row);
  return list;
}

/** Every row as it is in the database, by the raw names of its columns. */
function rowsOf(query: string, ...values: readonly SqlValue[]): Promise<Record<string, unknown>[]> {
  return listOf(snapshot.rows<Record<string, unknown>>(query, ...values));
}

const OF_RUN =
  'from invocations i join embeddings e on e.invocation_id = i.id join models m on m.id = e.model_id';

/** Each reading, its table, and the rows that it must give in their order. */
const READINGS = [
  [
    'experiments',
    experiments,
    (read: ExperimentReader) => read.experiments(),
    'select x.* from experiments x order by created_at, id',
  ],
  [
    'runs',
    runs,
    (read: ExperimentReader) => read.runsOf(id),
    'select r.* from runs r where experiment_id = ID order by run_index',
  ],
  [
    'steps',
    invocations,
    (read: ExperimentReader) => read.stepsOf(run),
    'select i.* from invocations i where run_id = RUN order by sequence',
  ],
  [
    'steps from the third on',
    invocations,
    (read: ExperimentReader) => read.stepsOf(run, undefined, 2),
    'select i.* from invocations i where run_id = RUN and sequence >= 2 order by sequence',
  ],
  [
    'embeddings',
    embeddings,
    (read: ExperimentReader) => read.embeddingsOf(run),
    `select e.* ${OF_RUN} where run_id = RUN order by m.name, i.sequence`,
  ],
  ['vectors of an experiment', vectors, (read: ExperimentReader) => read.storedVectors(id), null],
  [
    'vectors of prompts',
    promptVectors,
    (read: ExperimentReader) => read.promptVectorsOf(null),
    'select q.* from prompt_vectors q order by artifact_id, model_id',
  ],
  [
    'numbers of trajectories',
    runStatistics,
    (read: ExperimentReader) => read.statisticsOf(run),
    'select t.* from run_statistics t join models m on m.id = t.model_id where run_id = RUN order by m.name',
  ],
  [
    'curves',
    runCurves,
    (read: ExperimentReader) => read.curvesOf(1),
    'select c.* from run_curves c where statistics_id = 1 order by name',
  ],
  [
    'diagrams',
    diagrams,
    (read: ExperimentReader) => read.diagramsOf(run),
    'select d.* from diagrams d where run_id = RUN order by id',
  ],
  [
    'dimensions',
    diagramDimensions,
    (read: ExperimentReader) => read.dimensionsOf({ run }),
    'select k.* from diagram_dimensions k join diagrams d on d.id = diagram_id join models m on m.id = d.model_id where run_id = RUN order by m.name, dimension',
  ],
  [
    'surrogates',
    surrogates,
    (read: ExperimentReader) => read.surrogatesOf({ run }),
    'select s.* from surrogates s join diagrams d on d.id = diagram_id join models m on m.id = d.model_id where run_id = RUN order by m.name, s.kind, surrogate_index, dimension',
  ],
  [
    'failures',
    failures,
    (read: ExperimentReader) => read.failuresOf(run),
    'select f.* from failures f where run_id = RUN order by id',
  ],
  ['texts and pictures', artifacts, (read: ExperimentReader) => read.artifactsOf(id), null],
  [
    'objects',
    artifacts,
    (read: ExperimentReader) => read.objectsOf(id),
    `select a.* from artifacts a where modality = 'image' and id in (
      select output_id from invocations i join runs r on r.id = run_id where experiment_id = ID) order by a.id`,
  ],
  ['models', models, (read: ExperimentReader) => read.modelsOf(id), 'select m.* from models m order by name'],
] as const;

test.each(READINGS)('%s come whole, in their order', async (_, table, read, query) => {
  const rows = (await listOf<object>(read(reader))).map((row): Record<string, unknown> => ({ ...row }));
  expect(rows.length).toBeGreaterThan(1);
  expect(Object.keys(rows[0]!)).toEqual(expect.arrayContaining([...columnNames(table)]));
  if (query === null) return;
  const expected = await rowsOf(query.replace('ID', `'${id}'`).replace('RUN', String(run)));
  const columns = Object.entries<SQLiteColumn>(getTableColumns(table));
  expect(rows.map((row) => columns.map(([name]) => row[name]))).toEqual(
    expected.map((row) => columns.map(([, column]) => row[column.name])),
  );
});

test('a reader separates the rows of an experiment from those of others', async () => {
  const texts = (await listOf(reader.artifactsOf(id, ['text'] as const))).map(({ text }) => text);
  expect(texts).toContain('the sea');
  expect(texts).not.toContain('a green pear');
  const all = await listOf(reader.storedVectors(null, ['id'] as const));
  const own = await listOf(reader.storedVectors(id, ['id'] as const));
  expect(own.length).toBeLessThan(all.length);
});

test('a row has the columns that the caller names, also of the rows that it points at', async () => {
  const [first] = await listOf(reader.stepsOf(run, ['sequence', 'model.name', 'output.modality'] as const));
  expect(first).toEqual({ sequence: 0, 'model.name': 'Painter', 'output.modality': 'image' });
});

function greatestOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : Math.max(...values);
}

test('numbers over the steps are those of the steps themselves, for each group in order', async () => {
  const names = ['source', 'model.name', 'outputId', 'createdAt', 'cutTokens', 'computeMs'] as const;
  await place.unguarded('update invocations set cut_tokens = sequence where sequence in (3, 5)');
  await place.unguarded(`update invocations set source = 'reused', host_id = null, batch_size = null,
    compute_ms = null where sequence = 5`);
  const now = await openReader(place.store.db);
  try {
    const ids = await listOf(now.runsOf(id, ['id'] as const));
    const steps = (await Promise.all(ids.map(({ id: of }) => listOf(now.stepsOf(of, names))))).flat();
    const groups = [...new Set(steps.map((step) => `${step.source} ${step['model.name']}`))].toSorted();
    expect(groups.length).toBeGreaterThan(2);
    const expected = groups.map((group) => {
      const of = steps.filter((step) => `${step.source} ${step['model.name']}` === group);
      const cut = of.flatMap(({ cutTokens }) => cutTokens ?? []);
      const [source, model] = group.split(' ');
      return {
        source,
        'model.name': model,
        steps: of.length,
        outputs: new Set(of.map(({ outputId }) => outputId)).size,
        cut: cut.length,
        cutInAll: cut.length === 0 ? null : cut.reduce((sum, tokens) => sum + tokens, 0),
        meanCut: cut.length === 0 ? null : cut.reduce((sum, tokens) => sum + tokens, 0) / cut.length,
        mostCut: greatestOf(cut),
        leastCut: cut.length === 0 ? null : Math.min(...cut),
      };
    });
    const measures = {
      steps: { over: 'rows' },
      outputs: { over: 'distinct', of: 'outputId' },
      cut: { over: 'values', of: 'cutTokens' },
      cutInAll: { over: 'sum', of: 'cutTokens' },
      meanCut: { over: 'mean', of: 'cutTokens' },
      mostCut: { over: 'greatest', of: 'cutTokens' },
      leastCut: { over: 'least', of: 'cutTokens' },
    } as const;
    const by = ['source', 'model.name'] as const;
    expect(await listOf(now.totals(stepTotals({ experiment: id }, measures, by)))).toEqual(expected);
    expect(await listOf(now.totals(stepTotals({ experiment: id }, measures, by, 2)))).toEqual(
      expected.slice(0, 2),
    );
    const only = { source: 'computed', 'model.name': 'Painter' } as const;
    expect(await now.total(stepTotals({ experiment: id, only }, measures))).toEqual({
      ...expected.find((group) => group.source === 'computed' && group['model.name'] === 'Painter'),
      source: undefined,
      'model.name': undefined,
    });
    expect(await now.total(stepTotals({ experiment: 'nobody' }, measures))).toEqual({
      steps: 0,
      outputs: 0,
      cut: 0,
      cutInAll: null,
      meanCut: null,
      mostCut: null,
      leastCut: null,
    });
  } finally {
    await now.close();
  }
});

test('numbers over each kind of row leave out what belongs to other runs and experiments', async () => {
  type Of = { readonly experiment: string } | { readonly run: number };
  const rows = { rows: { over: 'rows' } } as const;
  const counts = [
    ['steps', (scope: Of) => stepTotals(scope, rows), (of: number) => reader.stepsOf(of)],
    ['embeddings', (scope: Of) => embeddingTotals(scope, rows), (of: number) => reader.embeddingsOf(of)],
    ['diagrams', (scope: Of) => diagramTotals(scope, rows), (of: number) => reader.diagramsOf(of)],
    [
      'dimensions',
      (scope: Of) => dimensionTotals(scope, rows),
      (of: number) => reader.dimensionsOf({ run: of }),
    ],
    [
      'surrogates',
      (scope: Of) => surrogateTotals(scope, rows),
      (of: number) => reader.surrogatesOf({ run: of }),
    ],
  ] as const;
  const ids = (await listOf(reader.runsOf(id))).map((row) => row.id);
  for (const [kind, totals, ofRun] of counts) {
    let all = 0;
    for (const of of ids) {
      const own = (await listOf<object>(ofRun(of))).length;
      expect([kind, of, await reader.total(totals({ run: of }))]).toEqual([kind, of, { rows: own }]);
      all += own;
    }
    expect([kind, await reader.total(totals({ experiment: id }))]).toEqual([kind, { rows: all }]);
    expect(all).toBeGreaterThan(0);
  }
  expect(await reader.total(runTotals({ experiment: id }, rows))).toEqual({ rows: ids.length });
  expect(await reader.total(runTotals({ run: ids[0]! }, rows))).toEqual({ rows: 1 });
});

test('the bars of an experiment are counted by network, model and dimension', async () => {
  const by = ['run.network', 'model.name', 'dimension'] as const;
  const found = await listOf(
    reader.totals(dimensionTotals({ experiment: id }, { bars: { over: 'sum', of: 'barCount' } }, by)),
  );
  const sums = new Map<string, number>();
  for await (const { id: of } of reader.runsOf(id)) {
    for await (const row of reader.dimensionsOf({ run: of }, [
      'model.name',
      'dimension',
      'barCount',
    ] as const)) {
      const key = `${row['model.name']} ${row.dimension}`;
      sums.set(key, (sums.get(key) ?? 0) + row.barCount);
    }
  }
  expect(found).toEqual(
    [...sums]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, bars]) => ({
        'run.network': '["Painter","Describer"]',
        'model.name': key.split(' ')[0],
        dimension: Number(key.split(' ')[1]),
        bars,
      })),
  );
});

test('a run says how many steps it has, will have, and has to wait with', async () => {
  const other = await finishExperiment(place.store, { ...config, name: 'halfway', embedding_models: [] });
  const at = (index: number): string => `experiment_id = '${other}' and run_index = ${index}`;
  const open =
    'stop_reason = null, length = null, cycle_start = null, cycle_length = null, finished_at = null';
  await place.unguarded(
    `update runs set status = 'pending', started_at = 1, attempt = 1, ${open} where ${at(0)}`,
  );
  await place.unguarded(`update runs set status = 'pending', started_at = null, ${open} where ${at(1)}`);
  await place.unguarded(
    `update runs set status = 'pending', started_at = null, attempt = 2, hold = 'paused', ${open} where ${at(2)}`,
  );
  await place.unguarded(
    `delete from invocations where sequence > 7 and run_id in (select id from runs where ${at(2)})`,
  );
  const now = await openReader(place.store.db);
  try {
    const found = await listOf(now.runsOf(other, ['id', 'made', 'expected', 'held', 'length'] as const));
    const steps = await Promise.all(found.map(async ({ id: of }) => (await listOf(now.stepsOf(of))).length));
    expect(found.map(({ made, expected, held }) => [made, expected, held])).toEqual([
      [steps[0], 12, 0],
      // A run that waits for its first attempt is not looked up.
      [0, 12, 0],
      [steps[2], 12, 12 - steps[2]!],
      [steps[3], found[3]!.length, 0],
    ]);
    expect(Math.min(...steps)).toBeGreaterThan(0);
  } finally {
    await now.close();
  }
});

test('the experiments of a prompt are those that have it', async () => {
  const prompt = await place.one(`select id from artifacts where text = 'a green pear'`);
  const found = await listOf(reader.experimentsOfPrompt(Number(prompt), ['name'] as const));
  expect(found).toEqual([{ name: 'another' }]);
});

test('the calls of an experiment come by run and sequence, without copies', async () => {
  const names = ['source', 'sequence', 'run.runIndex'] as const;
  const found = await listOf(reader.stepsOfExperiment(id, 'computed', names));
  const expected = [];
  for await (const { id: of, runIndex } of reader.runsOf(id)) {
    for await (const { source, sequence } of reader.stepsOf(of)) {
      if (source === 'computed') expected.push({ source, sequence, 'run.runIndex': runIndex });
    }
  }
  expect(found).toEqual(expected);
  expect(found.length).toBeGreaterThan(4);
});

test('a reader sees one moment, whatever is written meanwhile', async () => {
  const before = await openReader(place.store.db);
  try {
    await place.sql(`update runs set max_length = 13 where status = 'pending' and id < 0`);
    const other = await finishExperiment(place.store, { ...config, name: 'later' });
    expect(await listOf(before.runsOf(other))).toEqual([]);
    const after = await openReader(place.store.db);
    expect(await listOf(after.runsOf(other))).toHaveLength(4);
    await after.close();
  } finally {
    await before.close();
  }
});

/** A snapshot that counts the rows that a reader takes from it, and the readings that are closed. */
function watched(over: Snapshot) {
  const seen = { rows: 0, open: 0, closed: 0 };
  async function* rows<T>(query: string, ...values: readonly SqlValue[]) {
    seen.open++;
    try {
      for await (const row of over.rows<T>(query, ...values)) {
        seen.rows++;
        yield row;
      }
    } finally {
      seen.closed++;
    }
  }
  return { seen, reader: experimentReader({ rows, close: () => over.close() }) };
}

test('the reader takes rows one by one, and closes a reading that the caller leaves', async () => {
  const { seen, reader: watching } = watched(snapshot);
  for await (const { sequence } of watching.stepsOf(run)) if (sequence === 1) break;
  expect(seen).toEqual({ rows: 2, open: 1, closed: 1 });
  const steps = watching.stepsOf(run)[Symbol.asyncIterator]();
  const others = watching.runsOf(id)[Symbol.asyncIterator]();
  expect([(await steps.next()).done, (await others.next()).done, (await steps.next()).done]).toEqual([
    false,
    false,
    false,
  ]);
  await steps.return?.();
  await others.return?.();
  expect(seen).toEqual({ rows: 5, open: 3, closed: 3 });
});

test('vectors come as numbers in portions of 4 MiB, each once, with all steps that have it', async () => {
  const wide = embedding('Wide', 'text', 2 ** 19);
  const at = await place.store.runs.get(id, 3);
  const model = await place.store.provenance.modelId(wide);
  const pending = await place.store.vectors.pending(at, model, 'text');
  const batch = pending.map((output, k) => ({
    pending: output,
    vector: new Float32Array(wide.dimension).fill(k + 1),
    computeMs: 1,
    cutTokens: 0,
  }));
  expect(batch.length).toBeGreaterThan(2);
  await place.store.vectors.commit(batch, model, await place.store.provenance.hostId(fingerprint));
  const fresh = await place.store.db.snapshot();
  try {
    const { seen, reader: watching } = watched(fresh);
    const taken = watching.vectorsOf(at.id, model);
    const first = (await taken.next()).value!;
    expect([first.dimension, first.ids.length, first.points.length]).toEqual([2 ** 19, 2, 2 ** 20]);
    // The reader takes two vectors, their steps, and the first step of the next one.
    expect(seen.rows).toBeLessThanOrEqual(2 + first.sequences[0]!.length + first.sequences[1]!.length + 1);
    const portions = [first, ...(await listOf(taken))];
    const sequences = portions.flatMap((portion) => portion.sequences.flatMap((of) => [...of]));
    expect(sequences.toSorted((a, b) => a - b)).toEqual(
      (await listOf(watching.embeddingsOf(at.id, ['sequence'] as const, model))).map(
        ({ sequence }) => sequence,
      ),
    );
    const values = portions.flatMap(({ ids, points, dimension }) => ids.map((_, k) => points[k * dimension]));
    expect(values.toSorted((a, b) => a! - b!)).toEqual(batch.map((_, k) => k + 1));
    const left = watching.vectorsOf(at.id, model);
    await left.next();
    await left.return();
    expect(seen.closed).toBe(seen.open);
  } finally {
    await fresh.close();
  }
});

test.each(['max', 'min'])('vectors refuse a step whose vector is missing: the one of %s(id)', async (end) => {
  const at = await place.store.runs.get(id, 0);
  const used = 'from embeddings e join invocations i on i.id = e.invocation_id where i.run_id = ?';
  const model = Number(await place.one(`select max(e.model_id) ${used}`, at.id));
  const vector = Number(
    await place.one(`select ${end}(e.vector_id) ${used} and e.model_id = ?`, at.id, model),
  );
  await place.unguarded('delete from vectors where id = ?', vector);
  const damaged = await openReader(place.store.db);
  try {
    await expect(listOf(damaged.vectorsOf(at.id, model))).rejects.toThrow(`vector ${vector} of step`);
  } finally {
    await damaged.close();
  }
});

test('a sample of calls refuses a model that is missing, and a summary names it so', async () => {
  const { computed, summaries, runOverviews } = place.store;
  const models = async () => (await summaries.summary(id)).entropy.map(({ model }) => model);
  const before = await models();
  expect(before).toContain('ImagePoints');
  await place.unguarded(`delete from models where name in ('Describer', 'ImagePoints')`);
  await expect(listOf(computed.ids(id))).rejects.toThrow(/points at a model that is missing/);
  expect((await models()).toSorted()).toEqual(
    before.map((name) => (name === 'ImagePoints' ? 'a missing model' : name)).toSorted(),
  );
  const { entropies } = await runOverviews.figures(id);
  expect(new Set(entropies.map(({ model }) => model))).toEqual(new Set(['TextPoints']));
});
