import type { Catalogue, Model } from '../experiment/model.js';
import { COLOUR_GRADIENT_DIMENSION } from './colour-gradient.js';
import { faultyModels } from './faulty.js';

const BUILT_IN = { source: 'built-in', settings: {}, license: 'MIT' } as const;

const models: readonly Model[] = [
  {
    ...BUILT_IN,
    kind: 'generative',
    name: 'ProceduralPainter',
    summary:
      'Paints the shapes, numbers, colours and places that a prompt names, 256x256, and drifts towards scenes of its own.',
    revision: '1',
    input: 'text',
    output: 'image',
    deterministic: true,
  },
  {
    ...BUILT_IN,
    kind: 'generative',
    name: 'PatternPainter',
    summary:
      'Paints stripes, checks, dots, rings, waves and the like from edge to edge, 256x256, in the colours of a prompt.',
    revision: '1',
    input: 'text',
    output: 'image',
    deterministic: true,
  },
  {
    ...BUILT_IN,
    kind: 'generative',
    name: 'ProceduralDescriber',
    summary:
      'Says which shapes a picture shows, how many, how large, in which colours, where, and on what background.',
    revision: '1',
    input: 'image',
    output: 'text',
    deterministic: true,
  },
  {
    ...BUILT_IN,
    kind: 'generative',
    name: 'PatternDescriber',
    summary:
      'Says which pattern a picture makes from edge to edge, how coarse, in which colours, and of what mood.',
    revision: '1',
    input: 'image',
    output: 'text',
    deterministic: true,
  },
  {
    ...BUILT_IN,
    kind: 'generative',
    name: 'DummyT2I',
    summary: 'A picture of one colour, from a hash of the prompt; for tests and benchmarks.',
    revision: '1',
    input: 'text',
    output: 'image',
    deterministic: true,
  },
  {
    ...BUILT_IN,
    kind: 'generative',
    name: 'DummyI2T',
    summary: 'Three words from a hash of the picture; for tests and benchmarks.',
    revision: '1',
    input: 'image',
    output: 'text',
    deterministic: true,
  },
  {
    ...BUILT_IN,
    kind: 'embedding',
    name: 'HashedNgram',
    summary:
      'A text as hashed words and runs of characters, 768 dimensions: similar wording, similar vectors.',
    revision: '1',
    input: 'text',
    dimension: 768,
  },
  {
    ...BUILT_IN,
    kind: 'embedding',
    name: 'ColourGradient',
    summary:
      'A picture as histograms of its colours and edges by tiles, 384 dimensions: similar look, similar vectors.',
    revision: '1',
    input: 'image',
    dimension: COLOUR_GRADIENT_DIMENSION,
  },
  {
    kind: 'embedding',
    name: 'AllMiniLML6v2',
    summary:
      'all-MiniLM-L6-v2 of sentence-transformers, a text embedder of 384 dimensions: similar meaning, similar vectors.',
    source: 'hub:sentence-transformers/all-MiniLM-L6-v2',
    revision: 'c9745ed1d9f207416be6d2e6f8de32d1f16199bf',
    settings: {
      file: 'onnx/model.onnx',
      dtype: 'fp32',
      max_tokens: 256,
      pooling: 'mean',
      normalize: true,
    },
    license: 'Apache-2.0',
    input: 'text',
    dimension: 384,
  },
  {
    ...BUILT_IN,
    kind: 'embedding',
    name: 'Dummy',
    summary:
      'A pseudo-random unit vector of 768 dimensions from a hash of the text; for tests and benchmarks.',
    revision: '1',
    input: 'text',
    dimension: 768,
  },
];

function byName(entries: readonly Model[]): Catalogue {
  return new Map(entries.map((model) => [model.name, model]));
}

/** Every model that panic-tda knows, in the order in which they are listed. */
export const catalogue: Catalogue = byName(models);

export interface CatalogueOptions {
  /** Adds the models that misbehave on purpose (blank captions, crashes, slowness). */
  readonly testModels?: boolean;
}

/** The catalogue that commands, activities and the pool look models up in. */
export function loadCatalogue(options: CatalogueOptions = {}): Catalogue {
  return options.testModels === true ? byName([...models, ...faultyModels]) : catalogue;
}
