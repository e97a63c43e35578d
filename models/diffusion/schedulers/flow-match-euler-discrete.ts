import { z } from 'zod';
import { PanicError } from '../../../common/errors.js';
import { checkConfig, off, only } from './config.js';
import { evenly } from './noise-levels.js';
import { blend, type Scheduler } from './scheduler.js';

const shape = {
  num_train_timesteps: z.int().positive().default(1000),
  shift: z.number().positive().default(1),
  use_dynamic_shifting: z.boolean().default(false),
  base_shift: z.number().nullable().default(0.5),
  max_shift: z.number().nullable().default(1.15),
  base_image_seq_len: z.int().positive().default(256),
  max_image_seq_len: z.int().positive().default(4096),
  invert_sigmas: off,
  shift_terminal: z.null().default(null),
  use_karras_sigmas: off,
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
  time_shift_type: only('exponential', 'linear').default('exponential'),
  stochastic_sampling: off,
  // The class does not declare it, but FluxPipeline follows it.
  use_flow_sigmas: z.boolean().default(false),
};

export interface FlowPath {
  readonly steps: number;
  /** Patches of the picture. A dynamic shift depends on their number. */
  readonly imageTokens: number;
  /**
   * Whether the levels go from 1 down to 1/steps, as in Flux, and not along the training's timesteps. A
   * configuration with use_flow_sigmas overrides it.
   */
  readonly toOneStep: boolean;
}

/**
 * diffusers' FlowMatchEulerDiscreteScheduler (Esser et al., "Scaling rectified flow transformers", 2024, with the shift of
 * section 5.3.2). Throws PanicError `InvalidInput` for keys and values that are not supported.
 */
export function flowMatchEulerDiscrete(
  content: Readonly<Record<string, unknown>>,
): (path: FlowPath) => Scheduler {
  const config = checkConfig('FlowMatchEulerDiscreteScheduler', shape, content);
  const trained = config.num_train_timesteps;
  if (config.use_dynamic_shifting) requireShifts(config);
  const shifted = (sigma: number): number => (config.shift * sigma) / (1 + (config.shift - 1) * sigma);
  return ({ steps, imageTokens, toOneStep }) => {
    const least = config.use_dynamic_shifting ? 1 / trained : shifted(1 / trained);
    const toOne = toOneStep && !config.use_flow_sigmas;
    const plain = evenly(1, toOne ? 1 / steps : Math.fround(least), steps);
    const moved = config.use_dynamic_shifting ? dynamicShift(config, imageTokens) : shifted;
    const sigmas = Float32Array.from([...plain.map(moved), 0]);
    return {
      timesteps: Array.from(sigmas.subarray(0, steps), (sigma) => Math.fround(sigma * trained)),
      initialSigma: 1,
      scaleInput: (latents) => latents,
      step: (prediction, k, latents) => blend(1, latents, sigmas[k + 1]! - sigmas[k]!, prediction),
    };
  };
}

/**
 * The same for a configuration that names this class: models of flow matching support no other. Throws PanicError
 * `InvalidInput` for another class.
 */
export function requireFlowMatch(content: Readonly<Record<string, unknown>>): (path: FlowPath) => Scheduler {
  const name = content['_class_name'];
  if (name === 'FlowMatchEulerDiscreteScheduler') return flowMatchEulerDiscrete(content);
  throw new PanicError(
    'InvalidInput',
    `the scheduler ${String(name)} is not supported for this kind of model; FlowMatchEulerDiscreteScheduler is`,
  );
}

type Config = z.infer<z.ZodObject<typeof shape>>;

/** Throws PanicError `InvalidInput` where the shift depends on the picture's size and one of its bounds is null. */
function requireShifts(config: Config): void {
  const unset = (['base_shift', 'max_shift'] as const).find((key) => config[key] === null);
  if (unset === undefined) return;
  throw new PanicError(
    'InvalidInput',
    `scheduler_config.json of FlowMatchEulerDiscreteScheduler: ${unset} is null; use_dynamic_shifting needs a number`,
  );
}

function dynamicShift(config: Config, imageTokens: number) {
  const { base_image_seq_len: few, max_image_seq_len: many } = config;
  const [low, high] = [config.base_shift!, config.max_shift!];
  const mu = low + ((high - low) / (many - few)) * (imageTokens - few);
  const weight = config.time_shift_type === 'exponential' ? Math.exp(mu) : mu;
  return (sigma: number): number => weight / (weight + (1 / sigma - 1));
}
