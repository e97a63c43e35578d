import type { Modality } from '../../experiment/artifact.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import type { Catalogue, EmbeddingModel, GenerativeModel } from '../../experiment/model.js';

const identity = {
  summary: '',
  loader: 'built-in',
  weights: null,
  source: 'built-in',
  revision: '1',
  settings: {},
  license: 'MIT',
} as const;

export function generative(name: string, input: Modality, output: Modality): GenerativeModel {
  return { ...identity, kind: 'generative', name, input, output, deterministic: true };
}

export function embedding(name: string, input: Modality, dimension: number): EmbeddingModel {
  return { ...identity, kind: 'embedding', name, input, dimension };
}

/** One model for every pair of modalities, and an embedding model for each modality. */
export const catalogue: Catalogue = new Map(
  [
    generative('Painter', 'text', 'image'),
    generative('Describer', 'image', 'text'),
    generative('Rewriter', 'text', 'text'),
    generative('Restyler', 'image', 'image'),
    embedding('TextPoints', 'text', 768),
    embedding('ImagePoints', 'image', 64),
  ].map((model) => [model.name, model]),
);

/** The smallest valid experiment file. */
export const smallest = {
  networks: [['Painter', 'Describer']],
  prompts: ['a red apple'],
  seeds: [42],
  embedding_models: ['TextPoints'],
  max_length: 10,
};

export const smallestConfig: ExperimentConfig = {
  ...smallest,
  name: null,
  on_cycle: 'stop',
  max_dimension: 2,
  max_edge_length: null,
  null_model: null,
  reuse: true,
  concurrency: 64,
  weight: 1,
};
