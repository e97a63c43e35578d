import { z } from 'zod';
import { assertNever } from '../../../common/errors.js';
import {
  betaShape,
  checkConfig,
  clippingShape,
  predictionType,
  requireSignal,
  requireTrained,
  spacingShape,
} from './config.js';
import { roundHalfToEven } from '../../../common/rounding.js';
import { signalShares, spacedTimesteps } from './noise-levels.js';
import { clipped, originalOfMixture, type PredictionType } from './prediction.js';
import { blend, type Scheduler } from './scheduler.js';

const shape = {
  ...betaShape,
  ...clippingShape,
  ...spacingShape,
  timestep_spacing: spacingShape.timestep_spacing.default('leading'),
  clip_sample: z.boolean().default(true),
  set_alpha_to_one: z.boolean().default(true),
  prediction_type: predictionType,
};

/**
 * diffusers' DDIMScheduler (Song et al., "Denoising diffusion implicit models", 2021, equation 12 with eta 0: it
 * draws no noise after the first). Throws PanicError `InvalidInput` for keys and values that are not supported.
 */
export function ddim(content: Readonly<Record<string, unknown>>): (steps: number) => Scheduler {
  const config = checkConfig('DDIMScheduler', shape, content);
  const shares = signalShares(config);
  const range = config.clip_sample ? config.clip_sample_range : null;
  const last = config.set_alpha_to_one ? 1 : shares[0]!;
  return (steps) => {
    const trained = config.num_train_timesteps;
    const timesteps = spacedTimesteps(config, trained, steps).map(roundHalfToEven);
    requireTrained('DDIMScheduler', timesteps, trained, steps);
    requireSignal('DDIMScheduler', config, shares[timesteps[0]!]!);
    const stride = Math.floor(trained / steps);
    return {
      timesteps,
      initialSigma: 1,
      scaleInput: (latents) => latents,
      step(prediction, k, latents) {
        const timestep = timesteps[k]!;
        const share = shares[timestep]!;
        const [alpha, sigma] = [Math.sqrt(share), Math.sqrt(1 - share)];
        const found = originalOfMixture(config.prediction_type, prediction, latents, alpha, sigma);
        const noise = noiseOf(config.prediction_type, prediction, latents, found, alpha, sigma);
        const next = timestep >= stride ? shares[timestep - stride]! : last;
        return blend(Math.sqrt(next), clipped(found, range), Math.sqrt(1 - next), noise);
      },
    };
  };
}

function noiseOf(
  type: PredictionType,
  prediction: Float32Array,
  latents: Float32Array,
  found: Float32Array,
  alpha: number,
  sigma: number,
): Float32Array {
  switch (type) {
    case 'epsilon':
      return prediction;
    case 'sample':
      return blend(1 / sigma, latents, -alpha / sigma, found);
    case 'v_prediction':
      return blend(alpha, prediction, sigma, latents);
    default:
      return assertNever(type);
  }
}
