import { z } from 'zod';
import { PanicError } from '../../../common/errors.js';
import { betaShape, checkConfig, clippingShape, only, predictionType, requireSignal } from './config.js';
import { signalShares } from './noise-levels.js';
import { clipped, originalOfMixture } from './prediction.js';
import { blend, type Scheduler } from './scheduler.js';

const shape = {
  ...betaShape,
  ...clippingShape,
  beta_start: betaShape.beta_start.default(0.00085),
  beta_end: betaShape.beta_end.default(0.012),
  beta_schedule: betaShape.beta_schedule.default('scaled_linear'),
  original_inference_steps: z.int().positive().default(50),
  clip_sample: z.boolean().default(false),
  // The next two keys change nothing: the timesteps are those of the training, and the last step returns the
  // original that it computes.
  set_alpha_to_one: z.boolean().default(true),
  steps_offset: z.int().nonnegative().default(0),
  timestep_spacing: only('leading', 'linspace', 'trailing').default('leading'),
  prediction_type: predictionType,
  timestep_scaling: z.number().positive().default(10),
};

const SIGMA_DATA = 0.5;

/**
 * diffusers' LCMScheduler (Luo et al., "Latent consistency models", 2023, algorithm 3). Throws PanicError
 * `InvalidInput` for keys and values that are not supported, and for more steps than the model was distilled from.
 */
export function lcm(content: Readonly<Record<string, unknown>>): (steps: number) => Scheduler {
  const config = checkConfig('LCMScheduler', shape, content);
  const shares = signalShares(config);
  const range = config.clip_sample ? config.clip_sample_range : null;
  return (steps) => {
    const original = config.original_inference_steps;
    if (steps > original) {
      throw new PanicError(
        'InvalidInput',
        `steps is ${steps}; LCMScheduler takes at most its original_inference_steps, ${original}`,
      );
    }
    const stride = Math.floor(config.num_train_timesteps / original);
    const timesteps = Array.from(
      { length: steps },
      (_, i) => (original - Math.floor(i * (original / steps))) * stride - 1,
    );
    requireSignal('LCMScheduler', config, shares[timesteps[0]!]!);
    return {
      timesteps,
      initialSigma: 1,
      scaleInput: (latents) => latents,
      step(prediction, k, latents, noise) {
        const share = shares[timesteps[k]!]!;
        const found = originalOfMixture(
          config.prediction_type,
          prediction,
          latents,
          Math.sqrt(share),
          Math.sqrt(1 - share),
        );
        const scaled = timesteps[k]! * config.timestep_scaling;
        const skip = SIGMA_DATA ** 2 / (scaled ** 2 + SIGMA_DATA ** 2);
        const out = scaled / Math.sqrt(scaled ** 2 + SIGMA_DATA ** 2);
        const denoised = blend(out, clipped(found, range), skip, latents);
        if (k === steps - 1) return denoised;
        const next = shares[timesteps[k + 1]!]!;
        return blend(Math.sqrt(next), denoised, Math.sqrt(1 - next), noise.normals(latents.length));
      },
    };
  };
}
