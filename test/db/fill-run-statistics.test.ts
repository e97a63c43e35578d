import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { fillRunStatistics } from '../../activities/fill-run-statistics.js';
import { contentDigest } from '../../db/index.js';
import type { Artifact } from '../../experiment/artifact.js';
import type { Catalogue } from '../../experiment/model.js';
import {
  catalogue,
  finishExperiment,
  fingerprint,
  NOW,
  textPoints,
  vectorOf,
} from '../support/small-experiment.js';
import { emptyPlace } from './places.js';
import type { Place } from './place.js';

let place: Place;
let id: string;
let embedded: number;

beforeEach(async () => {
  place = await emptyPlace();
  embedded = 0;
  id = await finishExperiment(place.store);
  // As an earlier version leaves an experiment.
  await place.unguarded('delete from prompt_vectors');
});
afterEach(() => place.remove());

const models = {
  embed: async (_: string, inputs: readonly Artifact[]) => {
    embedded += inputs.length;
    const vectors = inputs.map((input) => vectorOf(textPoints, input));
    return { vectors, cutTokens: null, fingerprint, computeMs: 1 };
  },
};

function fill(known: Catalogue = catalogue) {
  const { store } = place;
  const { signal } = new AbortController();
  return fillRunStatistics(id, { store, catalogue: known, models, now: () => NOW, signal });
}

test('an experiment of an earlier version gets its numbers, and nothing of it is run again', async () => {
  const digest = await contentDigest(place.store.db, id);
  const steps = await place.one('select count(*) from invocations');
  expect(await fill()).toEqual({
    computed: 8,
    current: 0,
    unfinishedRuns: 0,
    unknownModels: [],
    ambiguous: 0,
  });
  expect(await contentDigest(place.store.db, id)).toBe(digest);
  expect(await place.one('select count(*) from invocations')).toEqual(steps);
  // The prompts have the vectors that an earlier call left.
  const drift = await place.column('select drift_other_prompts_euclidean_end from run_statistics');
  expect(drift.filter((value) => value !== null)).toHaveLength(4);
});

test('a second call computes nothing', async () => {
  await fill();
  expect(await fill()).toMatchObject({ computed: 0, current: 8 });
});

test('only what is missing or stale is computed', async () => {
  await fill();
  await place.unguarded(
    'update run_statistics set revision = 1000 where run_id = (select min(id) from runs)',
  );
  expect(await fill()).toMatchObject({ computed: 2, current: 6 });
});

test('prompts without any vector are embedded', async () => {
  await place.unguarded(
    'delete from vectors where artifact_id in (select prompt_id from runs) and id not in (select vector_id from embeddings)',
  );
  await fill();
  expect(embedded).toBe(2);
});

test('a model that the catalogue lacks is named, and its runs have their other numbers', async () => {
  const known = new Map([...catalogue].filter(([name]) => name !== 'TextPoints'));
  expect(await fill(known)).toMatchObject({ computed: 8, unknownModels: ['TextPoints'] });
  const drift = await place.column('select drift_prompt_euclidean_end from run_statistics');
  expect(drift.filter((value) => value !== null)).toEqual([]);
});

test('a run that is not finished is counted, and left to its workers', async () => {
  await place.unguarded("update runs set status = 'running' where run_index = 1");
  expect(await fill()).toMatchObject({ computed: 6, unfinishedRuns: 1 });
});
