import { z } from 'zod';
import {
  betaShape,
  checkConfig,
  off,
  only,
  predictionType,
  requireDistinctStart,
  sigmaRangeShape,
  spacingShape,
} from './config.js';
import { positiveSignalShares, spacedTimesteps } from './noise-levels.js';
import { eulerStep, originalOf } from './prediction.js';
import { scale, type Scheduler } from './scheduler.js';
import { karrasSigmas, sigmaAt, timestepOf, trainedSigmas } from './sigmas.js';

const shape = {
  ...betaShape,
  ...spacingShape,
  prediction_type: predictionType,
  interpolation_type: only('linear').default('linear'),
  use_karras_sigmas: z.boolean().nullable().default(false),
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
  ...sigmaRangeShape,
  timestep_type: only('discrete').default('discrete'),
  final_sigmas_type: only('zero', 'sigma_min').default('zero'),
};

/**
 * diffusers' EulerDiscreteScheduler (Karras et al. 2022, algorithm 2 without churn). Throws PanicError `InvalidInput` for keys
 * and values of `content` that are not supported.
 */
export function eulerDiscrete(content: Readonly<Record<string, unknown>>): (steps: number) => Scheduler {
  const config = checkConfig('EulerDiscreteScheduler', shape, content);
  const trained = trainedSigmas(positiveSignalShares(config));
  return (steps) => {
    let timesteps = spacedTimesteps(config, config.num_train_timesteps, steps);
    let sigmas = timesteps.map((timestep) => sigmaAt(trained, timestep));
    if (config.use_karras_sigmas === true) {
      sigmas = karrasSigmas(config.sigma_max ?? sigmas[0]!, config.sigma_min ?? sigmas.at(-1)!, steps);
      timesteps = sigmas.map((sigma) => timestepOf(trained, sigma));
    }
    requireDistinctStart('EulerDiscreteScheduler', config, timesteps);
    const levels = Float32Array.from([...sigmas, config.final_sigmas_type === 'zero' ? 0 : trained[0]!]);
    return {
      timesteps: timesteps.map(Math.fround),
      initialSigma: initialSigma(config.timestep_spacing, levels),
      scaleInput: (latents, k) => scale(1 / Math.sqrt(levels[k]! ** 2 + 1), latents),
      step(prediction, k, latents) {
        const [sigma, next] = [levels[k]!, levels[k + 1]!];
        const original = originalOf(config.prediction_type, prediction, latents, sigma);
        return eulerStep(latents, original, sigma, next);
      },
    };
  };
}

/** The variance of the noise that a picture starts from. */
export function initialSigma(spacing: 'linspace' | 'leading' | 'trailing', levels: Float32Array): number {
  const largest = Math.max(...levels);
  return spacing === 'leading' ? Math.sqrt(largest ** 2 + 1) : largest;
}
