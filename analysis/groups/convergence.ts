import { Pacer, type Work } from '../../tda/pacer.js';
import { pairCount } from '../../tda/triangle.js';
import { layOut, type Design } from '../inference/arrangements.js';
import { squaredDistanceAt } from '../distance.js';
import { AnalysisInputError } from '../errors.js';
import { meansOfPairs } from './group-distances.js';
import { recoveryHalfLife, shareOfNearest } from './recovery.js';
import type { SignalOption } from './run-distances.js';
import { stepCount, type Trajectory } from '../trajectory.js';

/** Do runs of one group (prompt) stay apart from those of others? Each curve has a value for each of `steps`. */
export interface Convergence {
  readonly steps: Uint32Array;
  /** Mean distance of two runs of one group in one stratum; null without such a pair. */
  readonly within: Float64Array | null;
  /** Mean distance of two runs of two groups in one stratum; null without such a pair. */
  readonly between: Float64Array | null;
  /** Share of runs whose nearest other run is of their group (`recovery`); null if no run has another. */
  readonly recovered: Float64Array | null;
  /** The share that runs in random places would have. */
  readonly chance: number | null;
  /** Steps until half of what the share had above chance is lost; null if it never is. The memory of the prompt. */
  readonly halfLife: number | null;
}

export interface ConvergenceOptions extends SignalOption {
  /** The steps at which to compare, rising. Default: every step that all runs have. */
  readonly steps?: Uint32Array | undefined;
}

/**
 * Distances within and between groups, and the recovery of the group, as curves over time. Only runs of one stratum
 * (network) are compared. `within` and `between` equal, and `recovered` at chance, say that the prompts are forgotten.
 *
 * Runs that stopped at a cycle must have been extended (`extendCycle`); the others are cut at the shortest.
 * Null if a run has no step. Time O(steps · pairs · dimension), 1.5 ns each; it lets the event loop run about every
 * 40 ms.
 *
 * Rejects with AnalysisInputError, which names the place, for a malformed trajectory or design, for runs of several
 * dimensions, and for steps that a run does not have; or with the signal's reason.
 */
export async function convergence(
  runs: readonly Trajectory[],
  design: Design,
  { steps, signal }: ConvergenceOptions = {},
): Promise<Convergence | null> {
  return new Pacer(signal).finish(convergenceWork(runs, design, steps));
}

function* convergenceWork(
  runs: readonly Trajectory[],
  design: Design,
  asked: Uint32Array | undefined,
): Work<Convergence | null> {
  layOut(design);
  const shortest = commonSteps(runs, design);
  const steps = asked ?? Uint32Array.from({ length: shortest }, (_, step) => step);
  checkSteps(steps, shortest);
  if (steps.length === 0) return null;
  const distances = new Float64Array(pairCount(runs.length));
  const within = new Float64Array(steps.length);
  const between = new Float64Array(steps.length);
  const recovered = new Float64Array(steps.length);
  let chance: number | null = null;
  let pairs = { within: 0, between: 0 };
  for (let place = 0; place < steps.length; place++) {
    yield* fillDistances(runs, design, steps[place]!, distances);
    const means = meansOfPairs({ runCount: runs.length, distances }, design);
    const nearest = shareOfNearest({ runCount: runs.length, distances }, design);
    within[place] = means.within ?? 0;
    between[place] = means.between ?? 0;
    recovered[place] = nearest.share ?? 0;
    chance = nearest.chance;
    pairs = { within: means.withinPairs, between: means.betweenPairs };
    yield pairCount(runs.length);
  }
  return {
    steps,
    within: pairs.within === 0 ? null : within,
    between: pairs.between === 0 ? null : between,
    recovered: chance === null ? null : recovered,
    chance,
    halfLife: chance === null ? null : recoveryHalfLife(steps, recovered, chance),
  };
}

function commonSteps(runs: readonly Trajectory[], { groups }: Design): number {
  if (runs.length !== groups.length) {
    throw new AnalysisInputError(`groups has ${groups.length} runs, and there are ${runs.length}`);
  }
  const dimension = runs[0]?.dimension;
  const other = runs.findIndex((run) => run.dimension !== dimension);
  if (other >= 0) {
    throw new AnalysisInputError(
      `run ${other} has dimension ${runs[other]!.dimension} and run 0 has ${dimension}; ` +
        'analyse each embedding model by itself',
    );
  }
  return runs.reduce((shortest, run) => Math.min(shortest, stepCount(run)), Infinity);
}

function checkSteps(steps: Uint32Array, shortest: number): void {
  for (let place = 0; place < steps.length; place++) {
    if (steps[place]! >= shortest) {
      throw new AnalysisInputError(
        `steps[${place}] is ${steps[place]}; the shortest run has ${shortest} steps, numbered from 0`,
      );
    }
    if (place > 0 && steps[place]! <= steps[place - 1]!) {
      throw new AnalysisInputError(`steps[${place}] is ${steps[place]}, not above the one before it`);
    }
  }
}

/** Fills in the distances of the pairs of one stratum; nothing reads the others. */
function* fillDistances(
  runs: readonly Trajectory[],
  { strata }: Design,
  step: number,
  distances: Float64Array,
): Work {
  for (let run = 1, place = 0; run < runs.length; run++) {
    const { vectors, sequence, dimension } = runs[run]!;
    const start = sequence[step]! * dimension;
    for (let earlier = 0; earlier < run; earlier++, place++) {
      if (strata !== undefined && strata[run] !== strata[earlier]) continue;
      const other = runs[earlier]!;
      const square = squaredDistanceAt(
        vectors,
        start,
        other.vectors,
        other.sequence[step]! * dimension,
        dimension,
      );
      distances[place] = Math.sqrt(square);
    }
    yield run * dimension;
  }
}
