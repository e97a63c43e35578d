import { z } from 'zod';
import { PanicError } from '../../../common/errors.js';
import { betaShape, checkConfig, only, requireTrained, spacingShape } from './config.js';
import { roundHalfToEven } from '../../../common/rounding.js';
import { signalShares, spacedTimesteps } from './noise-levels.js';
import { blend, scale, type Scheduler } from './scheduler.js';

const { rescale_betas_zero_snr: _, ...betas } = betaShape;
const shape = {
  ...betas,
  ...spacingShape,
  timestep_spacing: spacingShape.timestep_spacing.default('leading'),
  skip_prk_steps: z.boolean().default(false),
  set_alpha_to_one: z.boolean().default(false),
  prediction_type: only('epsilon', 'v_prediction').default('epsilon'),
};

const fround = Math.fround;

/** Steps that the Runge-Kutta method takes at the beginning. Each runs the denoiser four times. */
const RUNGE_KUTTA_STEPS = 3;
/** Weights of the four answers of a Runge-Kutta step. */
const RUNGE_KUTTA = [1 / 6, 1 / 3, 1 / 3, 1 / 6];
/** Weights of the last answers, the newest first, by the number of answers (Adams-Bashforth). */
const MULTISTEP: readonly (readonly number[])[] = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

/**
 * diffusers' PNDMScheduler (Liu et al., "Pseudo numerical methods for diffusion models on manifolds", 2022,
 * algorithm 2). With `skip_prk_steps`, as in the configuration of Stable Diffusion 1, it is the linear multistep
 * method alone (PLMS), which takes its second step twice, so that the denoiser runs once more than there are steps.
 * Otherwise the denoiser runs nine times more. Throws PanicError `InvalidInput` for keys and values that are not
 * supported.
 */
export function pndm(content: Readonly<Record<string, unknown>>): (steps: number) => Scheduler {
  const config = checkConfig('PNDMScheduler', shape, content);
  const shares = signalShares({ ...config, rescale_betas_zero_snr: false });
  const last = config.set_alpha_to_one ? 1 : shares[0]!;
  const trained = config.num_train_timesteps;

  /**
   * Moves along the curve of equation 9 from one timestep to a less noisy one; a timestep below 0 is the picture.
   * It rounds where diffusers rounds, since the first factors are in the thousands where hardly any signal is left.
   */
  function transfer(latents: Float32Array, answer: Float32Array, from: number, to: number): Float32Array {
    const [share, next] = [shares[from]!, to >= 0 ? shares[to]! : last];
    const [lost, lostNext] = [fround(1 - share), fround(1 - next)];
    const noise =
      config.prediction_type === 'epsilon'
        ? answer
        : blend(fround(Math.sqrt(share)), answer, fround(Math.sqrt(lost)), latents);
    const kept = fround(Math.sqrt(fround(next / share)));
    const both = fround(Math.sqrt(fround(fround(share * lost) * next)));
    const divisor = fround(fround(share * fround(Math.sqrt(lostNext))) + both);
    const gain = fround(next - share);
    return latents.map((value, i) => fround(kept * value) - fround(fround(gain * noise[i]!) / divisor));
  }

  return (steps) => {
    const taken = spacedTimesteps(config, trained, steps).map(roundHalfToEven);
    requireTrained('PNDMScheduler', taken, trained, steps);
    const stride = Math.floor(trained / steps);
    const asked = config.skip_prk_steps ? [] : rungeKuttaTimesteps(taken, stride, steps);
    const rest = config.skip_prk_steps
      ? [...taken.slice(0, 2), ...taken.slice(1)]
      : taken.slice(RUNGE_KUTTA_STEPS);
    const timesteps = [...asked, ...rest];
    /** The newest first. */
    let answers: Float32Array[] = [];
    /** The latents from which the method set out, kept while the denoiser reads others in between. */
    let origin: Float32Array | null = null;
    let sum: Float32Array | null = null;

    function rungeKutta(answer: Float32Array, k: number, latents: Float32Array): Float32Array {
      const stage = k % 4;
      const weighted = scale(RUNGE_KUTTA[stage]!, answer);
      if (stage === 0) {
        answers = [answer, ...answers];
        origin = latents;
        sum = weighted;
      } else {
        sum = blend(1, sum!, 1, weighted);
      }
      const to = timesteps[k]! - (k % 2 === 0 ? Math.floor(stride / 2) : 0);
      return transfer(origin!, stage === 3 ? sum : answer, timesteps[k - stage]!, to);
    }

    function multistep(answer: Float32Array, k: number, latents: Float32Array): Float32Array {
      const timestep = timesteps[k]!;
      if (config.skip_prk_steps && k === 1) {
        const mean = blend(1 / 2, answer, 1 / 2, answers[0]!);
        return transfer(origin!, mean, timestep + stride, timestep);
      }
      if (config.skip_prk_steps && k === 0) origin = latents;
      answers = [answer, ...answers].slice(0, 4);
      const combined = answers
        .map((one, i) => scale(MULTISTEP[answers.length - 1]![i]!, one))
        .reduce((total, one) => blend(1, total, 1, one));
      return transfer(latents, combined, timestep, timestep - stride);
    }

    return {
      timesteps,
      initialSigma: 1,
      scaleInput: (latents) => latents,
      step: (prediction, k, latents) =>
        k < asked.length ? rungeKutta(prediction, k, latents) : multistep(prediction, k, latents),
    };
  };
}

/** The timesteps of the Runge-Kutta steps: for each, its beginning, twice its middle, and its end. */
function rungeKuttaTimesteps(taken: readonly number[], stride: number, steps: number): number[] {
  if (steps <= RUNGE_KUTTA_STEPS) {
    throw new PanicError(
      'InvalidInput',
      `steps is ${steps}; PNDMScheduler takes at least ${RUNGE_KUTTA_STEPS + 1} unless its configuration has skip_prk_steps`,
    );
  }
  const half = Math.floor(stride / 2);
  return taken.slice(0, RUNGE_KUTTA_STEPS).flatMap((timestep, k) => {
    const end = taken[k + 1]!;
    return [timestep, end + half, end + half, end];
  });
}
