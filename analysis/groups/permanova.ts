import { Pacer, type Work } from '../../tda/pacer.js';
import type { Design } from '../inference/arrangements.js';
import {
  asGroupTest,
  GroupMembers,
  NO_DISTANCES,
  ONE_ARRANGEMENT,
  untestableGroups,
  type GroupTest,
  type GroupTestOptions,
} from './group-test.js';
import { relabellingWork } from '../inference/relabelling.js';
import { checkRunDistances, type RunDistances } from './run-distances.js';

/** Do groups of runs differ in place? A value that is not defined is null, and `reason` says why. */
export interface Permanova {
  /** (SS_between / (g - 1)) / (SS_within / (N - g)) of N runs in g groups; null too where SS_within is 0. */
  readonly pseudoF: number | null;
  /** SS_between / SS_total, in [0, 1] for Euclidean distances. */
  readonly rSquared: number | null;
  readonly test: GroupTest | null;
  /** Why `pseudoF` or `test` is null. */
  readonly reason: string | null;
}

/**
 * Permutational analysis of variance of distances between runs: SS_total = Σ d² / N over all pairs of the N runs,
 * SS_within = Σ over groups of Σ d² / n over pairs of the n runs of a group. p by exchange of the groups among the
 * runs of each stratum (networks, say); exact where the arrangements are few.
 *
 * It also answers to a difference of spread: read `permdisp` beside it. No test: fewer than two groups, a group of
 * one run, all distances 0. Time: a sum over the pairs within groups for each arrangement; 2,000 runs in two groups
 * and 999 draws take 1.5 s. It lets the event loop run about every 40 ms.
 *
 * Rejects with AnalysisInputError for malformed distances or groups, or with the signal's reason.
 *
 * Source: Anderson 2001, Austral Ecology 26:32.
 */
export async function permanova(
  distances: RunDistances,
  design: Design,
  options: GroupTestOptions = {},
): Promise<Permanova> {
  return new Pacer(options.signal).finish(permanovaWork(distances, design, options));
}

export function* permanovaWork(
  distances: RunDistances,
  design: Design,
  options: GroupTestOptions,
): Work<Permanova> {
  checkRunDistances(distances, design);
  const squares = distances.distances.map((distance) => distance * distance);
  return yield* permanovaOfSquares('permanova', squares, design, {
    ...options,
    noise: 0,
    nothing: NO_DISTANCES,
  });
}

/**
 * The same of squared distances, which may be below 0 where no points of a Euclidean space have them. `noise`: a sum
 * of squares up to it counts as 0. `nothing`: the reason if they sum to 0.
 */
export function* permanovaOfSquares(
  statistic: string,
  squares: Float64Array,
  design: Design,
  { draws, limit, noise, nothing }: GroupTestOptions & { noise: number; nothing: string },
): Work<Permanova> {
  const untestable = untestableGroups(design);
  if (untestable !== null) return untested(untestable);
  const { groups } = design;
  const total = squares.reduce((sum, square) => sum + square, 0) / groups.length;
  if (total <= noise) return untested(nothing);
  const members = new GroupMembers(groups);
  const within = sumWithin(squares, members);
  const between = total - within;
  // F grows with SS_between, which stays finite where SS_within is 0.
  const betweenOf = (labels: Uint32Array): number => {
    members.arrange(labels);
    return total - sumWithin(squares, members);
  };
  const relabelling = yield* relabellingWork(
    { ...design, statistic, input: [squares], draws, limit },
    betweenOf,
    pairsWithin(members),
  );
  const test = asGroupTest(relabelling);
  const { groupCount } = members;
  const isInfinite = within <= noise;
  return {
    pseudoF: isInfinite ? null : between / (groupCount - 1) / (within / (groups.length - groupCount)),
    rSquared: between / total,
    test,
    reason: test === null ? ONE_ARRANGEMENT : isInfinite ? ALL_BETWEEN : null,
  };
}

const ALL_BETWEEN = 'the runs of each group are in one place, so pseudo-F is infinite';

function untested(reason: string): Permanova {
  return { pseudoF: null, rSquared: null, test: null, reason };
}

function sumWithin(squares: Float64Array, members: GroupMembers): number {
  const { runs, starts, groupCount } = members;
  let total = 0;
  for (let group = 0; group < groupCount; group++) {
    const start = starts[group]!;
    const end = starts[group + 1]!;
    let sum = 0;
    for (let place = start + 1; place < end; place++) {
      const run = runs[place]!;
      const row = (run * (run - 1)) / 2;
      for (let other = start; other < place; other++) sum += squares[row + runs[other]!]!;
    }
    total += sum / (end - start);
  }
  return total;
}

function pairsWithin(members: GroupMembers): number {
  let pairs = 0;
  for (let group = 0; group < members.groupCount; group++) pairs += members.sizeOf(group) ** 2 / 2;
  return pairs;
}
