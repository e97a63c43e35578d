import { z } from 'zod';

const shared = {
  /** The graph's file, one of the model's. */
  file: z.string().min(1),
  /**
   * The number format of the graph. Only fp32 is computed in batches on a CPU: int8 vectors depend on the rest of
   * the batch.
   */
  dtype: z.enum(['fp32', 'fp16', 'int8', 'int4']),
  /** The output of the graph that the embedder reads. */
  output: z.string().min(1),
  /** Layer normalisation without weights, which nomic-embed prescribes before truncation. */
  layer_norm: z.literal(true).exactOptional(),
  /** The embedder keeps so many values from the front (Matryoshka representations). */
  truncate_dimension: z.int().positive().exactOptional(),
  /** Whether the embedder brings vectors to length 1. */
  normalize: z.boolean(),
};

/** Settings of the loader `text-embedder`. */
export const textEmbedderSettings = z.strictObject({
  ...shared,
  /**
   * The embedder cuts longer texts to so many tokens, before the closing token. The prefix and special tokens
   * count.
   */
  max_tokens: z.int().positive(),
  /** The embedder puts this before each text. */
  prefix: z.string().min(1).exactOptional(),
  /**
   * Which vector of the output is the text's: the mean over the tokens, that of the first token (`cls`) or that of
   * the last. With `none`, the output has one vector for each text.
   */
  pooling: z.enum(['mean', 'cls', 'last', 'none']),
  /**
   * Pixels a side, for a graph that also wants pictures. The embedder feeds an empty batch of pictures of that
   * size.
   */
  image_size: z.int().positive().exactOptional(),
});

/** Settings of the loader `image-embedder`. */
export const imageEmbedderSettings = z.strictObject({
  ...shared,
  /** As for texts, with patches in place of tokens; `cls` is the class token, which comes first. */
  pooling: z.enum(['mean', 'cls', 'none']),
});

export type EmbedderSettings = z.infer<typeof textEmbedderSettings> | z.infer<typeof imageEmbedderSettings>;
