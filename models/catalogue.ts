import type { Catalogue, Model } from '../experiment/model.js';
import { faultyModels } from './faulty.js';

const BUILT_IN = { source: 'built-in', settings: {}, license: 'MIT' } as const;

const models: readonly Model[] = [
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
