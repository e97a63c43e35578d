import type { NoiseSource } from '../noise/noise-source.js';

/**
 * Walks one picture's latents from noise to the picture, in `timesteps.length` steps k = 0, 1, 2, ... in order.
 * Each picture needs a new scheduler, since some schedulers remember earlier steps. Sums are computed in float64
 * and kept in float32, as graphs take them.
 */
export interface Scheduler {
  /** The timestep that the denoiser gets at each step. */
  readonly timesteps: readonly number[];
  /** The factor of the initial noise, which has unit variance. */
  readonly initialSigma: number;
  /** The latents that the denoiser gets at step k. */
  scaleInput(latents: Float32Array, k: number): Float32Array;
  /** The latents after step k, from the denoiser's answer to the latents before. May draw noise of the same size. */
  step(prediction: Float32Array, k: number, latents: Float32Array, noise: NoiseSource): Float32Array;
}

/** a * x + b * y */
export function blend(a: number, x: Float32Array, b: number, y: Float32Array): Float32Array {
  const sum = new Float32Array(x.length);
  for (let i = 0; i < sum.length; i++) sum[i] = a * x[i]! + b * y[i]!;
  return sum;
}

/** a * x */
export function scale(a: number, x: Float32Array): Float32Array {
  return x.map((value) => a * value);
}
