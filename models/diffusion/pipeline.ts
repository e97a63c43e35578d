import { PanicError } from '../../common/errors.js';
import type { NoiseSource } from './noise/noise-source.js';
import type { Scheduler } from './schedulers/scheduler.js';
import type { TextToImageSettings } from './settings.js';
import { type Floats, stack } from './tensors.js';

/** A decoded picture before rounding, and what was not read of its prompt. */
export interface Painting {
  /** Channels, rows, columns: 3 x height x width, -1..1 and beyond. */
  readonly picture: Floats;
  readonly cutTokens: number;
}

/** A text-to-image pipeline, loaded. Throws PanicError as LoadedGenerator's items do, and `DeviceError`. */
export interface Pipeline {
  paint(prompt: string, noise: NoiseSource): Promise<Painting>;
}

/** Asks the denoiser what it sees in a batch of latents at a timestep. */
export type Denoiser = (latents: Floats, timestep: number) => Promise<Floats>;

/** From noise to latents of a picture. Throws PanicError `ModelOutputInvalid` where numbers cease to be finite. */
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
 * Classifier-free guidance (Ho and Salimans, 2022): asks about the latents without and with the prompt in one batch of two, and goes
 * `weight` times the way from the one answer to the other.
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

/** Throws PanicError `ModelOutputInvalid`. */
export function requireFinite(values: Float32Array, what: string): void {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new PanicError(
    'ModelOutputInvalid',
    `${what} hold ${values[bad]} at position ${bad}; weights of lower precision than they were made for can overflow`,
  );
}

/** Throws PanicError `InvalidInput` for a setting that is given where `heard` says that this pipeline would not hear it. */
export function refuseUnheard(
  settings: TextToImageSettings,
  heard: Partial<Record<keyof TextToImageSettings, boolean>>,
): void {
  for (const name of ['negative_prompt', 'max_sequence_length', 'scheduler'] as const) {
    if (settings[name] === undefined || heard[name] !== false) continue;
    throw new PanicError(
      'InvalidInput',
      `${name} is set, and this model does not hear it${name === 'negative_prompt' ? ' without a guidance_scale above 1' : ''}; leave it out`,
    );
  }
}
