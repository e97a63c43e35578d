import type { SurrogateRow } from '../../db/index.js';
import { SURROGATE_KINDS } from '../../experiment/config.js';
import type { SurrogateKind } from '../../experiment/config.js';
import { longestLifetime, nullRank, type NullRank } from '../../tda/index.js';
import { count, table } from '../terminal/format.js';

/** Where the longest bar of a homology dimension stands among those of the surrogates of a kind. */
export type NullModelRank = {
  readonly dimension: number;
  readonly kind: SurrogateKind;
  /** Surrogates that there are; more may come while the run is under way. */
  readonly surrogates: number;
} & (Ranked | typeof UNRANKED);

interface Ranked extends NullRank {
  /** Of the diagram itself. */
  readonly longestBar: number;
}

/** The diagram has no bar that dies: there is nothing to rank. */
const UNRANKED = { longestBar: null, rank: null, p: null } as const;

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
      const lengths = others.map(({ longestBar }) => longestBar);
      const ranked = longest === 0 ? UNRANKED : { longestBar: longest, ...nullRank(longest, lengths) };
      return [{ dimension, kind, surrogates: others.length, ...ranked }];
    });
  });
}

/** A table of what is ranked, and a line for each dimension where nothing is; empty without a null model. */
export function nullModelText(ranks: readonly NullModelRank[]): string {
  const rows = ranks.flatMap((row) =>
    row.rank === null
      ? []
      : [
          [
            `H${row.dimension}`,
            row.kind.replaceAll('_', ' '),
            row.longestBar.toFixed(3),
            `${count(row.rank)} of ${count(row.surrogates + 1)}`,
            row.p.toFixed(3),
          ],
        ],
  );
  const unranked = new Set(ranks.flatMap(({ dimension, rank }) => (rank === null ? [dimension] : [])));
  return [
    ...(rows.length === 0
      ? []
      : [
          '\nIts longest bars among those of its surrogates (rank 1 is the longest; p = rank / number)\n',
          table([['dim', 'surrogates', 'longest bar', 'rank', 'p'], ...rows], [2, 3, 4]),
        ]),
    ...(unranked.size === 0 ? [] : ['']),
    ...[...unranked].map(
      (dimension) => `H${dimension} has no bar that dies: nothing to rank among its surrogates.`,
    ),
  ].join('\n');
}
