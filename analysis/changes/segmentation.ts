import type { Work } from '../../tda/pacer.js';
import type { Scores } from './scores.js';

/** Fewest points of a segment. */
export const LEAST_SEGMENT = 5;
/** Points between two times at which all distances are computed. */
const BLOCK = 32;

/**
 * The segments of at least 5 points with the least sum of squared distances from the means of their segments, plus
 * `penalty` for each change. Returns their ends; the last is the number of points, at least 5.
 *
 * This is the exact minimum. Optimal partitioning (Jackson et al. 2005) with the pruning of PELT (Killick, Fearnhead &
 * Eckley 2012, J. Am. Stat. Assoc. 107:1590): a start s for which F(s) + cost(s, t) >= F(t) is never better than t as a
 * start. But t becomes a start only 5 points later, so s stays until then.
 *
 * A large penalty prunes little, so starts are also skipped. The cost of a segment is Σ‖y‖² - ‖S(t) - S(s)‖² / (t - s),
 * with sums S of the points before. At every 32nd point r all ‖S(r) - S(s)‖ are computed. Until the next, the triangle
 * inequality bounds ‖S(t) - S(s)‖, and only starts whose bound beats the best are looked at.
 */
export function* segmentEnds(scores: Scores, penalty: number): Work<Uint32Array> {
  const { stepCount, componentCount } = scores;
  const sums = runningSums(scores);
  /**
   * F(t), the least cost of the points before t with the penalty for each of their segments, less the sum of their
   * squares. With a last segment from s to t it is reduced[s] + penalty - ‖S(t) - S(s)‖² / (t - s).
   */
  const reduced = new Float64Array(stepCount + 1);
  const startOf = new Uint32Array(stepCount + 1);
  /** Starts that may be of use, in ascending order. */
  const starts = new Uint32Array(stepCount + 1);
  /** The point from which on a start is of no use. */
  const uselessAt = new Uint32Array(stepCount + 1).fill(stepCount + 1);
  /** ‖S(r) - S(s)‖ of each start s, for the last reference r. */
  const fromReference = new Float64Array(stepCount + 1);
  let startCount = 0;
  let reference = 0;
  for (let end = LEAST_SEGMENT; end <= stepCount; end++) {
    const newStart = end - LEAST_SEGMENT;
    if (newStart === 0 || newStart >= LEAST_SEGMENT) {
      starts[startCount++] = newStart;
      fromReference[newStart] = Math.sqrt(squaredDistance(sums, componentCount, newStart, reference));
    }
    let lookedAt = 1;
    if (end % BLOCK === 0) {
      reference = end;
      for (let at = 0; at < startCount; at++) {
        const start = starts[at]!;
        fromReference[start] = Math.sqrt(squaredDistance(sums, componentCount, start, end));
      }
      lookedAt += startCount;
    }
    const moved = Math.sqrt(squaredDistance(sums, componentCount, reference, end));
    // The start that was best for the point before is likely to be good again, and lets most others be skipped.
    let chosen = startOf[end - 1]!;
    let least = reduced[chosen]! - squaredDistance(sums, componentCount, chosen, end) / (end - chosen);
    for (let at = 0; at < startCount; at++) {
      const start = starts[at]!;
      const reach = fromReference[start]! + moved;
      if (reduced[start]! - (reach * reach) / (end - start) >= least) continue;
      lookedAt++;
      const cost = reduced[start]! - squaredDistance(sums, componentCount, start, end) / (end - start);
      if (cost < least) {
        least = cost;
        chosen = start;
      }
    }
    startOf[end] = chosen;
    reduced[end] = least + penalty;
    let kept = 0;
    for (let at = 0; at < startCount; at++) {
      const start = starts[at]!;
      const reach = fromReference[start]! + moved;
      // F(s) + cost(s, t) >= F(t)
      if (
        uselessAt[start]! > end + LEAST_SEGMENT &&
        reduced[start]! - (reach * reach) / (end - start) >= least + penalty
      ) {
        uselessAt[start] = end + LEAST_SEGMENT;
      }
      if (uselessAt[start]! > end + 1) starts[kept++] = start;
    }
    yield 8 * startCount + 2 * componentCount * lookedAt;
    startCount = kept;
  }
  return endsOf(startOf, stepCount);
}

/** S(t), row t: the sum of the points before t. */
function runningSums({ stepCount, componentCount, scores }: Scores): Float64Array {
  const sums = new Float64Array((stepCount + 1) * componentCount);
  for (let at = 0; at < scores.length; at++) sums[componentCount + at] = sums[at]! + scores[at]!;
  return sums;
}

function squaredDistance(sums: Float64Array, componentCount: number, a: number, b: number): number {
  let sum = 0;
  let left = a * componentCount;
  let right = b * componentCount;
  for (let k = 0; k < componentCount; k++, left++, right++) {
    const difference = sums[right]! - sums[left]!;
    sum += difference * difference;
  }
  return sum;
}

/** Follows the starts back from the last point. */
function endsOf(startOf: Uint32Array, stepCount: number): Uint32Array {
  const ends: number[] = [];
  for (let end = stepCount; end > 0; end = startOf[end]!) ends.push(end);
  return Uint32Array.from(ends).toReversed();
}
