import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { embedPrompts } from '../../activities/embed-prompts.js';
import type { Store } from '../../db/index.js';
import { mergeStores } from '../../db/merge/index.js';
import { isSqlite } from '../../db/connection/sqlite.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { experimentId } from '../../experiment/ids.js';
import {
  config,
  embed,
  finishExperiment,
  fingerprint,
  imagePoints,
  NOW,
  rejection,
  textPoints,
  vectorOf,
} from '../support/small-experiment.js';
import { Patient, named } from './patient.js';
import { emptyPlace } from './places.js';
import type { Place } from './place.js';
import { newFolder, sqlitePlace } from './sqlite-place.js';

const NEVER = new AbortController().signal;
const texts = { id: 0, name: 'TextPoints', input: 'text', dimension: 4 } as const;

let place: Place;
let store: Store;
let asked: string[];
let modelId: number;

beforeEach(async () => {
  place = await emptyPlace();
  ({ store } = place);
  asked = [];
  modelId = await store.provenance.modelId(textPoints);
});
afterEach(() => place.remove());

const models = {
  embed: async (_: string, inputs: readonly { readonly modality: string; readonly text?: string }[]) => {
    const given = inputs.map(({ text }) => text ?? '');
    asked.push(...given);
    return {
      vectors: given.map((text) => vectorOf(textPoints, { modality: 'text', text })),
      cutTokens: given.map(() => 0),
      fingerprint,
      computeMs: 1,
    };
  },
};

async function planned(of: ExperimentConfig): Promise<string> {
  const id = experimentId(of);
  await store.experiments.plan(id, of, NOW);
  return id;
}

async function embedded(id: string, index: number, until = Infinity): Promise<boolean> {
  const run = await store.runs.get(id, index);
  const { prompts } = await store.experiments.config(id);
  return embedPrompts({ store, models }, run, prompts.length, { ...texts, id: modelId }, NEVER, until);
}

function digest(vector: Float32Array): Buffer {
  return createHash('sha256').update(new Uint8Array(vector.buffer)).digest();
}

async function originsOf(id: string, index: number) {
  const { prompts } = await store.experiments.config(id);
  return store.promptVectors.origins(await store.runs.get(id, index), prompts.length, modelId);
}

test('each prompt of an experiment is embedded once, whichever of its runs comes first', async () => {
  const id = await planned({ ...config, prompts: ['a', 'b', 'c'] });
  expect(await embedded(id, 4)).toBe(true);
  expect(asked).toEqual(['b', 'c', 'a']);
  expect(await embedded(id, 0)).toBe(true);
  expect(asked).toHaveLength(3);
});

test('experiments share the vector of a prompt, also those without reuse', async () => {
  await embedded(await planned(config), 0);
  const other = await planned({ ...config, prompts: ['the sea', 'a blue pear'], reuse: false });
  await embedded(other, 0);
  expect(asked).toEqual(['a red apple', 'the sea', 'a blue pear']);
  expect(await originsOf(other, 0)).not.toBeNull();
});

test('a prompt that is also an output has the vector of that output', async () => {
  const id = await finishExperiment(store, { ...config, prompts: ['a red apple'] });
  await place.unguarded('delete from prompt_vectors');
  const caption = String(
    await place.one("select text from artifacts where text like 'caption%' order by id limit 1"),
  );
  const other = await planned({ ...config, prompts: [caption] });
  await embedded(other, 0);
  expect(asked).toEqual([]);
  expect(await originsOf(other, 0)).not.toBeNull();
  expect(id).not.toBe(other);
});

test('the deletion of an experiment leaves the vector of an output that is the prompt of another', async () => {
  const id = await finishExperiment(store, { ...config, prompts: ['a red apple'] });
  const caption = String(
    await place.one("select text from artifacts where text like 'caption%' order by id limit 1"),
  );
  const other = await planned({ ...config, prompts: [caption] });
  await embedded(other, 0);
  const before = await originsOf(other, 0);
  expect(await store.deletion.begin(id, null, NOW)).toBe(true);
  while (!(await store.deletion.step(id)).done);
  await store.deletion.removeObjects(Date.now);
  await store.deletion.end(id);
  expect(await originsOf(other, 0)).toEqual(before);
  expect(before).not.toBeNull();
  expect(await place.one('select count(*) from vectors')).toEqual(
    await place.one('select count(*) from prompt_vectors'),
  );
});

test('a call that has no time left embeds nothing, and a later one does the rest', async () => {
  const id = await planned(config);
  expect(await embedded(id, 0, 0)).toBe(false);
  expect(asked).toEqual([]);
  expect(await originsOf(id, 0)).toBeNull();
  expect(await embedded(id, 0)).toBe(true);
});

