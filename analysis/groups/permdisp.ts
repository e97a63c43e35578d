import { Pacer, type Work } from '../../tda/pacer.js';
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

/** Do groups of runs differ in spread? A value that is not defined is null, and `reason` says why. */
export interface Permdisp {
  /** F of the analysis of variance of `toCentroid`; null too where each group has one distance to its centroid. */
  readonly pseudoF: number | null;
  /** The distance of each run to the centroid of its group, in the unit of the distances; empty without a test. */
  readonly toCentroid: Float64Array;
  readonly test: GroupTest | null;
  /** Why `pseudoF` or `test` is null. */
  readonly reason: string | null;
}

/** Sums of squares this small beside those of the distances are rounding. */
const ROUNDING = 1e-24;

/**
 * Homogeneity of the dispersions of groups of runs: F of the distances of the runs to the centroid of their group.
 * The squared distance of run i to the centroid of its n runs is Σ_j d²_ij / n - Σ_{j<k} d²_jk / n², which needs no
 * coordinates. A distance below some 1e-4 of the width of its group is lost in the rounding of the others. Where the
 * square is below 0, as distances that are not Euclidean can make it, it counts as 0, as in vegan.
 * vegan takes the spatial median unless asked for the centroid, and scikit-bio ten dimensions: both differ.
 *
 * p by exchange of the groups among the runs of each stratum, with new centroids each time: the null says that the
 * runs of a stratum are alike in all, so a difference of places makes p larger, not smaller. No test: fewer than two
 * groups, a group of one run, all distances 0. It lets the event loop run about every 40 ms.
 *
 * Rejects with AnalysisInputError for malformed distances or groups, or with the signal's reason.
 *
 * Source: Anderson 2006, Biometrics 62:245.
 */
export async function permdisp(
  distances: RunDistances,
  design: Design,
  options: GroupTestOptions = {},
): Promise<Permdisp> {
  return new Pacer(options.signal).finish(permdispWork(distances, design, options));
}

function* permdispWork(
  distances: RunDistances,
  design: Design,
  { draws, limit }: GroupTestOptions,
): Work<Permdisp> {
  const untestable = untestableDistances(distances, design);
  if (untestable !== null) return untested(untestable);
  const { groups } = design;
  const squares = distances.distances.map((distance) => distance * distance);
  const members = new GroupMembers(groups);
  const toCentroid = new Float64Array(groups.length);
  fillDistancesToCentroid(squares, members, toCentroid);
  const ratio = varianceRatio(toCentroid, members);
  const drawn = new Float64Array(groups.length);
  const ratioOf = (labels: Uint32Array): number => {
    members.arrange(labels);
    fillDistancesToCentroid(squares, members, drawn);
    return varianceRatio(drawn, members) ?? 0;
  };
  if (ratio === null) {
    const reason = 'all runs are equally far from the centroids of their groups';
    return { pseudoF: null, toCentroid, test: null, reason };
  }
  const operations = groups.length ** 2 / members.groupCount;
  const relabelling = yield* relabellingWork(
    { ...design, statistic: 'permdisp', input: [squares], draws, limit },
    ratioOf,
    operations,
  );
  const test = asGroupTest(relabelling);
  const isInfinite = ratio === Infinity;
  return {
    pseudoF: isInfinite ? null : ratio,
    toCentroid,
    test,
    reason: test === null ? ONE_ARRANGEMENT : isInfinite ? EQUALLY_FAR : null,
  };
}

const EQUALLY_FAR = 'the runs of each group are equally far from its centroid, so F is infinite';

function untested(reason: string): Permdisp {
  return { pseudoF: null, toCentroid: new Float64Array(0), test: null, reason };
}

function fillDistancesToCentroid(squares: Float64Array, members: GroupMembers, out: Float64Array): void {
  const { runs, starts, groupCount } = members;
  out.fill(0);
  for (let group = 0; group < groupCount; group++) {
    const start = starts[group]!;
    const end = starts[group + 1]!;
    let total = 0;
    for (let place = start + 1; place < end; place++) {
      const run = runs[place]!;
      const row = (run * (run - 1)) / 2;
      let sum = 0;
      for (let before = start; before < place; before++) {
        const other = runs[before]!;
        const square = squares[row + other]!;
        sum += square;
        out[other]! += square;
      }
      out[run]! += sum;
      total += sum;
    }
    const size = end - start;
    for (let place = start; place < end; place++) {
      const run = runs[place]!;
      out[run] = Math.sqrt(Math.max(0, out[run]! / size - total / (size * size)));
    }
  }
}

/** F of one-way analysis of variance; Infinity where only groups differ, null where nothing does. */
function varianceRatio(values: Float64Array, members: GroupMembers): number | null {
  const { runs, starts, groupCount } = members;
  let mean = 0;
  let size = 0;
  for (let run = 0; run < values.length; run++) {
    mean += values[run]!;
    size += values[run]! * values[run]!;
  }
  mean /= values.length;
  let between = 0;
  let within = 0;
  for (let group = 0; group < groupCount; group++) {
    const start = starts[group]!;
    const end = starts[group + 1]!;
    let groupMean = 0;
    for (let place = start; place < end; place++) groupMean += values[runs[place]!]!;
    groupMean /= end - start;
    between += (end - start) * (groupMean - mean) ** 2;
    for (let place = start; place < end; place++) within += (values[runs[place]!]! - groupMean) ** 2;
  }
  if (within <= ROUNDING * size) return between <= ROUNDING * size ? null : Infinity;
  return between / (groupCount - 1) / (within / (values.length - groupCount));
}
