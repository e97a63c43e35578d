import { z } from 'zod';

/** Settings of the loader `text-embedder`. */
export const textEmbedderSettings = z.strictObject({
  /** The graph, one of the model's files. */
  file: z.string().min(1),
  dtype: z.enum(['fp32']),
  /** Longer texts are cut there, before the closing token. */
  max_tokens: z.int().positive(),
  pooling: z.enum(['mean']),
  normalize: z.literal(true),
});
