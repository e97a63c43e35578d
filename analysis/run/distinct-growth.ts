import { ladder } from './ladder.js';
import { fitLine } from '../line-fit.js';

const FEWEST_STEPS_OF_FIT = 16;
const FIRST_FITTED_PREFIX = 4;

export interface DistinctGrowth {
  /** V(k): distinct outputs among the first k, for k = 1 to n. */
  readonly growth: Float64Array;
  /** The step, counted from 0, of the first output that had come up before; null without one. */
  readonly firstRepeatAt: number | null;
  /** For each repeated output, in order: steps since the same output came up last. */
  readonly returnTimes: Uint32Array;
  /**
   * Slope of ln V(k) over ln k at k = round(2^(i/2)) from 4 to n: 1 is ever new, 0 a closed vocabulary. Null with
   * fewer than 16 outputs.
   */
  readonly heapsExponent: number | null;
  /** Null without an exponent, or if V is the same at all of these k. The growth need not be a power law. */
  readonly heapsRSquared: number | null;
}

/**
 * How the number of distinct outputs of a run grows (Heaps 1978, Information Retrieval, section 7.5). Equal
 * numbers are equal outputs: number artifacts by their content, and not vectors. O(n).
 */
export function distinctGrowth(outputs: Uint32Array): DistinctGrowth {
  const n = outputs.length;
  const lastAt = new Map<number, number>();
  const growth = new Float64Array(n);
  const returnTimes: number[] = [];
  let firstRepeatAt: number | null = null;
  for (let step = 0; step < n; step++) {
    const earlier = lastAt.get(outputs[step]!);
    if (earlier !== undefined) {
      firstRepeatAt ??= step;
      returnTimes.push(step - earlier);
    }
    lastAt.set(outputs[step]!, step);
    growth[step] = lastAt.size;
  }
  const prefixes = ladder(FIRST_FITTED_PREFIX, n < FEWEST_STEPS_OF_FIT ? 0 : n);
  const { slope, rSquared } = fitLine(
    Float64Array.from(prefixes, Math.log),
    Float64Array.from(prefixes, (prefix) => Math.log(growth[prefix - 1]!)),
  );
  return {
    growth,
    firstRepeatAt,
    returnTimes: Uint32Array.from(returnTimes),
    heapsExponent: slope,
    heapsRSquared: rSquared,
  };
}