test('the origins of a run are its prompt and the others, and their digest says which', async () => {
  const id = await planned({ ...config, prompts: ['a', 'b', 'c'] });
  await embedded(id, 0);
  const [a, b, c] = ['a', 'b', 'c'].map((text) => vectorOf(textPoints, { modality: 'text', text }));
  const others = [a!, c!].toSorted((one, two) => digest(one).compare(digest(two)));
  const found = (await originsOf(id, 1))!;
  expect(found.prompt).toEqual(b);
  expect(found.others).toEqual(Float32Array.from(others.flatMap((vector) => [...vector])));
  const sha256 = createHash('sha256').update(digest(b!));
  for (const vector of others) sha256.update(digest(vector));
  expect(found.sha256).toEqual(sha256.digest());
  expect((await originsOf(id, 0))!.sha256).not.toEqual(found.sha256);
});

test('the first vector of a prompt stays, whatever a late attempt brings, and no vector is left over', async () => {
  const id = await planned(config);
  await embedded(id, 0);
  const before = await originsOf(id, 0);
  const vectors = await place.one('select count(*) from vectors');
  const { promptId } = await store.runs.get(id, 0);
  const late = { artifactId: promptId, vector: Float32Array.of(1, 2, 3, 4), computeMs: 1, cutTokens: 0 };
  const hostId = await store.provenance.hostId(fingerprint);
  await store.promptVectors.commit([late], { modelId, hostId });
  expect(await originsOf(id, 0)).toEqual(before);
  expect(await place.one('select count(*) from vectors')).toEqual(vectors);
});

test('a text that is no prompt, and a vector of another text, are refused', async () => {
  const id = await finishExperiment(store);
  const { promptId } = await store.runs.get(id, 0);
  await place.unguarded('delete from prompt_vectors');
  const caption = Number(
    await place.one(
      "select artifact_id from vectors v join artifacts a on a.id = v.artifact_id where a.text like 'caption%' limit 1",
    ),
  );
  const vector = Number(await place.one(`select id from vectors where artifact_id = ${caption}`));
  const insert = (artifact: number) =>
    rejection(place.sql(`insert into prompt_vectors values (${artifact}, ${modelId}, ${vector})`));
  expect(await insert(caption)).toMatch(/its text is the prompt of no run/);
  expect(await insert(promptId)).toMatch(/its vector belongs to another text or model/);
});

test('a merge copies the vectors of the prompts of the runs that it adds', async () => {
  const source = sqlitePlace(newFolder(), null);
  try {
    const id = await finishExperiment(source.store, { ...config, prompts: ['a', 'b'] });
    const { db } = source.store;
    if (!isSqlite(db)) throw new Error('a source is an SQLite file');
    const parts = { dryRun: false, busy: async () => null, now: () => NOW };
    const merged = mergeStores({ source: { ...source.store, db }, target: store, ...parts });
    for await (const { outcome } of merged) expect(outcome).toBe('new');
    expect(await embedded(id, 1)).toBe(true);
    expect(asked).toEqual([]);
    expect(await originsOf(id, 1)).not.toBeNull();
  } finally {
    await source.remove();
  }
});

test('doctor takes a wrong vector from a prompt, and the next run gives it its own again', async () => {
  const id = await finishExperiment(store);
  const patient = new Patient(place, id);
  const { promptId } = await store.runs.get(id, 0);
  await patient.change(
    `update prompt_vectors set vector_id = (select min(vector_id) from embeddings where model_id = ${modelId}) where artifact_id = ?`,
    promptId,
  );
  expect(named(await patient.violations())).toEqual([`3 prompt_vectors ${promptId}/${modelId}`]);
  expect(await patient.mend()).toEqual([]);
  expect(await patient.violations()).toEqual([]);
  expect(await originsOf(id, 0)).toBeNull();
  await embed(store, await store.runs.get(id, 0), textPoints);
  expect(await originsOf(id, 0)).not.toBeNull();
});

test('doctor deletes a broken vector together with the row of the prompt that has it', async () => {
  const id = await finishExperiment(store);
  const patient = new Patient(place, id);
  const { promptId } = await store.runs.get(id, 0);
  const vector = Number(
    await place.one('select vector_id from prompt_vectors where artifact_id = ?', promptId),
  );
  await patient.change('update vectors set norm = norm + 1 where id = ?', vector);
  const of = { experiment: id };
  expect(named(await patient.violations(of))).toEqual([`3 vectors ${vector}`]);
  expect(await patient.mend()).toEqual([]);
  expect(await patient.violations()).toEqual([]);
  expect(await originsOf(id, 0)).toBeNull();
});

test('a model of pictures gives prompts no vector', async () => {
  await finishExperiment(store);
  const pictures = await store.provenance.modelId(imagePoints);
  expect(await place.column('select distinct model_id from prompt_vectors')).toEqual([modelId]);
  expect(pictures).not.toBe(modelId);
});
