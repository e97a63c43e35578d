import { COMMIT } from './hub-server.js';

/** An embedder at the hub of the tests, in a user's own catalogue. */
export const TINY_ENTRY = {
  name: 'Tiny',
  kind: 'embedding',
  summary: 'A tiny embedder.',
  loader: 'text-embedder',
  source: 'hub:owner/tiny',
  revision: COMMIT,
  license: 'CC0',
  input: 'text',
  dimension: 3,
  settings: {
    file: 'model.onnx',
    dtype: 'fp32',
    output: 'last_hidden_state',
    max_tokens: 8,
    pooling: 'mean',
    normalize: true,
  },
  weights: { files: ['model.onnx'], memory_mib: 1 },
};
