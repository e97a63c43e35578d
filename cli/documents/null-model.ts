import type { SurrogateRow } from '../../db/index.js';
import { recordOf } from '../../common/records.js';
import { SURROGATE_KINDS } from '../../experiment/config.js';
import type { SurrogateKind } from '../../experiment/config.js';
import { describe, RANKED_STATISTICS } from '../../experiment/statistics.js';
import type { RankedStatistic } from '../../experiment/statistics.js';
import { BAR_MEASURES, nullRank, type NullRank } from '../../tda/index.js';
import { count, table } from '../terminal/format.js';
import { statisticText } from './statistics.js';

interface OfSurrogates {
  readonly dimension: number;
  readonly kind: SurrogateKind;
  /** How many surrogates are stored. More may follow while the run is under way. */
  readonly surrogates: number;
}

/**
 * The rank of a number of one homology dimension among those of the surrogates of one kind. The diagram's own
 * value stands under the name of the number. It is null if there is nothing to rank.
 */
export type NullModelRank = OfSurrogates &
  Readonly<Partial<Record<RankedStatistic, number | null>>> &
  (NullRank | { readonly rank: null; readonly p: null });

/**
 * The ranks by dimension, kind and number. Dimension 0 has none, since every cloud has components. Empty
 * without surrogates.
 */
export function nullModelRanks(
  dimensions: readonly { readonly dimension: number; readonly bars: Float32Array }[],
  rows: readonly SurrogateRow[],
): NullModelRank[] {
  return dimensions.flatMap(({ dimension, bars }) =>
    SURROGATE_KINDS.flatMap((kind) => {
      if (dimension === 0) return [];
      const others = rows.filter((row) => row.kind === kind && row.dimension === dimension);
      return RANKED_STATISTICS.flatMap((name) => rankedBy(name, { dimension, kind }, bars, others));
    }),
  );
}

function rankedBy(
  name: RankedStatistic,
  of: Omit<OfSurrogates, 'surrogates'>,
  bars: Float32Array,
  others: readonly SurrogateRow[],
): NullModelRank[] {
  const values = others.map((row) => row[name]).filter((value) => value !== null);
  if (values.length === 0) return [];
  const value = BAR_MEASURES[name](bars);
  const isRanked = value !== 0 && value !== null;
  const place = isRanked ? nullRank(value, values) : { rank: null, p: null };
  const own = recordOf([name], () => (isRanked ? value : null));
  return [{ ...of, surrogates: values.length, ...own, ...place }];
}

/**
 * For each number, a table of its ranks, and a line for each dimension without one. Empty without a null model.
 */
export function nullModelText(ranks: readonly NullModelRank[]): string {
  return RANKED_STATISTICS.flatMap((name) => {
    const of = ranks.filter((rank) => name in rank);
    return of.length === 0 ? [] : [rankedText(name, of)];
  }).join('\n');
}

function rankedText(name: RankedStatistic, ranks: readonly NullModelRank[]): string {
  const { title, ranked } = describe(name);
  const rows = ranks.flatMap((row) =>
    row.rank === null
      ? []
      : [
          [
            `H${row.dimension}`,
            row.kind.replaceAll('_', ' '),
            statisticText(name, row[name] ?? null),
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
          `\nIts ${ranked?.plural} among those of its surrogates (rank 1 is the ${ranked?.first}; p = rank / number)\n`,
          table([['dim', 'surrogates', title, 'rank', 'p'], ...rows], [2, 3, 4]),
        ]),
    ...(unranked.size === 0 ? [] : ['']),
    ...[...unranked].map(
      (dimension) => `H${dimension} ${ranked?.nothing}: nothing to rank among its surrogates.`,
    ),
  ].join('\n');
}
