import type { EmbeddingModel, Weights } from '../../../experiment/model.js';
import { COMMIT } from '../../support/hub-server.js';

/** An embedder at the hub of the tests, as the program knows it. */
export function tinyModel(
  more: Partial<EmbeddingModel> & { weights?: Partial<Weights> } = {},
): EmbeddingModel {
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
