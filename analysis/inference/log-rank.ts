import type { Design } from './arrangements.js';
import { layOut } from './arrangements.js';
import { AnalysisInputError } from '../errors.js';
import { relabellingTest } from './relabelling.js';
import type { RelabellingTest } from './relabelling.js';
import { refuseTimes, riskSets } from './risk-sets.js';

/** A test of the log-rank statistic, which is `observed`: a chi-square. */
export interface LogRank extends RelabellingTest {
  /** The rank of the variance of the statistic: groups less one, unless some were never at risk together. */
  readonly degreesOfFreedom: number;
}

// Where a variance is 0, rounding leaves some 1e-15 of the sums that it is the difference of.
const NO_VARIANCE = 1e-9;

/**
 * The log-rank test of equal times to absorption in all groups, in strata if these are given. The p-value is that
 * of `relabellingTest`: the groups of runs are exchanged within strata, with all arrangements visited if there are
 * at most 999 and 999 seeded draws else (`isExact`, `arrangements`, `floor`), so that it holds for few runs, too. It
 * supposes that censoring is the same in all groups, as it is where all runs have one horizon.
 *
 * `time` and `absorbed` are those of `kaplanMeier`, `groups` and `strata` those of a `Design`. Null where the
 * chi-square is not defined: no absorption finds two groups at risk in its stratum and leaves a run free.
 *
 * Throws AnalysisInputError, which names the run, for malformed times or groups.
 *
 * Source: Mantel 1966, Cancer Chemother. Rep. 50:163; Peto & Peto 1972, J. R. Stat. Soc. A 135:185 (variance with
 * ties; exchange of groups); Kalbfleisch & Prentice 2002, The Statistical Analysis of Failure Time Data, 1.4.
 */
export function logRank(
  time: Float64Array,
  absorbed: Uint8Array,
  groups: Uint32Array,
  strata?: Uint32Array,
): LogRank | null {
  refuseTimes(time, absorbed);
  if (groups.length !== time.length) {
    throw new AnalysisInputError(
      `groups has ${groups.length} runs and time ${time.length}; expected the same runs`,
    );
  }
  const chiSquare = chiSquareOf(time, absorbed, { groups, strata });
  const { degreesOfFreedom } = chiSquare(groups);
  if (degreesOfFreedom === 0) return null;
  const test = relabellingTest(
    { groups, strata, statistic: 'log-rank', input: [time, absorbed] },
    (relabelled) => chiSquare(relabelled).value,
  );
  return { ...test, degreesOfFreedom };
}

/**
 * The chi-square as a function of the groups alone. With d of n runs absorbed at a time, a group with m of the n is
 * expected to lose d·m/n, with the variance of draws without replacement. The sums over times become sums over runs
 * and pairs of runs, whose terms relabelling does not change:
 *   observed - expected of a group = Σ over its runs of absorbed - Λ(time),   Λ = Σ d/n
 *   variance of a group = Σ over its runs of B(time) - Σ over its pairs of W(earlier time)
 *   covariance of two groups = -Σ over their pairs of W(earlier time),   B = Σ c/n, W = Σ c/n², c = d(n-d)/(n-1)
 */
function chiSquareOf(
  time: Float64Array,
  absorbed: Uint8Array,
  design: Design,
): (groups: Uint32Array) => { value: number; degreesOfFreedom: number } {
  const { groupCount, runs, stratumOf } = layOut(design);
  const excess = new Float64Array(runs.length);
  const single = new Float64Array(runs.length);
  const paired = new Float64Array(runs.length);
  /** Runs of each stratum, the latest time first. */
  const order = new Uint32Array(runs.length);
  for (let first = 0, next: number; first < runs.length; first = next) {
    next = first + 1;
    while (next < runs.length && stratumOf[next] === stratumOf[first]) next++;
    const stratum = runs.slice(first, next).sort((i, j) => time[i]! - time[j]!);
    const sets = riskSets(
      Float64Array.from(stratum, (run) => time[run]!),
      Uint8Array.from(stratum, (run) => absorbed[run]!),
    );
    let passed = 0;
    let [hazard, b, w] = [0, 0, 0];
    for (const run of stratum) {
      for (; passed < sets.length && sets[passed]!.at <= time[run]!; passed++) {
        const { atRisk: n, absorbed: d } = sets[passed]!;
        const c = n === 1 ? 0 : (d * (n - d)) / (n - 1);
        hazard += d / n;
        b += c / n;
        w += c / n ** 2;
      }
      excess[run] = absorbed[run]! - hazard;
      single[run] = b;
      paired[run] = w;
    }
    const last = next - 1;
    stratum.forEach((run, rank) => (order[last - rank] = run));
  }

  const least = NO_VARIANCE * single.reduce((sum, variance) => sum + variance, 0);
  const difference = new Float64Array(groupCount);
  const variance = new Float64Array(groupCount * groupCount);
  const later = new Uint32Array(groupCount);
  return (groups) => {
    difference.fill(0);
    variance.fill(0);
    for (let place = 0; place < order.length; place++) {
      if (place === 0 || stratumOf[place] !== stratumOf[place - 1]) later.fill(0);
      const run = order[place]!;
      const group = groups[run]!;
      difference[group]! += excess[run]!;
      variance[group * groupCount + group]! += single[run]! - paired[run]!;
      for (let other = 0; other < groupCount; other++) {
        const covariance = later[other]! * paired[run]!;
        variance[group * groupCount + other]! -= covariance;
        variance[other * groupCount + group]! -= covariance;
      }
      later[group]!++;
    }
    return quadraticForm(difference, variance, least);
  };
}

/**
 * uᵀ V⁻ u and the rank of V, which is positive semidefinite, by Cholesky's decomposition. It leaves out a group whose
 * variance the groups before it explain; u lies in the range of V, so that any generalized inverse gives the same.
 * A variance of at most `least` is 0. Overwrites u and V.
 */
function quadraticForm(
  u: Float64Array,
  v: Float64Array,
  least: number,
): { value: number; degreesOfFreedom: number } {
  const size = u.length;
  let value = 0;
  let degreesOfFreedom = 0;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let rest = v[row * size + column]!;
      for (let k = 0; k < column; k++) rest -= v[row * size + k]! * v[column * size + k]!;
      const pivot = v[column * size + column]!;
      if (column < row) v[row * size + column] = pivot === 0 ? 0 : rest / pivot;
      else v[row * size + row] = rest > least ? Math.sqrt(rest) : 0;
    }
    const pivot = v[row * size + row]!;
    if (pivot === 0) continue;
    let rest = u[row]!;
    for (let k = 0; k < row; k++) rest -= v[row * size + k]! * u[k]!;
    u[row] = rest / pivot;
    value += u[row]! ** 2;
    degreesOfFreedom++;
  }
  return { value, degreesOfFreedom };
}
