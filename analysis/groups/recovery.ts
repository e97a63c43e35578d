import { layOut, type Design } from '../inference/arrangements.js';
import { checkRunDistances, type RunDistances } from './run-distances.js';

/** How well the nearest other run names the group (the prompt) of a run. */
export interface Recovery {
  /** Share of the runs whose nearest other run is of their group, in [0, 1]; null if no run has another. */
  readonly share: number | null;
  /** The share that runs in random places would have; null if no run has another. */
  readonly chance: number | null;
  /** Runs that have another run in their stratum. The others have no nearest run, and do not count. */
  readonly runs: number;
}

/**
 * The share of runs whose nearest other run of the same stratum (network) is of the same group (prompt). Runs that
 * are equally near share the answer in equal parts: two of three nearest runs of the group count 2/3. Distances are
 * rounded once to float32 before they are compared. The chance level is the mean share of other runs that are of the
 * group. If all runs are in one place, the share is the chance level.
 *
 * Throws AnalysisInputError for malformed distances or groups.
 */
export function recovery(distances: RunDistances, design: Design): Recovery {
  checkRunDistances(distances, design);
  layOut(design);
  return shareOfNearest(distances, design);
}

export function shareOfNearest({ runCount, distances }: RunDistances, { groups, strata }: Design): Recovery {
  const neighbours = new Neighbours(runCount);
  for (let run = 1, place = 0; run < runCount; run++) {
    for (let other = 0; other < run; other++, place++) {
      if (strata !== undefined && strata[run] !== strata[other]) continue;
      const distance = Math.fround(distances[place]!);
      const ofGroup = groups[run] === groups[other] ? 1 : 0;
      neighbours.add(run, distance, ofGroup);
      neighbours.add(other, distance, ofGroup);
    }
  }
  const { others, othersOfGroup, nearest, nearestOfGroup } = neighbours;
  let runs = 0;
  let share = 0;
  let chance = 0;
  for (let run = 0; run < runCount; run++) {
    if (others[run] === 0) continue;
    runs++;
    share += nearestOfGroup[run]! / nearest[run]!;
    chance += othersOfGroup[run]! / others[run]!;
  }
  return { share: runs === 0 ? null : share / runs, chance: runs === 0 ? null : chance / runs, runs };
}

/** Counts, for each run, the other runs and the nearest ones, and those of its group among both. */
class Neighbours {
  readonly others: Uint32Array;
  readonly othersOfGroup: Uint32Array;
  readonly nearest: Uint32Array;
  readonly nearestOfGroup: Uint32Array;
  private readonly leastDistance: Float32Array;

  constructor(runCount: number) {
    this.others = new Uint32Array(runCount);
    this.othersOfGroup = new Uint32Array(runCount);
    this.nearest = new Uint32Array(runCount);
    this.nearestOfGroup = new Uint32Array(runCount);
    this.leastDistance = new Float32Array(runCount).fill(Infinity);
  }

  add(run: number, distance: number, ofGroup: 0 | 1): void {
    this.others[run]!++;
    this.othersOfGroup[run]! += ofGroup;
    const least = this.leastDistance[run]!;
    if (distance > least) return;
    if (distance < least) {
      this.leastDistance[run] = distance;
      this.nearest[run] = 0;
      this.nearestOfGroup[run] = 0;
    }
    this.nearest[run]!++;
    this.nearestOfGroup[run]! += ofGroup;
  }
}

/**
 * The half-life of a share of recovered groups: the first time at which it has lost half of what it had above the
 * chance level at its first step, in steps from there, linear between the steps given. Null if it never does, or
 * begins at the chance level or below.
 *
 * `steps` rise; `shares` has the share of each.
 */
export function recoveryHalfLife(
  steps: ArrayLike<number>,
  shares: ArrayLike<number>,
  chance: number,
): number | null {
  const first = shares[0];
  if (first === undefined || first <= chance) return null;
  const half = (first + chance) / 2;
  for (let place = 1; place < shares.length; place++) {
    const share = shares[place]!;
    if (share > half) continue;
    const before = shares[place - 1]!;
    const from = steps[place - 1]!;
    return from + ((before - half) / (before - share)) * (steps[place]! - from) - steps[0]!;
  }
  return null;
}
