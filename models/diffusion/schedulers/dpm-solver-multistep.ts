import { z } from 'zod';
import { assertNever } from '../../../common/errors.js';
import {
  betaShape,
  checkConfig,
  clippingShape,
  off,
  only,
  predictionType,
  requireDistinctStart,
  sigmaRangeShape,
  spacingShape,
} from './config.js';
import { roundHalfToEven } from '../../../common/rounding.js';
import { countDown, evenly, positiveSignalShares } from './noise-levels.js';
import { originalOfMixture } from './prediction.js';
import { blend, type Scheduler } from './scheduler.js';
import { karrasSigmas, sigmaAt, timestepOf, trainedSigmas } from './sigmas.js';

const { clip_sample_range: _, ...thresholdingShape } = clippingShape;
const shape = {
  ...betaShape,
  ...thresholdingShape,
  ...spacingShape,
  solver_order: z.union([z.literal(1), z.literal(2)], '1 or 2').default(2),
  prediction_type: predictionType,
  algorithm_type: only('dpmsolver++', 'sde-dpmsolver++').default('dpmsolver++'),
  // Names of other solvers, for which diffusers takes this class's default.
  solver_type: z
    .enum(['midpoint', 'heun', 'logrho', 'bh1', 'bh2'])
    .transform((type) => (type === 'heun' ? type : 'midpoint'))
    .default('midpoint'),
  lower_order_final: z.boolean().default(true),
  euler_at_final: z.boolean().default(false),
  use_karras_sigmas: z.boolean().nullable().default(false),
  // The class does not declare these two keys, but diffusers follows them where a configuration has them.
  ...sigmaRangeShape,
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
  use_lu_lambdas: off,
  use_flow_sigmas: off,
  flow_shift: z.number().nullable().default(1),
  final_sigmas_type: only('zero', 'sigma_min').default('zero'),
  lambda_min_clipped: z.union([z.number(), z.literal('-Infinity')]).default('-Infinity'),
  variance_type: z.null().default(null),
  use_dynamic_shifting: off,
  time_shift_type: z.string().default('exponential'),
};

/** With fewer steps than this, the last ones have a lower order. */
const FEW_STEPS = 15;

/**
 * diffusers' DPMSolverMultistepScheduler: DPM-Solver++ of order 1 or 2 (Lu et al., "DPM-Solver++", 2022, algorithm
 * 2), and its stochastic variant, which draws noise at every step. Throws PanicError `InvalidInput` for what is not
 * supported.
 */
export function dpmSolverMultistep(content: Readonly<Record<string, unknown>>): (steps: number) => Scheduler {
  const config = checkConfig('DPMSolverMultistepScheduler', shape, content);
  const shares = positiveSignalShares(config);
  const trained = trainedSigmas(shares);
  const stochastic = config.algorithm_type === 'sde-dpmsolver++';
  return (steps) => {
    let timesteps = timestepsOf(config, shares, steps);
    let sigmas = timesteps.map((timestep) => sigmaAt(trained, timestep));
    if (config.use_karras_sigmas === true) {
      sigmas = karrasSigmas(config.sigma_max ?? trained.at(-1)!, config.sigma_min ?? trained[0]!, steps);
      timesteps = sigmas.map((sigma) => timestepOf(trained, sigma));
      if (config.beta_schedule !== 'squaredcos_cap_v2') timesteps = timesteps.map(roundHalfToEven);
      timesteps = timesteps.map(Math.trunc);
    }
    requireDistinctStart('DPMSolverMultistepScheduler', config, timesteps);
    const levels = Float32Array.from([...sigmas, config.final_sigmas_type === 'zero' ? 0 : trained[0]!]);
    const mixtures = Array.from(levels, (sigma) => ({
      alpha: 1 / Math.sqrt(sigma ** 2 + 1),
      sigma: sigma / Math.sqrt(sigma ** 2 + 1),
      /** Half the logarithm of the ratio of signal to noise; infinite without noise. */
      lambda: -Math.log(sigma),
    }));
    let before: Float32Array | null = null;

    return {
      timesteps,
      initialSigma: 1,
      scaleInput: (latents) => latents,
      step(prediction, k, latents, noise) {
        const [from, to] = [mixtures[k]!, mixtures[k + 1]!];
        const found = originalOfMixture(config.prediction_type, prediction, latents, from.alpha, from.sigma);
        const isLast = k === timesteps.length - 1;
        const few = timesteps.length < FEW_STEPS && config.lower_order_final;
        const first =
          config.solver_order === 1 ||
          before === null ||
          (isLast && (config.euler_at_final || few || config.final_sigmas_type === 'zero'));
        const h = to.lambda - from.lambda;
        // The deterministic solver has 1 - exp(-h). The one that adds noise has twice the distance.
        const gain = to.alpha * -Math.expm1(stochastic ? -2 * h : -h);
        const kept = (to.sigma / from.sigma) * (stochastic ? Math.exp(-h) : 1);
        let next = blend(kept, latents, gain, found);
        if (!first) {
          const ratio = (from.lambda - mixtures[k - 1]!.lambda) / h;
          const bend =
            config.solver_type === 'midpoint' ? gain / 2 : to.alpha * heunWeight(stochastic ? 2 * h : h);
          next = blend(1, next, bend / ratio, blend(1, found, -1, before!));
        }
        before = found;
        if (!stochastic) return next;
        const spread = to.sigma * Math.sqrt(-Math.expm1(-2 * h));
        return blend(1, next, spread, noise.normals(latents.length));
      },
    };
  };
}

/** (exp(-h) - 1) / h + 1 */
function heunWeight(h: number): number {
  return Math.expm1(-h) / h + 1;
}

type Config = z.infer<z.ZodObject<typeof shape>>;

function timestepsOf(config: Config, shares: Float32Array, steps: number): number[] {
  const last = config.num_train_timesteps - clippedTimesteps(config, shares);
  switch (config.timestep_spacing) {
    case 'linspace':
      return evenly(0, last - 1, steps + 1)
        .map(roundHalfToEven)
        .toReversed()
        .slice(0, -1);
    case 'leading': {
      const stride = Math.floor(last / (steps + 1));
      return Array.from({ length: steps }, (_, i) => (steps - i) * stride + config.steps_offset);
    }
    case 'trailing':
      return countDown(last, config.num_train_timesteps / steps);
    default:
      return assertNever(config.timestep_spacing);
  }
}

/** How many of the noisiest timesteps have a lambda below `lambda_min_clipped`. */
function clippedTimesteps(config: Config, shares: Float32Array): number {
  const least = Number(config.lambda_min_clipped);
  return shares.filter((share) => Math.log(Math.sqrt(share)) - Math.log(Math.sqrt(1 - share)) < least).length;
}
