import { afterAll } from '@jest/globals';
import { contentDigest } from '../../db/read/content.js';
import { openStore } from '../../db/index.js';
import { validateExperiment } from '../../experiment/index.js';
import type { Catalogue, Model } from '../../experiment/model.js';
import { embedBuiltIn, generateBuiltIn } from '../../models/built-in.js';
import { loadCatalogue } from '../../models/catalogue.js';
import { finishExperiment } from './small-experiment.js';
import { sharedTemporaryFolder } from './temporary-folder.js';

/** Models that take their time, and those that give the same answers at once. */
const SWIFT: Readonly<Record<string, string>> = { SlowT2I: 'DummyT2I', SlowI2T: 'DummyI2T' };

// Is open for the whole file: the decoders of pictures of a process stay while it has an open store.
const store = openStore(sharedTemporaryFolder());
afterAll(() => store.close());

/**
 * The content digest of an experiment of built-in models with fixed seeds, as it is where nothing disturbs it:
 * this process makes step after step, vector after vector, without workers and without Temporal.
 */
export async function undisturbedDigest(file: unknown): Promise<string> {
  const catalogue = await loadCatalogue({ testModels: true });
  const validation = validateExperiment(file, catalogue);
  if (!validation.ok) throw new Error(`not an experiment: ${JSON.stringify(validation.problems)}`);
  const { config } = validation;
  if (config.seeds.includes(-1)) throw new Error('each store draws its own number for seed -1');
  const id = await finishExperiment(store, config, {
    generative: (name) => modelOf(catalogue, name, 'generative'),
    embedding: (name) => modelOf(catalogue, name, 'embedding'),
    answer: ({ name }, input, seed) => generateBuiltIn(SWIFT[name] ?? name, input, seed),
    vectorOf: ({ name }, input) => embedBuiltIn(name, input),
  });
  return await contentDigest(store.db, id);
}

function modelOf<K extends Model['kind']>(
  catalogue: Catalogue,
  name: string,
  kind: K,
): Extract<Model, { readonly kind: K }> {
  const model = catalogue.get(name);
  if (!isOfKind(model, kind)) throw new Error(`there is no ${kind} model ${name}`);
  return model;
}

function isOfKind<K extends Model['kind']>(
  model: Model | undefined,
  kind: K,
): model is Extract<Model, { readonly kind: K }> {
  return model?.kind === kind;
}
