import { type EndCycle, extendCycle } from '../../analysis/index.js';
import { PanicError } from '../../common/errors.js';
import type { ChosenRun } from './chosen-runs.js';

/** The steps of a run that are stored, up to the horizon that the user asked for. */
export interface StoredSteps {
  readonly run: ChosenRun;
  /** The invocation that made the output of each step. */
  readonly invocations: Uint32Array;
}

/** How far the runs of a network are compared. */
export interface CommonHorizon {
  /** What the user asked for, in steps. */
  readonly askedSteps: number;
  /** The steps that all runs have, those in a cycle by extension. */
  readonly steps: number;
  /** A run that is not in a cycle and ends before the asked horizon, and so cuts all others; null if none does. */
  readonly cutBy: ChosenRun | null;
}

/**
 * The horizon that all runs of a network have: runs in a cycle are known for ever, and the shortest of the others cuts.
 *
 * @throws PanicError `StoreConflict` if a step of a run is lost: it would move all steps after it.
 */
export function commonHorizon(stored: readonly StoredSteps[], horizon: number, steps: string): CommonHorizon {
  const rounds = roundsOf(stored);
  for (const { run, invocations } of stored) {
    const expected = stepsWithin(rounds, Math.min(run.length, horizon));
    if (invocations.length !== expected) {
      throw damaged(run, `has ${invocations.length} of ${expected} ${steps}`);
    }
  }
  const askedSteps = stepsWithin(rounds, horizon);
  const shortest = stored
    .filter(({ run }) => run.cycle === null)
    .reduce<StoredSteps | null>(
      (least, one) => (least === null || one.invocations.length < least.invocations.length ? one : least),
      null,
    );
  const isCut = shortest !== null && shortest.invocations.length < askedSteps;
  return {
    askedSteps,
    steps: isCut ? shortest.invocations.length : askedSteps,
    cutBy: isCut ? shortest.run : null,
  };
}

/** The values of the steps of a run, cut at the horizon, or extended to it by the cycle of the run. */
export function upToHorizon(
  { run, invocations }: StoredSteps,
  values: Uint32Array,
  { steps }: Pick<CommonHorizon, 'steps'>,
): Uint32Array {
  return run.cycle !== null && values.length < steps
    ? extendCycle(values, invocations, run.cycle, steps)
    : values.slice(0, steps);
}

/** The exact cycle of a run in steps; null without one, and where the horizon does not hold a round of it. */
export function cycleInSteps(
  { run: { cycle }, invocations }: StoredSteps,
  { steps }: Pick<CommonHorizon, 'steps'>,
): EndCycle | null {
  if (cycle === null) return null;
  const end = cycle.start + cycle.length;
  const onset = invocations.findIndex((invocation) => invocation >= cycle.start);
  if (onset === -1) return null;
  let period = 0;
  while (onset + period < invocations.length && invocations[onset + period]! < end) period++;
  return period === 0 || onset + period > steps ? null : { onset, period };
}

/** Which places of a round of the network make steps. */
interface Rounds {
  readonly length: number;
  /** For each place the number of steps at the places before it, and at the end their number in a round. */
  readonly before: Uint32Array;
}

function roundsOf(stored: readonly StoredSteps[]): Rounds {
  const length = stored[0]!.run.network.length;
  const isStep = new Uint8Array(length);
  for (const { invocations } of stored) {
    for (const invocation of invocations) isStep[invocation % length] = 1;
  }
  const before = new Uint32Array(length + 1);
  for (let place = 0; place < length; place++) before[place + 1] = before[place]! + isStep[place]!;
  return { length, before };
}

/** The steps among the first invocations. */
function stepsWithin({ length, before }: Rounds, invocations: number): number {
  return Math.floor(invocations / length) * before[length]! + before[invocations % length]!;
}

export function damaged({ index, experiment }: ChosenRun, what: string): PanicError {
  return new PanicError(
    'StoreConflict',
    `run ${index} of experiment ${experiment} ${what}; "panic-tda doctor" says what mends it`,
  );
}
