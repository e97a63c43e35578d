import { NOISE } from '../clusters/membership.js';
import { AnalysisInputError } from '../errors.js';

/** A symbol: the number of a cluster or of an output, or null for noise. */
export type ClusterSymbol = number | null;

/** What a run was in at each of its steps. */
export interface SymbolRun {
  readonly run: string;
  /** Runs of one network share one transition matrix; runs of two networks never do. */
  readonly network: string;
  /** In order of time: whole numbers from 0, and null or -1 for noise. */
  readonly symbols: ArrayLike<ClusterSymbol>;
  /** Whether the run ended in an exact cycle, so that its last dwell was not cut off by the end of the run. */
  readonly inCycle: boolean;
}

/** Runs whose symbols are numbered anew from 0, in the order of the symbols. */
export interface CodedRuns {
  /** Symbols in ascending order; the code of a symbol is its place. */
  readonly alphabet: Uint32Array;
  /** For each run the code of each step. The length of the alphabet is the code of noise. */
  readonly codes: readonly Uint32Array[];
}

/**
 * Numbers the symbols of runs of one network.
 *
 * Throws AnalysisInputError, which names the run and the step, for a symbol that is neither a whole number from -1 to
 * 2^32 - 2 nor null.
 */
export function codeRuns(runs: readonly SymbolRun[]): CodedRuns {
  const found = new Set<number>();
  for (const { run, symbols } of runs) {
    for (let step = 0; step < symbols.length; step++) {
      const symbol = symbols[step]!;
      if (isNoise(symbol)) continue;
      if (!Number.isInteger(symbol) || symbol < 0 || symbol >= GREATEST) {
        throw new AnalysisInputError(
          `symbols[${step}] of run ${run} is ${symbol}; expected the whole number of a cluster, or null or -1 for noise`,
        );
      }
      found.add(symbol);
    }
  }
  const alphabet = Uint32Array.from(found).sort();
  const codeOf = new Map(Array.from(alphabet, (symbol, code) => [symbol, code]));
  const codes = runs.map(({ symbols }) =>
    Uint32Array.from(symbols, (symbol) => (isNoise(symbol) ? alphabet.length : codeOf.get(symbol)!)),
  );
  return { alphabet, codes };
}

/** The code of noise comes after all others. */
const GREATEST = 2 ** 32 - 1;

function isNoise(symbol: ClusterSymbol): symbol is null {
  return symbol === null || symbol === NOISE;
}
