import { picked } from '../../common/records.js';
import type { StoredRunStatistics } from '../../db/index.js';
import { RUN_STATISTIC_NAMES } from '../../experiment/run-statistics.js';

/**
 * The numbers of a run's trajectory under one model, as `show ID RUN --json` prints them: with the digests of what
 * they were computed from, as in the database. Curves are in the database alone, since each has a number for each
 * step.
 */
export function runStatisticsDocument({ model, statistics }: StoredRunStatistics) {
  const { pointsSha256, promptSha256, revision, parameters, stride } = statistics;
  const used: Readonly<Record<string, unknown>> = JSON.parse(parameters);
  return {
    model,
    pointsSha256: pointsSha256.toString('hex'),
    /** Null if the model embeds no text, or if a prompt had no vector. */
    promptSha256: promptSha256?.toString('hex') ?? null,
    revision,
    parameters: used,
    stride,
    ...picked(statistics, RUN_STATISTIC_NAMES),
  };
}
