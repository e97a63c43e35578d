import type { Work } from '../../tda/pacer.js';
import { entropyOf, entropyRate } from './entropy-rate.js';
import { irreversibility } from './irreversibility.js';
import { LAGS, type Relaxation, relaxation } from './relaxation.js';
import { stationaryDistribution } from './stationary.js';
import type { TransitionCounts } from './transition-counts.js';
import { denseMatrix } from './transition-matrix.js';

/** States that runs of a network do not leave again, once they are in one. */
export interface ClosedClass {
  /** Numbers of states, ascending. */
  readonly states: Uint32Array;
  /** Null for a class of more than `LARGEST_CLASS` states: elimination and eigenvalues take cubic time. */
  readonly chain: Chain | null;
}

/** A Markov chain on the states of one closed class. */
export interface Chain {
  /** π, by state; sums to 1. */
  readonly stationary: Float64Array;
  /** -Σ π ln π, nats. */
  readonly stationaryEntropy: number;
  /** -Σ π_i P_ij ln P_ij, nats a step. 0: each state has one successor. */
  readonly entropyRate: number;
  /** 0: detailed balance; 1: no transition has its reverse. */
  readonly irreversibility: number;
  /** At lags of 1, 2 and 4 steps. */
  readonly relaxation: readonly Relaxation[];
}

/** Most states of a class with a chain: more than clusters of at least 0.1 % of the weight each can have. */
export const LARGEST_CLASS = 1024;

/** `countsOfLag` has the counts of each of `LAGS`, in their order. */
export function* closedClass(
  states: Uint32Array,
  countsOfLag: readonly TransitionCounts[],
): Work<ClosedClass> {
  if (states.length > LARGEST_CLASS) return { states, chain: null };
  const matrix = denseMatrix(countsOfLag[0]!, states)!;
  const stationary = yield* stationaryDistribution(matrix, states.length);
  const relaxations: Relaxation[] = [];
  for (const [at, lag] of LAGS.entries()) {
    relaxations.push(yield* relaxation(countsOfLag[at]!, states, lag));
  }
  const chain = {
    stationary,
    stationaryEntropy: entropyOf(stationary, 1),
    entropyRate: entropyRate(matrix, stationary),
    irreversibility: irreversibility(matrix, stationary),
    relaxation: relaxations,
  };
  return { states, chain };
}
