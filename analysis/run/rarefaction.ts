import { AnalysisInputError } from '../errors.js';

/**
 * The expected number of distinct outputs among k of a run's n outputs in random order: Σ 1 - C(n - c, k) / C(n, k)
 * over the distinct outputs, where c is how often each came up (Hurlbert 1971, Ecology 52:577). This is the null
 * of the distinct growth: growth below it, early in a run, means that repeats follow each other closely.
 *
 * Equal numbers are equal outputs. `prefixes` are the k, each from 0 to n. C(n - c, k) / C(n, k) is a product of c
 * factors in [0, 1], so that no binomial overflows. O(n) for each k.
 *
 * Throws AnalysisInputError for a k that is no whole number from 0 to n.
 */
export function rarefaction(outputs: Uint32Array, prefixes: ArrayLike<number>): Float64Array {
  const n = outputs.length;
  const occurrences = new Map<number, number>();
  for (const output of outputs) occurrences.set(output, (occurrences.get(output) ?? 0) + 1);
  /** How many distinct outputs came up so often. */
  const outputsByCount = new Map<number, number>();
  for (const count of occurrences.values()) outputsByCount.set(count, (outputsByCount.get(count) ?? 0) + 1);
  const counts = [...outputsByCount.keys()].sort((a, b) => a - b);
  const expected = new Float64Array(prefixes.length);
  for (let place = 0; place < prefixes.length; place++) {
    const k = prefixes[place]!;
    if (!Number.isInteger(k) || k < 0 || k > n) {
      throw new AnalysisInputError(`prefixes[${place}] is ${k}; expected a whole number from 0 to ${n}`);
    }
    // Factors fall by whole numbers, so the product is 0 from n - k on.
    let unseen = 1;
    let factors = 0;
    let sum = 0;
    for (const count of counts) {
      for (; factors < count; factors++) unseen *= (n - k - factors) / (n - factors);
      sum += outputsByCount.get(count)! * (1 - unseen);
    }
    expected[place] = sum;
  }
  return expected;
}
