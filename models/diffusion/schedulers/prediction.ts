import { assertNever } from '../../../experiment/errors.js';
import { blend } from './scheduler.js';

export type PredictionType = 'epsilon' | 'sample' | 'v_prediction';

/**
 * The picture's latents that the denoiser sees behind `latents` = original + sigma * noise: its answer is that noise
 * (`epsilon`), the original itself (`sample`), or the velocity between the two (`v_prediction`; Salimans and Ho, "Progressive
 * distillation", 2022, appendix D).
 */
export function originalOf(
  type: PredictionType,
  prediction: Float32Array,
  latents: Float32Array,
  sigma: number,
): Float32Array {
  switch (type) {
    case 'sample':
      return prediction;
    case 'epsilon':
      return blend(1, latents, -sigma, prediction);
    case 'v_prediction':
      return blend(1 / (sigma ** 2 + 1), latents, -sigma / Math.sqrt(sigma ** 2 + 1), prediction);
    default:
      return assertNever(type);
  }
}

/** The same for latents = alpha * original + sigma * noise, alpha^2 + sigma^2 = 1. */
export function originalOfMixture(
  type: PredictionType,
  prediction: Float32Array,
  latents: Float32Array,
  alpha: number,
  sigma: number,
): Float32Array {
  switch (type) {
    case 'sample':
      return prediction;
    case 'epsilon':
      return blend(1 / alpha, latents, -sigma / alpha, prediction);
    case 'v_prediction':
      return blend(alpha, latents, -sigma, prediction);
    default:
      return assertNever(type);
  }
}

/** Limits each value to -range..range, where the scheduler clips. */
export function clipped(values: Float32Array, range: number | null): Float32Array {
  return range === null ? values : values.map((value) => Math.min(Math.max(value, -range), range));
}
