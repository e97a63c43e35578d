import { z } from 'zod';
import { PanicError } from '../../../common/errors.js';

/**
 * Keys of the schedulers of diffusers 0.39. A saved configuration has keys of the schedulers from which it was
 * converted. Diffusers ignores keys that its own class does not have, and so does this program. It refuses any
 * other key.
 */
const KEYS_OF_OTHER_SCHEDULERS = new Set([
  'algorithm_type',
  'base_image_seq_len',
  'base_shift',
  'beta_end',
  'beta_schedule',
  'beta_start',
  'clip_sample',
  'clip_sample_range',
  'corrector_steps',
  'disable_corrector',
  'dynamic_thresholding_ratio',
  'euler_at_final',
  'final_sigmas_type',
  'flow_shift',
  'interpolation_type',
  'invert_sigmas',
  'lambda_min_clipped',
  'lower_order_final',
  'max_image_seq_len',
  'max_shift',
  'num_train_timesteps',
  'original_inference_steps',
  'predict_x0',
  'prediction_type',
  'rescale_betas_zero_snr',
  's_churn',
  's_noise',
  'sample_max_value',
  'set_alpha_to_one',
  'shift',
  'shift_terminal',
  'sigma_data',
  'sigma_max',
  'sigma_min',
  'skip_prk_steps',
  'snr_shift_scale',
  'solver_order',
  'solver_p',
  'solver_type',
  'steps_offset',
  'stochastic_sampling',
  'thresholding',
  'time_shift_type',
  'timestep_scaling',
  'timestep_spacing',
  'timestep_type',
  'trained_betas',
  'use_beta_sigmas',
  'use_dynamic_shifting',
  'use_exponential_sigmas',
  'use_flow_sigmas',
  'use_karras_sigmas',
  'use_lu_lambdas',
  'variance_type',
]);

/**
 * Reads the text of a `scheduler_config.json`. Python writes infinities and NaN into it as words that JSON does not
 * have; they become texts such as "-Infinity". Throws SyntaxError.
 */
export function parseSchedulerJson(text: string): unknown {
  return JSON.parse(text.replaceAll(/:\s*(-?Infinity|NaN)\b/g, ': "$1"'));
}

/**
 * Checks a scheduler's configuration by the schema of its class, which has every key of that class, and for each
 * key the values that this program supports. A key that the configuration lists in `_use_default_values` has its
 * default, as in diffusers. Throws PanicError `InvalidInput` with each key that is not known and each value that is
 * not supported.
 */
export function checkConfig<T extends z.ZodRawShape>(
  className: string,
  shape: T,
  content: Readonly<Record<string, unknown>>,
): z.infer<z.ZodObject<T>> {
  const unset = content['_use_default_values'];
  const own = Object.entries(content).filter(
    ([key]) =>
      !(Array.isArray(unset) && unset.includes(key)) &&
      (key in shape || !(key.startsWith('_') || KEYS_OF_OTHER_SCHEDULERS.has(key))),
  );
  const checked = z.strictObject(shape).safeParse(Object.fromEntries(own));
  if (checked.success) return checked.data;
  const problems = checked.error.issues.map((issue) => {
    const [key] = issue.path;
    if (key === undefined) return `  ${issue.message}`;
    return `  ${String(key)} is ${JSON.stringify(content[String(key)])}, which is not supported: ${issue.message}`;
  });
  throw new PanicError('InvalidInput', `scheduler_config.json of ${className}:\n${problems.join('\n')}`);
}

/**
 * Throws PanicError `InvalidInput` for timesteps beyond those of the training. An offset leads there where the
 * steps take nearly all timesteps.
 */
export function requireTrained(
  className: string,
  timesteps: readonly number[],
  trained: number,
  steps: number,
): void {
  const beyond = timesteps.find((timestep) => timestep >= trained);
  if (beyond === undefined) return;
  throw new PanicError(
    'InvalidInput',
    `steps is ${steps}; the first of ${className}'s timesteps would be ${beyond}, and the model was trained on 0 to ${trained - 1}. ` +
      'Take fewer steps',
  );
}

/**
 * Throws PanicError `InvalidInput` where a denoiser that predicts the noise would begin without any signal. The
 * picture behind pure noise cannot be computed from the noise, unless it is clipped.
 */
export function requireSignal(
  className: string,
  { prediction_type: type, clip_sample: clips }: { prediction_type: string; clip_sample: boolean },
  firstShare: number,
): void {
  if (firstShare > 0 || type !== 'epsilon' || clips) return;
  throw new PanicError(
    'InvalidInput',
    `scheduler_config.json of ${className}: rescale_betas_zero_snr is true, which leaves no signal at the first timestep, and ` +
      'prediction_type is "epsilon", from which no picture can be computed there. Models of such a schedule have "v_prediction"',
  );
}

/**
 * Throws PanicError `InvalidInput` where the first two timesteps are equal. Diffusers then begins at the second
 * level of noise and runs out of levels at the end.
 */
export function requireDistinctStart(
  className: string,
  { use_karras_sigmas: karras }: { use_karras_sigmas: boolean | null },
  [first, second]: readonly number[],
): void {
  if (first !== second) return;
  throw new PanicError(
    'InvalidInput',
    `${className}: its first two timesteps would both be ${first}` +
      (karras === true ? ' by use_karras_sigmas (and sigma_max, where the configuration has it)' : '') +
      '; take fewer steps, or another scheduler',
  );
}

/** The smallest and the largest level of noise of Karras levels; null for those of the training. */
export const sigmaRangeShape = {
  sigma_min: z.number().positive().nullable().default(null),
  sigma_max: z.number().positive().nullable().default(null),
};

/** A key of which this program supports only the values `values`. */
const only = <const T extends string>(...values: readonly T[]) => z.enum(values);
const off = z.literal(false).nullable().default(false);

/** The keys that decide the noise at each of the training's timesteps. */
export const betaShape = {
  num_train_timesteps: z.int().positive().default(1000),
  beta_start: z.number().positive().default(0.0001),
  beta_end: z.number().positive().default(0.02),
  beta_schedule: only('linear', 'scaled_linear', 'squaredcos_cap_v2').default('linear'),
  trained_betas: z.null().default(null),
  rescale_betas_zero_snr: z.boolean().default(false),
};

/** The keys that decide which of the training's timesteps the steps take. */
export const spacingShape = {
  timestep_spacing: only('linspace', 'leading', 'trailing').default('linspace'),
  steps_offset: z.int().nonnegative().default(0),
};

/** What the denoiser predicts. */
export const predictionType = only('epsilon', 'sample', 'v_prediction').default('epsilon');

/** This program supports clipping to a fixed range, and no dynamic clipping. */
export const clippingShape = {
  clip_sample_range: z.number().positive().default(1),
  thresholding: off,
  dynamic_thresholding_ratio: z.number().default(0.995),
  sample_max_value: z.number().default(1),
};

export { off, only };
