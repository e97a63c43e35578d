import { openStore } from '../../db/index.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { validateExperiment } from '../../experiment/index.js';
import { modelOfKind, type Catalogue } from '../../experiment/model.js';
import { embedBuiltIn, generateBuiltIn } from '../../models/built-in.js';
import { loadCatalogue } from '../../models/catalogue.js';
import { finishExperiment, type AnsweringModels } from './small-experiment.js';

/** Models that take their time, and those that give the same answers at once. */
const SWIFT: Readonly<Record<string, string>> = { SlowT2I: 'DummyT2I', SlowI2T: 'DummyI2T' };

/** An experiment of models that need no files, test models included, and these models. */
export interface BuiltIn {
  readonly config: ExperimentConfig;
  readonly models: AnsweringModels;
}

/** Throws if the file is not an experiment of such models. */
export async function builtIn(file: unknown): Promise<BuiltIn> {
  const catalogue = await loadCatalogue({ testModels: true });
  const validation = validateExperiment(file, catalogue);
  if (!validation.ok) throw new Error(`not an experiment: ${JSON.stringify(validation.problems)}`);
  return { config: validation.config, models: modelsOf(catalogue) };
}

function modelsOf(catalogue: Catalogue): AnsweringModels {
  return {
    generative: (name) => found(name, modelOfKind(catalogue, name, 'generative')),
    embedding: (name) => found(name, modelOfKind(catalogue, name, 'embedding')),
    answer: ({ name }, input, seed) => generateBuiltIn(SWIFT[name] ?? name, input, seed),
    vectorOf: ({ name }, input) => embedBuiltIn(name, input),
  };
}

function found<M>(name: string, model: M | null): M {
  if (model === null) throw new Error(`there is no such model ${name}`);
  return model;
}

/**
 * Makes a finished experiment of built-in models in a data folder, with the outputs, vectors and diagrams that
 * `run` would make of the file, but without Temporal and workers. Returns its id.
 */
export async function finishedIn(data: string, file: unknown): Promise<string> {
  const { config, models } = await builtIn(file);
  const store = openStore(data);
  try {
    return await finishExperiment(store, config, models);
  } finally {
    await store.close();
  }
}
