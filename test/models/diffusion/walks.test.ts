import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { isPanicError } from '../../../common/errors.js';
import { noiseSource } from '../../../models/diffusion/noise/create-noise.js';
import { schedulerMaker } from '../../../models/diffusion/schedulers/create-scheduler.js';
import { flowMatchEulerDiscrete } from '../../../models/diffusion/schedulers/flow-match-euler-discrete.js';
import type { Scheduler } from '../../../models/diffusion/schedulers/scheduler.js';
import { isFullRange } from '../../support/range.js';
import { fixtures, floats, largestDifference } from './fixtures.js';

interface Walk {
  readonly config: Readonly<Record<string, unknown>>;
  readonly steps: number;
  readonly to_one_step?: boolean;
  /** The error of diffusers where it has no walk. */
  readonly error?: string;
  /** The sum of (k + 1) times the timestep of step k. */
  readonly timesteps: number;
  readonly asked: number;
  readonly sigma: number;
  /** Latents after the last step. */
  readonly last: string;
  /** The denoiser's input at the last step. */
  readonly input?: string;
}

interface Walks {
  readonly scheduler: string;
  /** Every key that diffusers' class declares or reads. */
  readonly keys: readonly string[];
  readonly cases: Walk[];
}

// Made by test/fixtures/diffusion/make-walks.py with diffusers.
const [first, ...lines] = readFileSync(join(fixtures, 'walks.jsonl'), 'utf8').trimEnd().split('\n');
const { seed, tokens, latents: size }: { seed: number; tokens: number; latents: number } = JSON.parse(first!);
const all: Walks[] = [];
for (const line of lines) {
  const entry: Walk | Omit<Walks, 'cases'> = JSON.parse(line);
  if ('scheduler' in entry) all.push({ ...entry, cases: [] });
  else all.at(-1)!.cases.push(entry);
}

function schedulerOf(name: string, { config, steps, to_one_step: toOneStep = false }: Walk): Scheduler {
  if (name !== 'FlowMatchEulerDiscreteScheduler') return schedulerMaker(config, name)(steps);
  return flowMatchEulerDiscrete(config)({ steps, imageTokens: tokens, toOneStep });
}

const predictions = new Map<number, Float32Array>();

/** The answer of the denoiser at a step, the same in every walk. */
function predictionAt(step: number): Float32Array {
  const known = predictions.get(step);
  if (known !== undefined) return known;
  const made = noiseSource('cpu', step).normals(size);
  predictions.set(step, made);
  return made;
}

/** "equal", "refused: KEY ..." with the keys of the case that the refusal names, or the difference. */
function outcome(name: string, walk: Walk): string {
  let scheduler: Scheduler;
  try {
    scheduler = schedulerOf(name, walk);
  } catch (error) {
    if (!isPanicError(error, 'InvalidInput')) throw error;
    const named = Object.keys(walk.config).filter((key) => new RegExp(`\\b${key}\\b`).test(error.message));
    if (walk.error === undefined && named.length === 0) return `refused without a key: ${error.message}`;
    return `refused: ${named.join(' ')}`;
  }
  if (walk.error !== undefined) return `walked, where diffusers says: ${walk.error}`;
  const noise = noiseSource('cpu', seed);
  let latents = noise.normals(size).map((value) => value * scheduler.initialSigma);
  let input = latents;
  for (const k of scheduler.timesteps.keys()) {
    input = Float32Array.from(scheduler.scaleInput(latents, k));
    latents = Float32Array.from(scheduler.step(predictionAt(k), k, latents, noise));
  }
  // Schedules without a last signal begin at noise of thousands, or divide by a remainder of rounding.
  const tolerance = walk.config['rescale_betas_zero_snr'] === true ? 5e-5 : 5e-6;
  const timesteps = scheduler.timesteps.reduce((sum, timestep, k) => sum + timestep * (k + 1), 0);
  if (scheduler.timesteps.length !== walk.asked) return `asked ${scheduler.timesteps.length} times`;
  if (Math.abs(timesteps - walk.timesteps) > 1e-5 * walk.timesteps) return `other timesteps (${timesteps})`;
  if (Math.abs(scheduler.initialSigma - walk.sigma) > 1e-5 * walk.sigma) return 'another initial sigma';
  const pairs: [found: Float32Array, wanted: string][] = [[latents, walk.last]];
  if (walk.input) pairs.push([input, walk.input]);
  for (const [found, wanted] of pairs) {
    const expected = floats(wanted);
    const scale = Math.max(1, ...expected.map(Math.abs));
    const difference = largestDifference(found, expected) / scale;
    if (!(difference < tolerance)) return `another picture (${difference})`;
  }
  return 'equal';
}

