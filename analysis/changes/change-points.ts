import { Pacer, type Work } from '../../tda/pacer.js';
import { stepCount, type Trajectory } from '../trajectory.js';
import { penaltiesOf } from './penalty.js';
import { scoresOf } from './scores.js';
import { LEAST_SEGMENT, segmentEnds } from './segmentation.js';
import { stepMeans } from './step-means.js';

/** Where the mean of a run changes, for two assumptions about its noise. */
export interface ChangePoints {
  /** Steps between two changes are independent of each other: an upper bound. */
  readonly white: Segmentation;
  /** Steps between two changes have a memory of a few steps. Dwells of under some 20 steps count as memory. */
  readonly shortMemory: Segmentation;
  /** Principal components that were searched, at most 40; 0 if all steps are equal. */
  readonly componentCount: number;
  /** 1, or ⌈n / 20,000⌉ above 20,000 steps: the points that were searched are means of so many steps. */
  readonly stepsPerPoint: number;
}

export interface Segmentation {
  /** Ends of segments in steps, ascending; the last is n. A change is at each of the others. */
  readonly ends: Uint32Array;
  /** Number of changes: one less than the segments. */
  readonly changes: number;
  /** What a change costs, as a sum of squared distances. Null if all steps are equal: there was nothing to search. */
  readonly penalty: number | null;
}

/** Fewest steps that are searched: two segments. */
const LEAST_STEPS = 2 * LEAST_SEGMENT;

/**
 * Changes of the mean of a trajectory: the segments of at least 5 steps with the least sum of squared distances from
 * their means plus a penalty for each change, found exactly (PELT) on the fewest principal components that hold 99.5 %
 * of the variance, at most 40. The penalties come from the differences of successive steps, so that changes do not
 * spoil them; there is one for independent noise and one for noise with a memory of a few steps. No test can tell
 * changes from a memory that is longer than a twentieth of the run.
 *
 * Null below 10 steps. Above 20,000 steps it searches means of ⌈n / 20,000⌉ steps, and `stepsPerPoint` says so: then
 * changes are known to so many steps, and segments have at least 5 points.
 *
 * Lets the event loop run about every 50 ms. The trajectory must not change meanwhile. Equal input gives equal output.
 *
 * Rejects with AnalysisInputError, which names the place, for a malformed trajectory, or with the signal's reason.
 *
 * Source: Killick, Fearnhead & Eckley 2012, J. Am. Stat. Assoc. 107:1590; the penalties: `penaltiesOf`.
 */
export async function changePoints(
  trajectory: Trajectory,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<ChangePoints | null> {
  return await new Pacer(signal).finish(changePointWork(trajectory));
}

/** The same in portions. */
export function* changePointWork(trajectory: Trajectory): Work<ChangePoints | null> {
  const n = stepCount(trajectory);
  if (n < LEAST_STEPS) return null;
  const { trajectory: points, stepsPerPoint } = yield* stepMeans(trajectory);
  const scores = yield* scoresOf(points);
  if (scores === null) {
    const whole = { ends: Uint32Array.of(n), changes: 0, penalty: null };
    return { white: whole, shortMemory: whole, componentCount: 0, stepsPerPoint };
  }
  const penalties = yield* penaltiesOf(scores);
  const white = yield* segmentation(penalties.white);
  const shortMemory =
    penalties.shortMemory === penalties.white ? white : yield* segmentation(penalties.shortMemory);
  return { white, shortMemory, componentCount: scores.componentCount, stepsPerPoint };

  function* segmentation(penalty: number): Work<Segmentation> {
    const ends = yield* segmentEnds(scores!, penalty);
    return {
      ends: ends.map((end) => Math.min(n, end * stepsPerPoint)),
      changes: ends.length - 1,
      penalty,
    };
  }
}
