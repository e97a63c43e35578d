import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../db/index.js';
import { runCount } from '../../experiment/config.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { experimentId } from '../../experiment/ids.js';
import { config, diagram, fingerprint, NOW, step, textPoints } from '../support/small-experiment.js';
import { emptyPlace } from './places.js';
import type { Place } from './place.js';

let place: Place;
let store: Store;
beforeEach(async () => {
  place = await emptyPlace();
  ({ store } = place);
});
afterEach(async () => place.remove());

const ofTexts: ExperimentConfig = { ...config, embedding_models: ['TextPoints'] };

/** Runs an experiment; `vectorOf` gives the vector of the nth distinct output of a run. */
async function made(
  of: ExperimentConfig,
  vectorOf: (run: number, output: number) => readonly number[],
): Promise<string> {
  const id = experimentId(of);
  await store.experiments.plan(id, of, NOW);
  const modelId = await store.provenance.modelId(textPoints);
  for (let index = 0; index < runCount(of); index++) {
    const run = await store.runs.get(id, index);
    while (await step(store, run, of.on_cycle));
    const missing = await store.vectors.pending(run, modelId, 'text');
    const batch = missing.map((pending, output) => ({
      pending,
      vector: Float32Array.from(vectorOf(index, output)),
      computeMs: 1,
      cutTokens: 0,
    }));
    await store.vectors.commit(batch, modelId, await store.provenance.hostId(fingerprint));
    await diagram(store, await store.runs.get(id, index), textPoints, of);
  }
  return id;
}

/** Indices of the runs with two or more distinct captions, which differ each time because seeds are drawn. */
async function varied(id: string): Promise<number[]> {
  const runs = await store.runs.list(id);
  const captions = await Promise.all(
    runs.map(
      async (run) => new Set((await store.invocations.trajectory(run)).flatMap(({ text }) => text ?? [])),
    ),
  );
  return runs.flatMap(({ runIndex }, k) => (captions[k]!.size > 1 ? [runIndex] : []));
}

const warnings = (id: string, of = ofTexts) => store.summaries.sharedVectors(id, of.embedding_models);

describe('one vector for distinct outputs', () => {
  test('is reported if all outputs of an experiment share it', async () => {
    const id = await made(ofTexts, () => [1, 2, 3, 4]);
    const runs = await varied(id);
    expect(runs.length).toBeGreaterThan(0);
    expect(await warnings(id)).toEqual([{ model: 'TextPoints', everywhere: true, runs: runs.length }]);
    const run = await store.runs.get(id, runs[0]!);
    expect(await store.summaries.sharedVectors(id, ['TextPoints'], run.id)).toEqual([
      { model: 'TextPoints', everywhere: true, runs: 1 },
    ]);
  });

  test('is reported if each run has one of its own', async () => {
    const id = await made(ofTexts, (run) => [1, 2, 3, 4 + run]);
    const runs = await varied(id);
    expect(await warnings(id)).toEqual([{ model: 'TextPoints', everywhere: false, runs: runs.length }]);
  });

  test('is reported if each run has a single output', async () => {
    const of = { ...ofTexts, max_length: 2 };
    const id = await made(of, () => [1, 2, 3, 4]);
    expect(await warnings(id, of)).toEqual([{ model: 'TextPoints', everywhere: true, runs: 0 }]);
  });

  test('is not reported if outputs have vectors of their own', async () => {
    const id = await made(ofTexts, (run, output) => [1, 2, 3 + run, 4 + output]);
    expect(await warnings(id)).toEqual([]);
  });

  test('is not reported if there is one output only, or none', async () => {
    const of = { ...ofTexts, prompts: ['the sea'], seeds: [7], max_length: 2 };
    expect(await warnings(await made(of, () => [1, 2, 3, 4]), of)).toEqual([]);
    await store.experiments.plan('empty', { ...of, seeds: [8] }, NOW);
    expect(await warnings('empty')).toEqual([]);
  });
});

test('outputs that stopped at the limit of tokens are counted', async () => {
  const id = await made(ofTexts, () => [1, 2, 3, 4]);
  expect(await store.summaries.outputsCut(id)).toBe(0);
  expect((await store.summaries.summary(id)).outputsCut).toBe(0);
  await place.unguarded(
    'update invocations set output_cut = 1 where sequence % 2 = 1 and run_id = ?',
    (await store.runs.get(id, 2)).id,
  );
  expect(await store.summaries.outputsCut(id)).toBe(6);
  expect((await store.summaries.summary(id)).outputsCut).toBe(6);
});