/** Values that diffusers walks and this program refuses, by key. Each is refused alone. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  EulerDiscreteScheduler: [
    'trained_betas',
    'interpolation_type log_linear',
    'use_exponential_sigmas true',
    'use_beta_sigmas true',
    'timestep_type continuous',
  ],
  EulerAncestralDiscreteScheduler: ['trained_betas'],
  LCMScheduler: ['thresholding true'],
  DDIMScheduler: ['trained_betas', 'thresholding true'],
  DPMSolverMultistepScheduler: [
    'trained_betas',
    'solver_order 3',
    'prediction_type flow_prediction',
    'thresholding true',
    'use_exponential_sigmas true',
    'use_beta_sigmas true',
    'use_lu_lambdas true',
    'use_flow_sigmas true',
    'variance_type learned',
    'variance_type learned_range',
    'use_dynamic_shifting true',
  ],
  PNDMScheduler: ['trained_betas'],
  FlowMatchEulerDiscreteScheduler: [
    'invert_sigmas true',
    'shift_terminal 0.1',
    'use_karras_sigmas true',
    'use_exponential_sigmas true',
    'use_beta_sigmas true',
    'stochastic_sampling true',
  ],
};

/** The keys of a case with their values. `trained_betas` has a number of timesteps with it. */
function entriesOf(config: Walk['config']): [key: string, value: unknown][] {
  return Object.entries(config).filter(
    ([key]) => key !== 'num_train_timesteps' || !('trained_betas' in config),
  );
}

/** By day, every walk of one key and some of two. */
const PAIRS_ONE_OF = 5;

describe.each(all)('$scheduler', ({ scheduler, keys, cases }) => {
  const tried = cases.filter(
    ({ config }, k) => isFullRange() || k % PAIRS_ONE_OF === 0 || entriesOf(config).length < 2,
  );
  const outcomes = tried.map((walk) => [walk, outcome(scheduler, walk)] as const);

  test('walks as diffusers does, or refuses by name what it does not support', () => {
    const wrong = outcomes.filter(([, found]) => found !== 'equal' && !found.startsWith('refused: '));
    expect(
      wrong.map(([{ config, steps }, found]) => `${JSON.stringify(config)}, ${steps} steps: ${found}`),
    ).toEqual([]);
    expect(outcomes.filter(([, found]) => found === 'equal').length).toBeGreaterThan(tried.length / 3);
  });

  test('refuses no other values than these, and the fixture has each key', () => {
    const single = outcomes.flatMap(([{ config, error }, found]) => {
      const [entry, ...others] = entriesOf(config);
      return entry === undefined || others.length > 0 ? [] : [{ entry, error, found }];
    });
    expect([...new Set(single.map(({ entry: [key] }) => key))].toSorted()).toEqual(keys.toSorted());
    const refused = single
      .filter(({ error, found }) => error === undefined && found !== 'equal')
      .map(({ entry: [key, value] }) => (Array.isArray(value) ? key : `${key} ${String(value)}`));
    expect([...new Set(refused)]).toEqual(REFUSED[scheduler]);
  });
});
