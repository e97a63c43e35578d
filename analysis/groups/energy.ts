import { Pacer, type Work } from '../../tda/pacer.js';
import { pairIndex } from '../../tda/triangle.js';
import type { Design } from '../inference/arrangements.js';
import {
  asGroupTest,
  GroupMembers,
  ONE_ARRANGEMENT,
  untestableDistances,
  type GroupTest,
  type GroupTestOptions,
} from './group-test.js';
import { relabellingWork } from '../inference/relabelling.js';
import type { RunDistances } from './run-distances.js';

/** Do groups of runs differ in anything? A value that is not defined is null, and `reason` says why. */
export interface Energy {
  /** Σ over pairs of groups of n_a n_b / (n_a + n_b) · their energy distance; at least 0 for Euclidean distances. */
  readonly statistic: number | null;
  /** 2 E‖A - B‖ - E‖A - A'‖ - E‖B - B'‖ of each pair of groups, a before b; empty without a test. */
  readonly pairs: readonly EnergyDistance[];
  readonly test: GroupTest | null;
  /** Why `statistic` or `test` is null. */
  readonly reason: string | null;
}

export interface EnergyDistance {
  readonly a: number;
  readonly b: number;
  readonly distance: number;
}

/** A difference of means this small beside the means is rounding: equal samples are exactly 0 apart. */
const ROUNDING = 1e-14;

/**
 * The energy statistic of groups of runs: 0 for equal samples; it answers to any difference, not only of places.
 * Each mean is over all pairs, a run with itself included. p by exchange of the groups among the runs of each
 * stratum; exact where the arrangements are few.
 *
 * No test: fewer than two groups, a group of one run, all distances 0. Time: a sum over all pairs of runs for each
 * arrangement. It lets the event loop run about every 40 ms.
 *
 * Rejects with AnalysisInputError for malformed distances or groups, or with the signal's reason.
 *
 * Source: Székely & Rizzo 2013, J. Stat. Plan. Inference 143:1249.
 */
export async function energy(
  distances: RunDistances,
  design: Design,
  options: GroupTestOptions = {},
): Promise<Energy> {
  return new Pacer(options.signal).finish(energyWork(distances, design, options));
}

function* energyWork(
  runDistances: RunDistances,
  design: Design,
  { draws, limit }: GroupTestOptions,
): Work<Energy> {
  const untestable = untestableDistances(runDistances, design);
  if (untestable !== null) return untested(untestable);
  const { distances } = runDistances;
  const members = new GroupMembers(design.groups);
  const weights = new PairWeights(distances, members);
  const statistic = weights.sum(distances, design.groups);
  const relabelling = yield* relabellingWork(
    { ...design, statistic: 'energy', input: [distances], draws, limit },
    (groups) => weights.sum(distances, groups),
    distances.length,
  );
  const test = asGroupTest(relabelling);
  return {
    statistic,
    pairs: energyDistances(distances, members),
    test,
    reason: test === null ? ONE_ARRANGEMENT : null,
  };
}

function untested(reason: string): Energy {
  return { statistic: null, pairs: [], test: null, reason };
}

/**
 * The weight that the distance of two runs has in the statistic: 2 / (n_a + n_b) across two groups, and within
 * group a -2 / n_a² · Σ_b n_a n_b / (n_a + n_b). It depends on the sizes of the groups alone, so one table serves all
 * arrangements.
 */
class PairWeights {
  private readonly groupCount: number;
  /** groups × groups */
  private readonly weights: Float64Array;
  /** A sum up to this is rounding: equal samples are exactly 0 apart. */
  private readonly noise: number;

  constructor(distances: Float64Array, members: GroupMembers) {
    const { groupCount } = members;
    this.groupCount = groupCount;
    this.weights = new Float64Array(groupCount ** 2);
    for (let a = 0; a < groupCount; a++) {
      const sizeA = members.sizeOf(a);
      for (let b = 0; b < groupCount; b++) {
        if (a === b) continue;
        const sizeB = members.sizeOf(b);
        this.weights[a * groupCount + b] = 2 / (sizeA + sizeB);
        this.weights[a * groupCount + a]! -= (2 * sizeB) / (sizeA * (sizeA + sizeB));
      }
    }
    const largest = this.weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
    this.noise = ROUNDING * largest * distances.reduce((sum, distance) => sum + distance, 0);
  }

  sum(distances: Float64Array, groups: Uint32Array): number {
    const { groupCount, weights } = this;
    let sum = 0;
    for (let run = 1, place = 0; run < groups.length; run++) {
      const first = groups[run]! * groupCount;
      for (let other = 0; other < run; other++, place++) {
        sum += weights[first + groups[other]!]! * distances[place]!;
      }
    }
    return Math.abs(sum) <= this.noise ? 0 : sum;
  }
}

function energyDistances(distances: Float64Array, members: GroupMembers): EnergyDistance[] {
  const { groupCount } = members;
  const pairs: EnergyDistance[] = [];
  const means = new Float64Array(groupCount);
  for (let group = 0; group < groupCount; group++)
    means[group] = meanDistance(distances, members, group, group);
  for (let a = 0; a < groupCount; a++) {
    for (let b = a + 1; b < groupCount; b++) {
      const across = 2 * meanDistance(distances, members, a, b);
      const distance = across - means[a]! - means[b]!;
      pairs.push({
        a,
        b,
        distance: Math.abs(distance) <= ROUNDING * across * members.runs.length ? 0 : distance,
      });
    }
  }
  return pairs;
}

/** Over all pairs of a run of one group and a run of the other, a run with itself included. */
function meanDistance(distances: Float64Array, members: GroupMembers, a: number, b: number): number {
  const { runs, starts } = members;
  let sum = 0;
  for (let placeA = starts[a]!; placeA < starts[a + 1]!; placeA++) {
    for (let placeB = starts[b]!; placeB < starts[b + 1]!; placeB++) {
      if (placeA !== placeB) sum += distances[pairIndex(runs[placeA]!, runs[placeB]!)]!;
    }
  }
  return sum / (members.sizeOf(a) * members.sizeOf(b));
}
