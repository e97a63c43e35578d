import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { isPanicError } from '../../../common/errors.js';
import { noiseSource } from '../../../models/diffusion/noise/create-noise.js';
import type { NoiseSource } from '../../../models/diffusion/noise/noise-source.js';
import { parseSchedulerJson } from '../../../models/diffusion/schedulers/config.js';
import { schedulerMaker } from '../../../models/diffusion/schedulers/create-scheduler.js';
import { flowMatchEulerDiscrete } from '../../../models/diffusion/schedulers/flow-match-euler-discrete.js';
import type { Scheduler } from '../../../models/diffusion/schedulers/scheduler.js';
import { floats, largestDifference } from './fixtures.js';

type Config = Readonly<Record<string, unknown>>;
interface Walk {
  readonly config: Config;
  readonly steps: number;
  readonly timesteps: readonly number[];
  /** Latents before the first step. */
  readonly initial: string;
  /** Latents after each step. */
  readonly states: readonly string[];
}

// Made by test/fixtures/diffusion/make.py with diffusers: 24 latents, and a prediction for each step from torch's
// CPU generator.
const fixture = join(import.meta.dirname, '../../fixtures/diffusion/schedulers.json');
const {
  seed,
  cases,
  flows,
}: {
  seed: number;
  cases: readonly (Walk & { scheduler: string; initial_sigma: number })[];
  flows: readonly (Walk & { image_tokens: number; to_one_step: boolean })[];
} = JSON.parse(readFileSync(fixture, 'utf8'));
const LATENTS = 24;

function expectWalk(scheduler: Scheduler, expected: Walk, noise: NoiseSource): void {
  expect(largestDifference(scheduler.timesteps, expected.timesteps)).toBeLessThan(1e-3);
  const drawn = noise.normals(LATENTS).map((value) => value * scheduler.initialSigma);
  expect(largestDifference(drawn, floats(expected.initial)) / scheduler.initialSigma).toBeLessThan(1e-6);
  let latents = floats(expected.initial);
  for (const [k, state] of expected.states.entries()) {
    const prediction = noiseSource('cpu', k).normals(LATENTS);
    latents = Float32Array.from(scheduler.step(prediction, k, latents, noise));
    const scale = Math.max(1, ...floats(state).map(Math.abs));
    expect(largestDifference(latents, floats(state)) / scale).toBeLessThan(3e-6);
  }
}

describe("a scheduler walks as diffusers'", () => {
  test.each(cases.map((one) => [`${one.scheduler}, ${one.steps} steps`, one] as const))('%s', (_, one) => {
    const scheduler = schedulerMaker({ ...one.config, _class_name: one.scheduler })(one.steps);
    expect(scheduler.initialSigma).toBeCloseTo(one.initial_sigma, 4);
    expectWalk(scheduler, one, noiseSource('cpu', seed));
  });

  test.each(flows)('flow matching, $steps steps, to one step $to_one_step', (one) => {
    const path = { steps: one.steps, imageTokens: one.image_tokens, toOneStep: one.to_one_step };
    expectWalk(flowMatchEulerDiscrete(one.config)(path), one, noiseSource('cpu', seed));
  });
});

function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    if (isPanicError(error, 'InvalidInput')) return error.message;
    throw error;
  }
  return 'accepted';
}

const euler = (more: Config) =>
  refusal(() => schedulerMaker({ _class_name: 'EulerDiscreteScheduler', ...more })(4));

describe("a scheduler's configuration", () => {
  test.each([
    ['use_beta_sigmas', true],
    ['use_exponential_sigmas', true],
    ['timestep_spacing', 'evenly'],
    ['prediction_type', 'flow'],
    ['timestep_type', 'continuous'],
    ['interpolation_type', 'log_linear'],
    ['beta_schedule', 'sigmoid'],
    ['trained_betas', [0.1, 0.2]],
    ['steps_offset', 'one'],
  ])('with a value that is not supported is refused by name: %s', (key, value) => {
    expect(euler({ [key]: value })).toContain(`${key} is ${JSON.stringify(value)}, which is not supported`);
  });

  test('with an unknown key is refused by name', () => {
    expect(euler({ use_new_sigmas: true })).toContain('use_new_sigmas');
    const dynamic = refusal(() => schedulerMaker({ _class_name: 'DDIMScheduler', thresholding: true })(4));
    expect(dynamic).toContain('thresholding is true');
    const third = refusal(() =>
      schedulerMaker({ _class_name: 'DPMSolverMultistepScheduler', solver_order: 3 })(4),
    );
    expect(third).toContain('solver_order is 3');
    const many = refusal(() => schedulerMaker({ _class_name: 'LCMScheduler' })(51));
    expect(many).toContain('at most its original_inference_steps, 50');
  });

  test("may have keys of the scheduler from which it was converted, as diffusers' own do", () => {
    // As in stabilityai/sd-turbo: keys of PNDMScheduler and DDIMScheduler.
    const foreign = {
      skip_prk_steps: true,
      clip_sample: false,
      sample_max_value: 1,
      set_alpha_to_one: false,
    };
    expect(euler({ ...foreign, _diffusers_version: '0.24.0.dev0' })).toBe('accepted');
  });

  test('with an unsupported class is refused, and the message names the supported classes', () => {
    const message = refusal(() => schedulerMaker({ _class_name: 'HeunDiscreteScheduler' }));
    expect(message).toContain('HeunDiscreteScheduler');
    expect(message).toContain('DDIMScheduler');
    expect(refusal(() => schedulerMaker({ _class_name: 'HeunDiscreteScheduler' }, 'DDIMScheduler')(4))).toBe(
      'accepted',
    );
  });

  test('is refused for a number of steps whose last would fall below the first timestep', () => {
    const trailing = schedulerMaker({ _class_name: 'EulerDiscreteScheduler', timestep_spacing: 'trailing' });
    expect(refusal(() => trailing(61))).toContain('61 steps');
    for (let steps = 1; steps <= 60; steps++) expect(trailing(steps).timesteps).toHaveLength(steps);
  });

  test('is refused for a number of steps for which its method or its offset has no room', () => {
    const rungeKutta = schedulerMaker({ _class_name: 'PNDMScheduler' });
    expect(refusal(() => rungeKutta(3))).toContain('at least 4');
    expect(rungeKutta(4).timesteps).toHaveLength(13);
    for (const name of ['PNDMScheduler', 'DDIMScheduler']) {
      const offset = schedulerMaker({ _class_name: name, skip_prk_steps: true, steps_offset: 1 });
      expect(refusal(() => offset(1000))).toContain('would be 1000');
      expect(refusal(() => offset(500))).toBe('accepted');
    }
  });

  test('may have an infinity, as Python writes it', () => {
    const text =
      '{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "solver_order": 2}';
    const config = parseSchedulerJson(text);
    if (typeof config !== 'object' || config === null) throw new Error('the configuration is no object');
    expect(refusal(() => schedulerMaker({ ...config })(4))).toBe('accepted');
  });
});
