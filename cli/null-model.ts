import type { SurrogateRow } from '../db/index.js';
import { SURROGATE_KINDS } from '../experiment/config.js';
import type { SurrogateKind } from '../experiment/config.js';
import { longestLifetime, nullRank } from '../tda/index.js';

/** Where the longest bar of a homology dimension stands among those of the surrogates of a kind. */
export interface NullModelRank {
  readonly dimension: number;
  readonly kind: SurrogateKind;
  /** Surrogates that there are; more may come while the run is under way. */
  readonly surrogates: number;
  /** Of the diagram itself; 0 without a bar that dies. */
  readonly longestBar: number;
  /** From 1, the longest of all, to `surrogates` + 1. */
  readonly rank: number;
  readonly p: number;
}

/** By dimension from 1 on, since every cloud has components, and kind; nothing where there are no surrogates. */
export function nullModelRanks(
  dimensions: readonly { readonly dimension: number; readonly bars: Float32Array }[],
  rows: readonly SurrogateRow[],
): NullModelRank[] {
  return dimensions.flatMap(({ dimension, bars }) => {
    const longest = longestLifetime(bars);
    return SURROGATE_KINDS.flatMap((kind) => {
      const others = rows.filter((row) => row.kind === kind && row.dimension === dimension);
      if (dimension === 0 || others.length === 0) return [];
      const { rank, p } = nullRank(
        longest,
        others.map(({ longestBar }) => longestBar),
      );
      return [{ dimension, kind, surrogates: others.length, longestBar: longest, rank, p }];
    });
  });
}
