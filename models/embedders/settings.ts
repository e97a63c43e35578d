import { z } from 'zod';

const shared = {
  /** The graph, one of the model's files. */
  file: z.string().min(1),
  /** What the graph computes in. Only fp32 is computed in batches on a CPU: int8 vectors depend on what is beside them. */
  dtype: z.enum(['fp32', 'fp16', 'int8', 'int4']),
  /** Output of the graph that is read. */
  output: z.string().min(1),
  /** Layer normalisation without weights, as nomic-embed prescribes it before truncation. */
  layer_norm: z.literal(true).exactOptional(),
  /** The first so many values are kept (Matryoshka representations). */
  truncate_dimension: z.int().positive().exactOptional(),
  /** Whether vectors are brought to length 1. */
  normalize: z.boolean(),
};

/** Settings of the loader `text-embedder`. */
export const textEmbedderSettings = z.strictObject({
  ...shared,
  /** Longer texts are cut there, before the closing token; the prefix and special tokens count. */
  max_tokens: z.int().positive(),
  /** Put before each text. */
  prefix: z.string().min(1).exactOptional(),
  /**
   * Which of an output's vectors, one per token, are the text's: their mean, that of the first or of the last token. Or
   * `none`: the output has one vector per text.
   */
  pooling: z.enum(['mean', 'cls', 'last', 'none']),
  /** Pixels a side, for a graph that wants a picture beside the text: it is given none of that size. */
  image_size: z.int().positive().exactOptional(),
});

/** Settings of the loader `image-embedder`. */
export const imageEmbedderSettings = z.strictObject({
  ...shared,
  /** As for texts, with patches for tokens; `cls` is the class token, which comes first. */
  pooling: z.enum(['mean', 'cls', 'none']),
});

export type EmbedderSettings = z.infer<typeof textEmbedderSettings> | z.infer<typeof imageEmbedderSettings>;
