import { z } from 'zod';
import { DIFFUSION_SCHEDULERS } from './schedulers/create-scheduler.js';

const pixels = z.int().positive().max(4096).multipleOf(8);

/** Settings of the loader `text-to-image`. */
export const textToImageSettings = z.strictObject({
  /** Denoising steps. */
  steps: z.int().positive().max(1000),
  /**
   * Weight of the prompt. Above 1 the denoiser also runs without the prompt, at twice the work. A model that takes
   * the weight as an input (LCM, Flux dev) gets it in place of that. A model that has neither (turbo models, Flux
   * schnell) needs 0.
   */
  guidance_scale: z.number().nonnegative().max(100),
  /** Pixels; a multiple of 8, and for Stable Diffusion 3 and Flux a multiple of 16. */
  width: pixels,
  height: pixels,
  /**
   * What the picture should not show. It needs guidance. Where it is absent, the default of diffusers applies: an
   * empty prompt, or for some XL models none.
   */
  negative_prompt: z.string().exactOptional(),
  /** The generator of torch for which the seed is meant: that of CUDA devices or that of the CPU. */
  noise: z.enum(['cuda', 'cpu']).default('cuda'),
  /** The number format of the graphs' weights. The files decide it; this setting records it. */
  dtype: z.enum(['fp32', 'fp16', 'bf16', 'int8', 'int4']),
  /** A class of diffusers that replaces the one in scheduler_config.json, with the values of that file. */
  scheduler: z.enum(DIFFUSION_SCHEDULERS).exactOptional(),
  /**
   * Tokens that a T5 encoder reads. A longer prompt is cut. The default of diffusers is 256 for Stable Diffusion 3
   * and 512 for Flux.
   */
  max_sequence_length: z.int().positive().max(512).exactOptional(),
  /**
   * A decoder in place of the one in vae_decoder/, as a path among the model's files. Its config.json lies beside
   * it.
   */
  vae: z.string().min(1).exactOptional(),
  /** The divisor of latents before that decoder, which then needs no config.json: 1 for TAESD. */
  vae_scaling_factor: z.number().positive().exactOptional(),
});

export type TextToImageSettings = z.infer<typeof textToImageSettings>;
