import { AnalysisInputError } from '../errors.js';
import type { EndCycle } from '../run/near-cycle.js';
import type { Points } from '../points.js';
import { stepCount, type Trajectory } from '../trajectory.js';

/**
 * Where runs end: one point for each run, in float32. The mean of the last quarter of its steps up to the horizon, at
 * least one step; for a run that is in a cycle by then, the mean of the cycle (its last round). The horizon is the
 * number of steps of the shortest run, so that no run is described later in its life than another.
 *
 * `cycles` has the cycle of each run, or null. Runs that stopped at a cycle must have been extended (`extendCycle`).
 * Null without a run, or if a run has no step.
 *
 * Throws AnalysisInputError, which names the place, for a malformed trajectory, for runs of several dimensions, and
 * for a cycle of which the run does not have a round.
 */
export function endPoints(
  runs: readonly Trajectory[],
  cycles: readonly (EndCycle | null)[] = runs.map(() => null),
): Points | null {
  if (cycles.length !== runs.length) {
    throw new AnalysisInputError(
      `cycles has ${cycles.length} entries and there are ${runs.length} runs; expected a cycle or null for each`,
    );
  }
  const horizon = runs.reduce((shortest, run) => Math.min(shortest, stepCount(run)), Infinity);
  const dimension = runs[0]?.dimension;
  if (dimension === undefined || horizon === 0) return null;
  const points = new Float32Array(runs.length * dimension);
  runs.forEach((run, index) => {
    if (run.dimension !== dimension) {
      throw new AnalysisInputError(
        `run ${index} has dimension ${run.dimension} and run 0 has ${dimension}; analyse each embedding model by itself`,
      );
    }
    const [from, to] = endOf(run, index, cycles[index]!, horizon);
    points.set(meanOfSteps(run, from, to), index * dimension);
  });
  return { points, dimension };
}

/** The steps from the first to before the second. */
function endOf(
  { sequence }: Trajectory,
  index: number,
  cycle: EndCycle | null,
  horizon: number,
): [from: number, to: number] {
  if (cycle === null || cycle.onset >= horizon) {
    return [horizon - Math.max(1, Math.floor(horizon / 4)), horizon];
  }
  const { onset, period } = cycle;
  const isWhole = Number.isInteger(onset) && onset >= 0 && Number.isInteger(period) && period >= 1;
  if (!isWhole || onset + period > sequence.length) {
    throw new AnalysisInputError(
      `cycles[${index}] begins at step ${onset} and has period ${period}; run ${index} has ${sequence.length} steps, ` +
        'which must hold a round',
    );
  }
  return [sequence.length - period, sequence.length];
}

function meanOfSteps({ vectors, dimension, sequence }: Trajectory, from: number, to: number): Float64Array {
  const mean = new Float64Array(dimension);
  for (let step = from; step < to; step++) {
    const start = sequence[step]! * dimension;
    for (let at = 0; at < dimension; at++) mean[at]! += vectors[start + at]!;
  }
  return mean.map((sum) => sum / (to - from));
}
