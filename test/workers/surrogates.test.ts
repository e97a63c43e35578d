import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { makeDiagram } from '../../activities/diagram-run.js';
import { makeSurrogates } from '../../activities/surrogates.js';
import type { DiagramComputer } from '../../activities/index.js';
import { experimentId } from '../../experiment/ids.js';
import { createDiagramPool } from '../../workers/diagrams/pool.js';
import type { DiagramPool } from '../../workers/diagrams/pool.js';
import {
  configWithSurrogates as config,
  diagram,
  embed,
  NOW,
  step,
  temporaryStore,
  textPoints,
} from '../support/small-experiment.js';

let place: ReturnType<typeof temporaryStore>;
let pool: DiagramPool;

beforeAll(() => {
  place = temporaryStore();
  pool = createDiagramPool({ threads: 1 });
});
afterAll(async () => {
  await pool.close();
  await place.remove();
});

test('surrogates that were cancelled go on where they were stopped, with the same results', async () => {
  const { store } = place;
  await store.experiments.plan(experimentId(config), config, NOW);
  const run = await store.runs.get(experimentId(config), 2);
  while (await step(store, run, 'stop'));
  await embed(store, run, textPoints);
  const modelId = await store.provenance.modelId(textPoints);
  // This diagram is for the comparison with the threads' work. It is computed here, and deleted.
  await diagram(store, run, textPoints, config);
  const { id } = (await store.diagrams.ofRun(run))[0]!.diagram;
  const expected = await store.surrogates.ofDiagram(id);
  expect(expected).toHaveLength(2 * 2 * 2);
  store.db.sqlite.exec('delete from surrogates');

  let asked = 0;
  const stop = new AbortController();
  const stoppable: DiagramComputer = {
    ...pool,
    compute: (request, onProgress, signal) => {
      if (++asked === 3) stop.abort(new Error('cancelled'));
      return pool.compute(request, onProgress, signal);
    },
  };
  const progress = { done: 0, of: 0, surrogatesLeft: 0 };
  const cloud = await store.vectors.pointCloud(run, modelId, textPoints.dimension);
  const measurement = { cloud, dimension: textPoints.dimension, config, progress };
  const cancelled = makeSurrogates({ store, diagrams: stoppable }, id, {
    ...measurement,
    signal: stop.signal,
  });
  await expect(cancelled).rejects.toThrow('cancelled');
  expect(progress.surrogatesLeft).toBe(2);
  expect(await store.surrogates.ofDiagram(id)).toEqual(expected.slice(0, 4));

  asked = 0;
  const { signal } = new AbortController();
  const counted: DiagramComputer = {
    ...pool,
    compute: (...request) => {
      asked++;
      return pool.compute(...request);
    },
  };
  await makeSurrogates({ store, diagrams: counted }, id, { ...measurement, signal });
  expect(asked).toBe(2);
  expect(progress.surrogatesLeft).toBe(0);
  expect(await store.surrogates.ofDiagram(id)).toEqual(expected);
  await makeSurrogates({ store, diagrams: counted }, id, { ...measurement, signal });
  expect(asked).toBe(2);
});

test('a surrogate that would not fit into memory says that the null model can be left out', async () => {
  const narrow = createDiagramPool({ threads: 1, memoryBytes: 1 });
  const request = {
    points: Float32Array.of(1, 2),
    dimension: 1,
    maxDimension: 1,
    maxEdgeLength: null,
  } as const;
  const compute = (surrogate: { kind: 'sphere'; seed: number } | null) => () =>
    narrow.compute({ ...request, surrogate }, () => undefined, new AbortController().signal);
  expect(compute({ kind: 'sphere', seed: 1 })).toThrow(
    /a surrogate of 2 points .*: leave out null_model, lower/,
  );
  expect(compute(null)).toThrow(/the diagram of 2 points .*: lower max_dimension/);
  await narrow.close();
});

test('a diagram that would not fit into memory is refused before its points are read', async () => {
  const { store } = place;
  await store.experiments.plan(experimentId(config), config, NOW);
  const run = await store.runs.get(experimentId(config), 3);
  while (await step(store, run, 'stop'));
  await embed(store, run, textPoints);
  const narrow = createDiagramPool({ threads: 1, memoryBytes: 1 });
  let read = 0;
  const pointCloud: typeof store.vectors.pointCloud = (...of) => {
    read++;
    return store.vectors.pointCloud(...of);
  };
  const vectors = { ...store.vectors, pointCloud };
  const make = async (diagrams: DiagramComputer) =>
    makeDiagram(
      { store: { ...store, vectors }, diagrams, now: () => NOW },
      run,
      { ...textPoints, id: await store.provenance.modelId(textPoints) },
      { done: 0, of: 0, surrogatesLeft: 0 },
      new AbortController().signal,
    );
  await expect(make(narrow)).rejects.toThrow(/the diagram of \d points .* this worker may use 1 MiB: lower/);
  expect(read).toBe(0);
  expect((await make(pool)).points).toBe(6);
  expect(read).toBe(1);
  await narrow.close();
});
