import { layOut, type Design } from '../inference/arrangements.js';
import { checkRunDistances, type RunDistances } from './run-distances.js';

/** Mean distances of pairs of runs. */
export interface GroupDistances {
  /** Of one group; null without such a pair. */
  readonly within: number | null;
  /** Of two groups; null without such a pair. */
  readonly between: number | null;
  readonly withinPairs: number;
  readonly betweenPairs: number;
}

/**
 * How far apart runs of one group are, and runs of two groups. With strata, only pairs of one stratum count. Equal
 * means, with prompts as groups, say that the prompts are forgotten.
 *
 * Throws AnalysisInputError for malformed distances or groups.
 */
export function groupDistances(distances: RunDistances, design: Design): GroupDistances {
  checkRunDistances(distances, design);
  layOut(design);
  return meansOfPairs(distances, design);
}

export function meansOfPairs(
  { runCount, distances }: RunDistances,
  { groups, strata }: Design,
): GroupDistances {
  let within = 0;
  let between = 0;
  let withinPairs = 0;
  let betweenPairs = 0;
  for (let run = 1, place = 0; run < runCount; run++) {
    for (let other = 0; other < run; other++, place++) {
      if (strata !== undefined && strata[run] !== strata[other]) continue;
      if (groups[run] === groups[other]) {
        within += distances[place]!;
        withinPairs++;
      } else {
        between += distances[place]!;
        betweenPairs++;
      }
    }
  }
  return {
    within: withinPairs === 0 ? null : within / withinPairs,
    between: betweenPairs === 0 ? null : between / betweenPairs,
    withinPairs,
    betweenPairs,
  };
}
