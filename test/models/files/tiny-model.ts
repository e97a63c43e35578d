import type { EmbeddingModel, Weights } from '../../../experiment/model.js';
import { COMMIT } from '../../support/hub-server.js';

export type TinyModel = Extract<EmbeddingModel, { readonly loader: 'text-embedder' }>;

/** The part of the model that a test gives. */
export type Said = Partial<Omit<TinyModel, 'weights'>> & { readonly weights?: Partial<Weights> };

/** An embedder at the hub of the tests, as the program knows it. */
export function tinyModel(more: Said = {}): TinyModel {
  return {
    name: 'Tiny',
    kind: 'embedding',
    summary: 'for tests',
    loader: 'text-embedder',
    source: 'hub:owner/tiny',
    revision: COMMIT,
    license: 'MIT',
    input: 'text',
    dimension: 3,
    settings: {},
    ...more,
    weights: { files: [], gated: false, memoryMiB: 1, maxBatch: 1, ...more.weights },
  };
}
