import type { Statistic } from './statistics.js';

/** The part of the analysis to which a number belongs; tables show the numbers by these. */
export type RunStatisticGroup =
  | 'counts'
  | 'steps'
  | 'drift'
  | 'spread'
  | 'memory'
  | 'recurrence'
  | 'repeats'
  | 'absorption'
  | 'changes';

/**
 * A number that describes the trajectory of one run under one embedding model. A step is one embedded output,
 * and n is the number of steps.
 */
export interface RunStatistic extends Omit<Statistic, 'unit' | 'notContent'> {
  readonly group: RunStatisticGroup;
  readonly unit:
    | 'steps'
    | 'outputs'
    | 'distance'
    | 'squared distance'
    | 'share'
    | 'nats'
    | 'points'
    | 'changes'
    | 'none';
  /** The greatest possible value; Infinity without a limit. Infinity is no value. */
  readonly most: number;
}

/** What numbers of these kinds have in common, unless their description says otherwise. */
export const WHOLE = { stored: 'integer', least: 0, most: Infinity, decimals: 0 } as const;
export const REAL = { stored: 'real', least: 0, most: Infinity, decimals: 3 } as const;
