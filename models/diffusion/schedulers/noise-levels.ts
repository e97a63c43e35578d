import type { z } from 'zod';
import { assertNever, PanicError } from '../../../common/errors.js';
import { roundHalfToEven } from '../../../common/rounding.js';
import type { betaShape, spacingShape } from './config.js';

type BetaConfig = z.infer<z.ZodObject<typeof betaShape>>;
type SpacingConfig = z.infer<z.ZodObject<typeof spacingShape>>;

const fround = Math.fround;
/** The least signal of diffusers, 2^-24. It replaces a signal of zero, by which no scheduler could divide. */
const LEAST_SIGNAL = 2 ** -24;

/**
 * The share of signal, `alphas_cumprod`, at each of the training's timesteps. It is float32 and rounded where torch
 * rounds, since the ratios of the last shares decide the scale of the noise.
 */
export function signalShares(config: BetaConfig): Float32Array {
  const alphas = betas(config).map((beta) => 1 - beta);
  return cumulativeProduct(config.rescale_betas_zero_snr ? withoutFinalSignal(alphas) : alphas);
}

/** The same for schedulers that divide by the share: where the last share is zero, the least signal replaces it. */
export function positiveSignalShares(config: BetaConfig): Float32Array {
  const shares = signalShares(config);
  if (config.rescale_betas_zero_snr) shares[shares.length - 1] = LEAST_SIGNAL;
  return shares;
}

function betas(config: BetaConfig): Float32Array {
  const { beta_start: start, beta_end: end, num_train_timesteps: count } = config;
  switch (config.beta_schedule) {
    case 'linear':
      return linear(start, end, count);
    case 'scaled_linear':
      return linear(Math.sqrt(start), Math.sqrt(end), count).map((root) => root * root);
    case 'squaredcos_cap_v2':
      return Float32Array.from({ length: count }, (_, i) =>
        Math.min(1 - cosineShare((i + 1) / count) / cosineShare(i / count), 0.999),
      );
    default:
      return assertNever(config.beta_schedule);
  }
}

/** torch.linspace in float32: from both ends to the middle. */
function linear(start: number, end: number, count: number): Float32Array {
  const step = fround((fround(end) - fround(start)) / (count - 1));
  return Float32Array.from({ length: count }, (_, i) =>
    i < count / 2 ? fround(start) + step * i : fround(end) - step * (count - 1 - i),
  );
}

/** Nichol and Dhariwal, "Improved denoising diffusion probabilistic models", 2021, equation 17. */
function cosineShare(time: number): number {
  return Math.cos((((time + 0.008) / 1.008) * Math.PI) / 2) ** 2;
}

function cumulativeProduct(factors: Float32Array): Float32Array {
  let product = 1;
  return factors.map((factor) => (product *= factor));
}

/** Lin et al., "Common diffusion noise schedules and sample steps are flawed", 2023, algorithm 1. */
function withoutFinalSignal(alphas: Float32Array): Float32Array {
  const roots = cumulativeProduct(alphas).map(Math.sqrt);
  const [first, last] = [roots[0]!, roots.at(-1)!];
  const stretch = fround(first / fround(first - last));
  const shares = roots.map((root) => fround(fround(root - last) * stretch)).map((root) => root * root);
  return shares.map((share, i) => 1 - fround(1 - (i === 0 ? share : fround(share / shares[i - 1]!))));
}

/** The timesteps of `steps` steps, from the last of the training's on downwards (numpy's rounding: halves to even). */
export function spacedTimesteps(config: SpacingConfig, trained: number, steps: number): number[] {
  switch (config.timestep_spacing) {
    case 'linspace':
      return evenly(0, trained - 1, steps).toReversed();
    case 'leading': {
      const stride = Math.floor(trained / steps);
      return Array.from({ length: steps }, (_, i) => (steps - 1 - i) * stride + config.steps_offset);
    }
    case 'trailing':
      return countDown(trained, trained / steps);
    default:
      return assertNever(config.timestep_spacing);
  }
}

/** numpy.linspace */
export function evenly(start: number, end: number, count: number): number[] {
  const step = (end - start) / Math.max(count - 1, 1);
  return Array.from({ length: count }, (_, i) => (i > 0 && i === count - 1 ? end : start + i * step));
}

/**
 * Timesteps from `start` downwards at this stride, each rounded, and then less one. For some strides, such as 1000
 * / 61, the sum of the rounding errors gives one timestep too many, below 0, to which diffusers also walks. Throws
 * PanicError `InvalidInput` there.
 */
export function countDown(start: number, stride: number): number[] {
  const length = Math.ceil(start / stride);
  const timesteps = Array.from({ length }, (_, i) => roundHalfToEven(start - i * stride) - 1);
  if (timesteps.every((timestep) => timestep >= 0)) return timesteps;
  throw new PanicError(
    'InvalidInput',
    `${start} timesteps cannot be shared out to ${length - 1} steps by the spacing "trailing"; take a step more or less`,
  );
}
