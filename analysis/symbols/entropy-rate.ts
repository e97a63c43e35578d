import { enteringCounts, leavingCounts, type TransitionCounts } from './transition-counts.js';

export interface ConditionalEntropy {
  /** h = Σ N_i/N · H(row i), nats a step, from 0 to ln(states). Biased low where cells have few counts. */
  readonly plugIn: number;
  /** h plus (number of used cells - number of used rows) / 2N (Miller 1955; Madow 1948). */
  readonly millerMadow: number;
  /** Fewer than 5 transitions to a used cell on average: neither number can be relied on. */
  readonly fewCounts: boolean;
}

const ENOUGH_COUNTS = 5;

/** Entropy of the next state, given the state, in nats. Null without a transition. */
export function conditionalEntropy(counts: TransitionCounts): ConditionalEntropy | null {
  const leaving = leavingCounts(counts);
  const total = sum(leaving);
  if (total === 0) return null;
  const usedCells = counts.counts.length;
  const usedRows = leaving.reduce((rows, count) => rows + (count > 0 ? 1 : 0), 0);
  const plugIn = Math.max(0, entropyOf(counts.counts, total) - entropyOf(leaving, total));
  return {
    plugIn,
    millerMadow: plugIn + (usedCells - usedRows) / (2 * total),
    fewCounts: total < ENOUGH_COUNTS * usedCells,
  };
}

/**
 * I = H(symbol) - h, nats: what the state tells of the next one. H is the entropy of the states that transitions lead
 * to, so that I is the mutual information of the counted pairs, and never negative. Null without a transition.
 */
export function orderInformation(counts: TransitionCounts): number | null {
  const leaving = leavingCounts(counts);
  const total = sum(leaving);
  if (total === 0) return null;
  const information =
    entropyOf(enteringCounts(counts), total) + entropyOf(leaving, total) - entropyOf(counts.counts, total);
  return information > ROUNDING ? information : 0;
}

/** Information below it is what rounding leaves of none. */
const ROUNDING = 1e-12;

/** -Σ π_i P_ij ln P_ij of a closed class, nats a step. `matrix` is dense, row-major. */
export function entropyRate(matrix: Float64Array, stationary: Float64Array): number {
  const size = stationary.length;
  let rate = 0;
  for (let from = 0; from < size; from++) {
    for (let to = 0; to < size; to++) {
      const probability = matrix[from * size + to]!;
      if (probability > 0) rate -= stationary[from]! * probability * Math.log(probability);
    }
  }
  return Math.max(0, rate);
}

/** -Σ p ln p of weights that sum to `total`, nats. */
export function entropyOf(weights: ArrayLike<number>, total: number): number {
  let entropy = 0;
  for (let at = 0; at < weights.length; at++) {
    const share = weights[at]! / total;
    if (share > 0) entropy -= share * Math.log(share);
  }
  return Math.max(0, entropy);
}

function sum(weights: Float64Array): number {
  let total = 0;
  for (const weight of weights) total += weight;
  return total;
}
