import { PanicError } from '../../common/errors.js';
import type { NoiseSource } from './noise/noise-source.js';
import type { Scheduler } from './schedulers/scheduler.js';
import type { TextToImageSettings } from './settings.js';
import { type Floats, stack } from './tensors.js';

/** A decoded picture before rounding, and the number of tokens of its prompt that were not read. */
export interface Painting {
  /** Channels, rows, columns: 3 x height x width, -1..1 and beyond. */
  readonly picture: Floats;
  readonly cutTokens: number;
}

/** A loaded text-to-image pipeline. Throws PanicError as LoadedGenerator's items do, and `DeviceError`. */
export interface Pipeline {
  paint(prompt: string, noise: NoiseSource): Promise<Painting>;
}

/** Runs the denoiser on a batch of latents at a timestep, and returns its answer. */
export type Denoiser = (latents: Floats, timestep: number) => Promise<Floats>;

/**
 * Turns noise into the latents of a picture. Throws PanicError `ModelOutputInvalid` where numbers stop being
 * finite.
 */
export async function denoise(
  scheduler: Scheduler,
  dims: readonly number[],
  initial: Float32Array,
  noise: NoiseSource,
  denoiser: Denoiser,
): Promise<Floats> {
  let latents = initial.map((value) => value * scheduler.initialSigma);
  for (const [k, timestep] of scheduler.timesteps.entries()) {
    const input = { data: scheduler.scaleInput(latents, k), dims };
    const prediction = await denoiser(input, timestep);
    latents = Float32Array.from(scheduler.step(prediction.data, k, latents, noise));
    requireFinite(latents, `the latents after step ${k + 1} of ${scheduler.timesteps.length}`);
  }
  return { data: latents, dims };
}

/**
 * Classifier-free guidance (Ho and Salimans, 2022). It runs the denoiser without and with the prompt in one batch
 * of two, and goes `weight` times the way from the first answer to the second.
 */
export function guided(weight: number, denoiser: Denoiser): Denoiser {
  return async (latents, timestep) => {
    const both = await denoiser(stack(latents, latents), timestep);
    const size = latents.data.length;
    const data = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      const without = both.data[i]!;
      data[i] = without + weight * (both.data[size + i]! - without);
    }
    return { data, dims: latents.dims };
  };
}

/** Throws PanicError `ModelOutputInvalid` where a value is not finite. */
export function requireFinite(values: Float32Array, what: string): void {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new PanicError(
    'ModelOutputInvalid',
    `${what} hold ${values[bad]} at position ${bad}; weights of lower precision than they were made for can overflow`,
  );
}

/**
 * Throws PanicError `InvalidInput` for a setting that this pipeline would ignore. `used` says which settings it
 * uses.
 */
export function refuseUnused(
  settings: TextToImageSettings,
  used: Partial<Record<keyof TextToImageSettings, boolean>>,
): void {
  for (const name of ['negative_prompt', 'max_sequence_length', 'scheduler'] as const) {
    if (settings[name] === undefined || used[name] !== false) continue;
    throw new PanicError(
      'InvalidInput',
      `${name} is set, and this model ignores it${name === 'negative_prompt' ? ' without a guidance_scale above 1' : ''}; leave it out`,
    );
  }
}
