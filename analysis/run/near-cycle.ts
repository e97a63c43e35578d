import { atOnce, type Work } from '../../tda/pacer.js';
import { squaredDistance } from '../distance.js';
import { checkRadius } from './recurrence.js';
import { stepCount, type Trajectory, vectorAt } from '../trajectory.js';

export const FEWEST_ROUNDS = 3;
export const FEWEST_ABSORBED_STEPS = 10;

/** The cycle in which a run ends. */
export interface EndCycle {
  /** Steps of a round; 1 is rest. */
  readonly period: number;
  /** The step, counted from 0, at which the cycle begins. */
  readonly onset: number;
}

/** Distances between steps, which decide: rounded to float32. */
export interface StepDistance {
  between(a: number, b: number): number;
}

/**
 * The shortest cycle in which a trajectory ends: the smallest period p such that, from the onset on, each step
 * is within the radius of the step at its place in the last round (the last p steps). The cycle has at least 3
 * rounds and at least 10 steps, and for p > 1 the median distance of the steps of the last round is above the
 * radius. Steps are compared with the last round, and not with the round before, so that a slow creep is no rest.
 *
 * Null without such a cycle. Most periods end after a few comparisons; at worst n²/6 distances are computed.
 *
 * Throws AnalysisInputError, which names the place, for a malformed trajectory, or a radius below 0.
 */
export function nearCycle(trajectory: Trajectory, radius: number): EndCycle | null {
  checkRadius(radius);
  stepCount(trajectory);
  return atOnce(nearCycleWork(trajectory.sequence.length, new DirectDistance(trajectory), radius));
}

/** Computes each distance when it is asked for. */
export class DirectDistance implements StepDistance {
  private readonly trajectory: Trajectory;

  constructor(trajectory: Trajectory) {
    this.trajectory = trajectory;
  }

  between(a: number, b: number): number {
    const { trajectory } = this;
    if (trajectory.sequence[a] === trajectory.sequence[b]) return 0;
    return Math.fround(Math.sqrt(squaredDistance(vectorAt(trajectory, a), vectorAt(trajectory, b))));
  }
}

/** The same in portions, for n steps whose distances are known. */
export function* nearCycleWork(n: number, distance: StepDistance, radius: number): Work<EndCycle | null> {
  const lastRound = new LastRound(n, distance, radius);
  for (let period = 1; FEWEST_ROUNDS * period <= n; period++) {
    let onset = n - period;
    while (onset > 0 && distance.between(onset - 1, placeInLastRound(n, period, onset - 1)) <= radius) {
      onset--;
      yield OPERATIONS_PER_DISTANCE;
    }
    yield OPERATIONS_PER_DISTANCE;
    if (n - onset < Math.max(FEWEST_ROUNDS * period, FEWEST_ABSORBED_STEPS)) continue;
    if (period === 1) return { period, onset };
    yield* lastRound.growTo(period);
    if (lastRound.medianExceedsRadius()) return { period, onset };
  }
  return null;
}

/** Distances are looked up or computed; this is between the two costs. */
const OPERATIONS_PER_DISTANCE = 1000;

function placeInLastRound(n: number, period: number, step: number): number {
  return n - 1 - ((n - 1 - step) % period);
}

/** The distances among the last steps of a run, as far as their median needs them: more steps come in front. */
class LastRound {
  private readonly stepCount: number;
  private readonly distance: StepDistance;
  private readonly radius: number;
  private length = 0;
  private pairsWithin = 0;
  private pairsBeyond = 0;
  private greatestWithin = 0;
  private leastBeyond = Infinity;

  constructor(stepCount: number, distance: StepDistance, radius: number) {
    this.stepCount = stepCount;
    this.distance = distance;
    this.radius = radius;
  }

  *growTo(length: number): Work {
    for (; this.length < length; this.length++) {
      const step = this.stepCount - 1 - this.length;
      for (let other = step + 1; other < this.stepCount; other++) {
        const distance = this.distance.between(step, other);
        if (distance <= this.radius) {
          this.pairsWithin++;
          this.greatestWithin = Math.max(this.greatestWithin, distance);
        } else {
          this.pairsBeyond++;
          this.leastBeyond = Math.min(this.leastBeyond, distance);
        }
      }
      yield OPERATIONS_PER_DISTANCE * this.length;
    }
  }

  /** With as many pairs within as beyond, the median is the mean of the two distances next to the radius. */
  medianExceedsRadius(): boolean {
    if (this.pairsWithin !== this.pairsBeyond) return this.pairsBeyond > this.pairsWithin;
    return (this.greatestWithin + this.leastBeyond) / 2 > this.radius;
  }
}
