import { betaShape, checkConfig, only, requireDistinctStart, spacingShape } from './config.js';
import { initialSigma } from './euler-discrete.js';
import { positiveSignalShares, spacedTimesteps } from './noise-levels.js';
import { eulerStep, originalOf } from './prediction.js';
import { blend, scale, type Scheduler } from './scheduler.js';
import { sigmaAt, trainedSigmas } from './sigmas.js';

const shape = {
  ...betaShape,
  ...spacingShape,
  prediction_type: only('epsilon', 'v_prediction').default('epsilon'),
};

/**
 * diffusers' EulerAncestralDiscreteScheduler: an Euler step beyond the next level, and then noise back to that
 * level. It draws noise at every step, even at the last, where the noise has weight zero. Throws PanicError
 * `InvalidInput` for what is not supported.
 */
export function eulerAncestralDiscrete(
  content: Readonly<Record<string, unknown>>,
): (steps: number) => Scheduler {
  const config = checkConfig('EulerAncestralDiscreteScheduler', shape, content);
  const trained = trainedSigmas(positiveSignalShares(config));
  return (steps) => {
    const timesteps = spacedTimesteps(config, config.num_train_timesteps, steps);
    requireDistinctStart('EulerAncestralDiscreteScheduler', { use_karras_sigmas: false }, timesteps);
    const levels = Float32Array.from([...timesteps.map((timestep) => sigmaAt(trained, timestep)), 0]);
    return {
      timesteps: timesteps.map(Math.fround),
      initialSigma: initialSigma(config.timestep_spacing, levels),
      scaleInput: (latents, k) => scale(1 / Math.sqrt(levels[k]! ** 2 + 1), latents),
      step(prediction, k, latents, noise) {
        const [from, to] = [levels[k]!, levels[k + 1]!];
        const up = Math.sqrt((to ** 2 * (from ** 2 - to ** 2)) / from ** 2);
        const down = Math.sqrt(to ** 2 - up ** 2);
        const original = originalOf(config.prediction_type, prediction, latents, from);
        return blend(1, eulerStep(latents, original, from, down), up, noise.normals(latents.length));
      },
    };
  };
}
