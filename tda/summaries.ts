import { TdaInputError } from './errors.js';

/**
 * Persistence entropy of a diagram (birth, death, birth, death…): -Σ p ln p, with p a finite bar's share of the total
 * length of the finite bars. Natural logarithm, not normalised, as persim's `persistent_entropy`. 0 without a finite bar.
 *
 * Throws TdaInputError for an odd number of values.
 */
export function persistenceEntropy(diagram: Float32Array): number {
  checkDiagram(diagram);
  let total = 0;
  for (let k = 0; k < diagram.length; k += 2) {
    if (diagram[k + 1] !== Infinity) total += diagram[k + 1]! - diagram[k]!;
  }
  let entropy = 0;
  for (let k = 0; k < diagram.length; k += 2) {
    const share = (diagram[k + 1]! - diagram[k]!) / total;
    if (diagram[k + 1] !== Infinity && share > 0) entropy -= share * Math.log(share);
  }
  return entropy;
}

/**
 * Betti curve of a diagram: for each threshold t (any order), the number of bars with birth <= t < death.
 *
 * Throws TdaInputError for an odd number of values and for a threshold that is NaN.
 */
export function bettiCurve(diagram: Float32Array, thresholds: Float32Array): Uint32Array {
  checkDiagram(diagram);
  const births = diagram.filter((_, k) => k % 2 === 0).sort();
  const deaths = diagram.filter((_, k) => k % 2 === 1).sort();
  return Uint32Array.from(thresholds, (threshold, k) => {
    if (Number.isNaN(threshold)) throw new TdaInputError(`thresholds[${k}] is NaN; expected a number`);
    return countUpTo(births, threshold) - countUpTo(deaths, threshold);
  });
}

/** How long the finite bars of a diagram are, in the unit of the distances. */
export interface BarLengths {
  /** 0 without a finite bar. */
  readonly longest: number;
  /** Total persistence of degree 1: the sum of the lengths (Cohen-Steiner et al. 2010, Found. Comput. Math. 10:127). */
  readonly total: number;
}

/**
 * Longest finite bar and total persistence of a diagram (birth, death, birth, death…). Bars that never die do not count.
 *
 * Throws TdaInputError for an odd number of values.
 */
export function barLengths(diagram: Float32Array): BarLengths {
  checkDiagram(diagram);
  let longest = 0;
  let total = 0;
  for (let k = 0; k < diagram.length; k += 2) {
    const length = diagram[k + 1]! - diagram[k]!;
    if (length === Infinity) continue;
    longest = Math.max(longest, length);
    total += length;
  }
  return { longest, total };
}

function checkDiagram(diagram: Float32Array): void {
  if (diagram.length % 2 !== 0) {
    throw new TdaInputError(
      `the diagram has ${diagram.length} values; expected pairs birth, death, birth, death…`,
    );
  }
}

/** Number of entries of a sorted array that are at most `threshold`. */
function countUpTo(sorted: Float32Array, threshold: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! <= threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}
