import type { NoiseSource } from '../noise/noise-source.js';

/**
 * Walks one picture's latents from noise to the picture, in `timesteps.length` steps k = 0, 1, 2, ... in order. Made afresh for
 * each picture: some remember the steps before. Sums are taken in float64 and kept in float32, as the graphs take them.
 */
export interface Scheduler {
  /** What the denoiser is told at each step. */
  readonly timesteps: readonly number[];
  /** What the initial noise, of unit variance, is multiplied with. */
  readonly initialSigma: number;
  /** What the denoiser is given at step k. */
  scaleInput(latents: Float32Array, k: number): Float32Array;
  /** The latents after step k, from the denoiser's answer to the ones before. May draw noise, of the same size. */
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
