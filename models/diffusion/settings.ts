import { z } from 'zod';
import { DIFFUSION_SCHEDULERS } from './schedulers/create-scheduler.js';

const pixels = z.int().positive().max(4096).multipleOf(8);

/** Settings of the loader `text-to-image`. */
export const textToImageSettings = z.strictObject({
  /** Denoising steps. */
  steps: z.int().positive().max(1000),
  /**
   * Weight of the prompt. Above 1 the denoiser is also asked without it, at twice the work; models that take the weight as an input (LCM,
   * Flux dev) are told it instead, and those that have neither (turbo models, Flux schnell) want 0.
   */
  guidance_scale: z.number().nonnegative().max(100),
  /** Pixels; a multiple of 8, and for Stable Diffusion 3 and Flux of 16. */
  width: pixels,
  height: pixels,
  /** What the picture should not show; only heard with guidance. Absent is as diffusers has it: an empty prompt, or for some XL models none. */
  negative_prompt: z.string().exactOptional(),
  /** Which of torch's generators the seed is for: the one of CUDA devices or the one of the CPU. */
  noise: z.enum(['cuda', 'cpu']).default('cuda'),
  /** How the graphs' weights are stored; recorded, and decided by the files. */
  dtype: z.enum(['fp32', 'fp16', 'bf16', 'int8', 'int4']),
  /** Class of diffusers that takes the place of the one in scheduler_config.json, with the values given there. */
  scheduler: z.enum(DIFFUSION_SCHEDULERS).exactOptional(),
  /** Tokens that a T5 encoder reads; a longer prompt is cut. Stable Diffusion 3: 256 in diffusers, Flux: 512. */
  max_sequence_length: z.int().positive().max(512).exactOptional(),
  /** A decoder instead of the one in vae_decoder/, as a path among the model's files; its config.json lies beside it. */
  vae: z.string().min(1).exactOptional(),
  /** What latents are divided by before that decoder, which then needs no config.json: 1 for TAESD. */
  vae_scaling_factor: z.number().positive().exactOptional(),
});

export type TextToImageSettings = z.infer<typeof textToImageSettings>;
