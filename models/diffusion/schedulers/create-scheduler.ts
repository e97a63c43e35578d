import { PanicError } from '../../../common/errors.js';
import { ddim } from './ddim.js';
import { dpmSolverMultistep } from './dpm-solver-multistep.js';
import { eulerAncestralDiscrete } from './euler-ancestral-discrete.js';
import { eulerDiscrete } from './euler-discrete.js';
import { lcm } from './lcm.js';
import { pndm } from './pndm.js';
import type { Scheduler } from './scheduler.js';

/** The schedulers of denoisers that were trained on noise levels, by the names of diffusers' classes. */
export const DIFFUSION_SCHEDULERS = [
  'EulerDiscreteScheduler',
  'EulerAncestralDiscreteScheduler',
  'LCMScheduler',
  'DDIMScheduler',
  'DPMSolverMultistepScheduler',
  'PNDMScheduler',
] as const;

const makers: Readonly<
  Record<
    (typeof DIFFUSION_SCHEDULERS)[number],
    (content: Readonly<Record<string, unknown>>) => (steps: number) => Scheduler
  >
> = {
  EulerDiscreteScheduler: eulerDiscrete,
  EulerAncestralDiscreteScheduler: eulerAncestralDiscrete,
  LCMScheduler: lcm,
  DDIMScheduler: ddim,
  DPMSolverMultistepScheduler: dpmSolverMultistep,
  PNDMScheduler: pndm,
};

/**
 * Makes a function that makes a scheduler for a number of steps, from the content of a `scheduler_config.json`. The
 * class is the one that the content names, or `className` (as in diffusers' `from_config`, keys that both classes
 * have keep their values). Throws PanicError `InvalidInput` for a class, key or value that is not supported.
 */
export function schedulerMaker(
  content: Readonly<Record<string, unknown>>,
  className = String(content['_class_name']),
): (steps: number) => Scheduler {
  const known = DIFFUSION_SCHEDULERS.find((name) => name === className);
  if (known) return makers[known](content);
  throw new PanicError(
    'InvalidInput',
    `the scheduler ${className} is not supported; set "scheduler" to one of ${DIFFUSION_SCHEDULERS.join(', ')}`,
  );
}
