import { assertNever } from '../../../common/errors.js';
import { blend } from './scheduler.js';

const fround = Math.fround;

export type PredictionType = 'epsilon' | 'sample' | 'v_prediction';

/**
 * The original latents that the denoiser predicts behind `latents` = original + sigma * noise. The denoiser's
 * answer is that noise (`epsilon`), the original itself (`sample`), or the velocity between the two
 * (`v_prediction`; Salimans and Ho, "Progressive distillation", 2022, appendix D). The function rounds where
 * diffusers rounds: models without a last signal have sigmas in the thousands, at which the rounding itself shows
 * in the picture.
 */
export function originalOf(
  type: PredictionType,
  prediction: Float32Array,
  latents: Float32Array,
  sigma: number,
): Float32Array {
  const level = fround(fround(sigma ** 2) + 1);
  switch (type) {
    case 'sample':
      return prediction;
    case 'epsilon':
      return latents.map((value, i) => value - fround(sigma * prediction[i]!));
    case 'v_prediction': {
      const weight = fround(-sigma / fround(Math.sqrt(level)));
      return latents.map((value, i) => fround(prediction[i]! * weight) + fround(value / level));
    }
    default:
      return assertNever(type);
  }
}

/** From the level `sigma` to the level `next`, along the line through the original; rounded as originalOf is. */
export function eulerStep(
  latents: Float32Array,
  original: Float32Array,
  sigma: number,
  next: number,
): Float32Array {
  const distance = fround(next - sigma);
  return latents.map((value, i) => value + fround(fround(fround(value - original[i]!) / sigma) * distance));
}

/** As originalOf, for latents = alpha * original + sigma * noise with alpha^2 + sigma^2 = 1. */
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
      // Without any signal the values are infinite. The caller clips them afterwards.
      return alpha === 0
        ? latents.map((value, i) => (value - sigma * prediction[i]!) / alpha)
        : blend(1 / alpha, latents, -sigma / alpha, prediction);
    case 'v_prediction':
      return blend(alpha, latents, -sigma, prediction);
    default:
      return assertNever(type);
  }
}

/** The values limited to -range..range; unchanged where the range is null. */
export function clipped(values: Float32Array, range: number | null): Float32Array {
  return range === null ? values : values.map((value) => Math.min(Math.max(value, -range), range));
}
