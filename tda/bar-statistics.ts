import { BAR_STATISTIC_NAMES, measured } from '../experiment/statistics.js';
import type { BarMeasures, BarStatisticValues } from '../experiment/statistics.js';
import { longestLifetime, persistenceEntropy, totalPersistence } from './summaries.js';

/** How each number that is described is computed from bars (birth, death, birth, death…). */
export const BAR_MEASURES: BarMeasures = {
  barCount: (bars) => bars.length / 2,
  entropy: (bars) => persistenceEntropy(bars),
  finiteBarCount: (bars) => bars.filter((end, place) => place % 2 === 1 && end !== Infinity).length,
  longestBar: (bars) => longestLifetime(bars),
  totalPersistence: (bars) => totalPersistence(bars),
};

/**
 * Every number that is described, of the bars of one homology dimension.
 * @throws TdaInputError, naming the place, for a malformed diagram.
 */
export function barStatistics(bars: Float32Array): BarStatisticValues {
  return measured(bars, BAR_MEASURES, BAR_STATISTIC_NAMES);
}
