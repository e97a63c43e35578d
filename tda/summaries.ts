import { checkDiagram, finiteLifetimes } from './diagram.js';
import { TdaInputError } from './errors.js';

export interface EntropyOptions {
  /**
   * Whether to divide by the entropy of as many bars of equal length, so that the result lies in [0, 1].
   * Default: no.
   */
  readonly normalised?: boolean;
}

/**
 * Persistence entropy of a diagram (birth, death, birth, death…): -Σ p ln p, with p a finite bar's share of
 * the total length of the finite bars. Natural logarithm, like persim's `persistent_entropy`. 0 without a
 * finite bar.
 *
 * `normalised` divides by ln of the number of finite bars of positive length, like persim's `normalize`
 * (giotto-tda's divides by the logarithm of their total length). It gives 0 for a single bar, where the
 * quotient is 0/0.
 *
 * Source: Chintakunta, Gentimis, Gonzalez-Diaz, Jimenez & Krim, "An entropy-based persistence barcode", 2015.
 *
 * Throws TdaInputError, which names the place, for half a bar, a birth that is not finite, and a death before
 * its birth.
 */
export function persistenceEntropy(
  diagram: Float32Array,
  { normalised = false }: EntropyOptions = {},
): number {
  checkDiagram(diagram);
  const lifetimes = finiteLifetimes(diagram);
  const total = sum(lifetimes);
  let entropy = 0;
  for (const lifetime of lifetimes) {
    const share = lifetime / total;
    entropy -= share * Math.log(share);
  }
  if (!normalised) return entropy;
  return lifetimes.length > 1 ? entropy / Math.log(lifetimes.length) : 0;
}

/**
 * Total persistence of degree `power`: Σ (death - birth)^power over the finite bars of a diagram, in its unit
 * to that power. 0 without a finite bar; Infinity if the sum is beyond float64, which takes a power above 7.
 *
 * Source: Cohen-Steiner, Edelsbrunner, Harer & Mileyko, "Lipschitz functions have L_p-stable persistence",
 * 2010.
 *
 * Throws TdaInputError, which names the place, for a malformed diagram and for a power that is not a finite
 * number above 0.
 */
export function totalPersistence(diagram: Float32Array, power = 1): number {
  checkDiagram(diagram);
  if (!(power > 0 && power < Infinity)) {
    throw new TdaInputError(`power is ${String(power)}; expected a finite number above 0`);
  }
  return sum(finiteLifetimes(diagram).map((lifetime) => lifetime ** power));
}

/**
 * Length of the longest finite bar of a diagram, in the unit of the distances. 0 without a finite bar.
 *
 * Throws TdaInputError, naming the place, for a malformed diagram.
 */
export function longestLifetime(diagram: Float32Array): number {
  checkDiagram(diagram);
  return finiteLifetimes(diagram).reduce((longest, lifetime) => Math.max(longest, lifetime), 0);
}

/**
 * Betti curve of a diagram: for each threshold t (any order), the number of bars with birth <= t < death.
 *
 * Throws TdaInputError, naming the place, for a malformed diagram and for a threshold that is NaN.
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

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
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
