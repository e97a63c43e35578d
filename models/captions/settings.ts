import { z } from 'zod';

/** Number formats that exporters write, with the suffix of a graph's file name for each. */
export const DTYPE_SUFFIXES = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
} as const;
export type Dtype = keyof typeof DTYPE_SUFFIXES;

export const dtypeSchema = z.enum(['fp32', 'fp16', 'q8', 'int8', 'uint8', 'q4', 'q4f16', 'bnb4']);

/**
 * How the model chooses words: exactly the settings that transformers.js 4.3.1 honours (`_get_logits_processor` and
 * `logits_sampler.js`).
 */
const generation = {
  /** The model stops here where it has not ended the caption before. */
  max_new_tokens: z.int().positive(),
  /** False: always the likeliest token. True: a token drawn with the invocation's seed. */
  do_sample: z.boolean().default(false),
  temperature: z.number().positive().default(1),
  /** The model draws from so many of the likeliest tokens; 0: from all. */
  top_k: z.int().nonnegative().default(50),
  repetition_penalty: z.number().positive().default(1),
  no_repeat_ngram_size: z.int().nonnegative().default(0),
};
const IGNORED = ['num_beams', 'top_p'];
const PLAIN_SENTENCE = /^[^<>]+$/;

const prompt = z
  .string()
  .regex(PLAIN_SENTENCE, 'a sentence without "<" and ">": the loader adds the tokens around it');

/** The settings of a family. Unknown keys are errors. */
function family<const Name extends string, Shape extends z.ZodRawShape>(name: Name, shape: Shape) {
  return z.strictObject({ family: z.literal(name), ...generation, ...shape }, { error: ignoredKeys });
}

function ignoredKeys(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'unrecognized_keys') return undefined;
  const ignored = issue.keys.filter((key) => IGNORED.includes(key));
  if (ignored.length === 0) return undefined;
  return `transformers.js ignores ${ignored.join(' and ')}: leave out what would have no effect`;
}

/**
 * Settings of the loader `image-to-text`. `<graph>_dtype` chooses which export of a graph the loader opens:
 * `onnx/<graph><suffix>.onnx` in the model's folder.
 */
export const captionSettings = z
  .discriminatedUnion('family', [
    family('vision-encoder-decoder', {
      encoder_model_dtype: dtypeSchema,
      decoder_model_merged_dtype: dtypeSchema,
    }),
    family('florence2', {
      vision_encoder_dtype: dtypeSchema,
      embed_tokens_dtype: dtypeSchema,
      encoder_model_dtype: dtypeSchema,
      decoder_model_merged_dtype: dtypeSchema,
      /** The sentence behind a task token: "What does the image describe?" stands for <CAPTION>. */
      prompt,
    }),
    family('moondream', {
      vision_encoder_dtype: dtypeSchema,
      embed_tokens_dtype: dtypeSchema,
      decoder_model_merged_dtype: dtypeSchema,
      prompt,
    }),
    family('smolvlm', {
      vision_encoder_dtype: dtypeSchema,
      embed_tokens_dtype: dtypeSchema,
      decoder_model_merged_dtype: dtypeSchema,
      prompt,
      /** Whether the model also sees the picture in tiles: finer, and up to 17 times the work. */
      image_splitting: z.boolean(),
    }),
    family('qwen-vl', {
      vision_encoder_dtype: dtypeSchema,
      embed_tokens_dtype: dtypeSchema,
      decoder_model_merged_dtype: dtypeSchema,
      prompt,
      /** The captioner shrinks larger pictures to so many pixels, at most what `preprocessor_config.json` allows. */
      max_pixels: z.int().positive(),
    }),
  ])
  .refine(({ do_sample: drawn, temperature, top_k: topK }) => drawn || (temperature === 1 && topK === 50), {
    error: 'temperature and top_k act where do_sample is true only: leave out what would have no effect',
  });

export type CaptionSettings = z.output<typeof captionSettings>;
export type SettingsOf<Family extends CaptionSettings['family']> = Extract<
  CaptionSettings,
  { family: Family }
>;
