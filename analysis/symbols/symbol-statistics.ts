import type { Chain } from './closed-class.js';
import type { ConditionalEntropy } from './entropy-rate.js';
import type { NoiseRule } from './noise.js';
import type { ClusterSymbol } from './symbol-runs.js';

/** What `symbols` returns. In it null as a symbol is noise, which is a state with `keep` only. */
export interface SymbolStatistics {
  readonly noise: NoiseRule;
  /** Draws for each p-value. */
  readonly draws: number;
  /** In order of the input. */
  readonly runs: readonly RunSymbols[];
  /** In order of first appearance. */
  readonly networks: readonly NetworkSymbols[];
}

export interface RunSymbols {
  readonly run: string;
  readonly network: string;
  readonly dwells: readonly Dwell[];
  /** Bigrams of the run, sorted by `from`, then `to`. */
  readonly transitions: readonly Transition[];
}

/** A stretch of steps of a run in one state. */
export interface Dwell {
  readonly symbol: ClusterSymbol;
  /** In steps, at least 1. */
  readonly length: number;
  /** Whether the run ended in it, and in no cycle: it may have been longer. */
  readonly censored: boolean;
}

export interface Transition {
  readonly from: ClusterSymbol;
  readonly to: ClusterSymbol;
  /** At least 1. */
  readonly count: number;
}

export interface NetworkSymbols {
  readonly network: string;
  readonly runCount: number;
  /** Steps of all runs, noise included. */
  readonly stepCount: number;
  /** Share of noise steps, whatever the noise rule. Null without a step. */
  readonly transitShare: number | null;
  /** In ascending order, noise last. */
  readonly states: readonly ClusterSymbol[];
  /** Sums over runs, sorted by `from`, then `to`. */
  readonly transitions: readonly Transition[];
  /** P: for each state where it leads. Null: no run left the state, so it has no probabilities. */
  readonly rows: readonly (ProbabilityRow | null)[];
  /** All communicating classes, sorted by their first state. */
  readonly classes: readonly (readonly ClusterSymbol[])[];
  /** The absorbing ones. Where there are several, there is no single stationary distribution. */
  readonly closedClasses: readonly SymbolClass[];
  /** Null without a transition. */
  readonly entropy: SymbolEntropy | null;
}

export interface ProbabilityRow {
  /** In the order of states. */
  readonly to: readonly ClusterSymbol[];
  /** They sum to 1. */
  readonly probabilities: Float64Array;
}

export interface SymbolClass {
  readonly states: readonly ClusterSymbol[];
  /** Null for a class of more than 1,024 states: elimination and eigenvalues take cubic time. */
  readonly chain: Chain | null;
}

export interface SymbolEntropy extends ConditionalEntropy {
  /** I = H(symbol) - h, nats: what a symbol tells of the next one. */
  readonly information: number;
  /** p of I against `order_0`, the symbols of each run in random order. Null for 0 draws. */
  readonly informationP: number | null;
}
