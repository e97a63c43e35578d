import type { RunCurveValues } from '../../experiment/run-curves.js';
import type { RunStatisticValues } from '../../experiment/run-statistics.js';
import { Pacer, type Work } from '../../tda/pacer.js';
import { type Autocorrelation, autocorrelationLags, autocorrelationOf } from './autocorrelation.js';
import { changePointWork } from '../changes/change-points.js';
import { distinctGrowth } from './distinct-growth.js';
import { type Drift, type DriftOrigins, driftWork } from './drift.js';
import { AnalysisInputError } from '../errors.js';
import { exactCycle } from './exact-cycle.js';
import { slidingLagSums } from './lag-sums.js';
import {
  displacementLags,
  displacementOf,
  displacementWork,
  type MeanSquaredDisplacement,
} from './mean-squared-displacement.js';
import { median } from './median.js';
import { DirectDistance, type EndCycle, nearCycleWork } from './near-cycle.js';
import { comparePairs, MOST_PAIRED_STEPS } from './pair-pass.js';
import { checkRadius, type Recurrence } from './recurrence.js';
import { StepDistances } from './step-distances.js';
import { squaresFromMean, stepWork } from './step-statistics.js';
import { stepCount, type Trajectory } from '../trajectory.js';

/** Raised with any change of a definition, so that stored numbers of an older one are computed again. */
export const ANALYSIS_REVISION = 1;

/** What the numbers of a run need besides its trajectory. */
export interface RunContext extends DriftOrigins {
  /** The number of the output of each step: equal numbers are equal contents (artifacts, not vectors). */
  readonly outputs: Uint32Array;
  /** Radius of recurrences and near cycles; null if the model has none. */
  readonly radius: number | null;
}

export interface RunStatistics {
  readonly values: RunStatisticValues;
  readonly curves: RunCurveValues;
}

/**
 * Every number and curve that the store keeps of a trajectory, as `RUN_STATISTICS` and `RUN_CURVES` in
 * experiment/ describe them. One pass over all pairs of steps serves the MSD, the autocorrelation and the
 * recurrences; above 20,000 steps there are no recurrences, and the rest takes the lags that it needs.
 *
 * Null without a step. Lets the event loop run about every 50 ms, and rejects with the reason of the signal if it
 * is aborted.
 *
 * Rejects with AnalysisInputError, which names the place, for a malformed trajectory or context.
 */
export async function runStatistics(
  trajectory: Trajectory,
  context: RunContext,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<RunStatistics | null> {
  return await new Pacer(signal).finish(runStatisticsWork(trajectory, context));
}

/** The same in portions. */
export function* runStatisticsWork(trajectory: Trajectory, context: RunContext): Work<RunStatistics | null> {
  const n = stepCount(trajectory);
  checkContext(context, n);
  if (n === 0) return null;
  const steps = yield* stepWork(trajectory);
  const drift = yield* driftWork(trajectory, context);
  const growth = distinctGrowth(context.outputs);
  const exact = exactCycle(context.outputs);
  const pairs =
    n > MOST_PAIRED_STEPS ? yield* ofLags(trajectory, context) : yield* ofPairs(trajectory, context);
  const changes = yield* changePointWork(trajectory);
  return {
    values: {
      pointCount: n,
      distinctPointCount: new Set(trajectory.sequence).size,
      distinctOutputCount: growth.growth[n - 1]!,
      pairsSkipped: n > MOST_PAIRED_STEPS ? 1 : 0,
      stepMean: steps.stepMean,
      stepMedian: steps.stepMedian,
      stepMax: steps.stepMax,
      pathLength: steps.pathLength,
      zeroSteps: steps.zeroSteps,
      netDisplacement: steps.netDisplacement,
      straightness: steps.straightness,
      radiusOfGyration: steps.radiusOfGyration,
      totalVariance: steps.totalVariance,
      ...driftValues(drift),
      msdExponent: pairs.displacement?.exponent ?? null,
      msdRSquared: pairs.displacement?.rSquared ?? null,
      decorrelationTime: pairs.autocorrelation?.decorrelationTime ?? null,
      integratedTime: pairs.autocorrelation?.integratedTime ?? null,
      effectiveSampleSize: pairs.autocorrelation?.effectiveSampleSize ?? null,
      ...recurrenceValues(pairs.fixedRadius, pairs.fixedRate),
      firstRepeatAt: growth.firstRepeatAt,
      returnTimeMedian: median(growth.returnTimes),
      heapsExponent: growth.heapsExponent,
      heapsRSquared: growth.heapsRSquared,
      exactPeriod: exact?.period ?? null,
      exactlyAbsorbedAt: exact?.onset ?? null,
      nearPeriod: pairs.nearCycle?.period ?? null,
      absorbedAt: pairs.nearCycle?.onset ?? null,
      changesWhite: changes?.white.changes ?? null,
      changesShortMemory: changes?.shortMemory.changes ?? null,
    },
    curves: {
      driftPrompt: drift.prompt?.euclidean ?? null,
      driftOtherPrompts: drift.otherPrompts?.euclidean ?? null,
      driftFirst: drift.first?.euclidean ?? null,
      meanSquaredDisplacement: pairs.displacement?.values ?? null,
      autocorrelation: pairs.autocorrelation?.values ?? null,
      distinctGrowth: growth.growth,
      changesWhite: changes === null ? null : Float64Array.from(changes.white.ends),
      changesShortMemory: changes === null ? null : Float64Array.from(changes.shortMemory.ends),
    },
  };
}

function checkContext({ outputs, radius }: RunContext, n: number): void {
  if (outputs.length !== n) {
    throw new AnalysisInputError(`outputs has ${outputs.length} numbers, but the trajectory has ${n} steps`);
  }
  if (radius !== null) checkRadius(radius);
}

/** What the distances between steps say. */
interface PairStatistics {
  readonly displacement: MeanSquaredDisplacement | null;
  readonly autocorrelation: Autocorrelation | null;
  readonly fixedRadius: Recurrence | null;
  readonly fixedRate: Recurrence | null;
  readonly nearCycle: EndCycle | null;
}

function* ofPairs(trajectory: Trajectory, { radius }: RunContext): Work<PairStatistics> {
  const n = trajectory.sequence.length;
  if (n < 2) {
    return { displacement: null, autocorrelation: null, fixedRadius: null, fixedRate: null, nearCycle: null };
  }
  const distances = yield* StepDistances.of(trajectory);
  const { lagSums, fixedRadius, fixedRate } = yield* comparePairs(distances, radius);
  const lags = displacementLags(n);
  const squares = yield* squaresFromMean(trajectory);
  return {
    displacement: displacementOf(
      n,
      lags,
      Float64Array.from(lags, (lag) => lagSums[lag]!),
    ),
    autocorrelation: autocorrelationOf(trajectory.sequence, squares, lagSums),
    fixedRadius,
    fixedRate,
    nearCycle: radius === null ? null : yield* nearCycleWork(n, distances, radius),
  };
}

function* ofLags(trajectory: Trajectory, { radius }: RunContext): Work<PairStatistics> {
  const n = trajectory.sequence.length;
  const lagSums = yield* slidingLagSums(trajectory, autocorrelationLags(n));
  const squares = yield* squaresFromMean(trajectory);
  return {
    displacement: yield* displacementWork(trajectory, displacementLags(n)),
    autocorrelation: autocorrelationOf(trajectory.sequence, squares, lagSums),
    fixedRadius: null,
    fixedRate: null,
    nearCycle: radius === null ? null : yield* nearCycleWork(n, new DirectDistance(trajectory), radius),
  };
}

function driftValues({ prompt, otherPrompts, first }: Drift) {
  return {
    driftPromptEuclideanEnd: prompt?.euclideanEnd ?? null,
    driftPromptEuclideanLate: prompt?.euclideanLate ?? null,
    driftPromptCosineEnd: prompt?.cosineEnd ?? null,
    driftPromptCosineLate: prompt?.cosineLate ?? null,
    driftOtherPromptsEuclideanEnd: otherPrompts?.euclideanEnd ?? null,
    driftOtherPromptsEuclideanLate: otherPrompts?.euclideanLate ?? null,
    driftOtherPromptsCosineEnd: otherPrompts?.cosineEnd ?? null,
    driftOtherPromptsCosineLate: otherPrompts?.cosineLate ?? null,
    driftFirstEuclideanEnd: first?.euclideanEnd ?? null,
    driftFirstEuclideanLate: first?.euclideanLate ?? null,
    driftFirstCosineEnd: first?.cosineEnd ?? null,
    driftFirstCosineLate: first?.cosineLate ?? null,
  };
}

function recurrenceValues(radius: Recurrence | null, rate: Recurrence | null) {
  return {
    fixedRadiusEpsilon: radius?.epsilon ?? null,
    fixedRadiusRr: radius?.rr ?? null,
    fixedRadiusDet: radius?.det ?? null,
    fixedRadiusDiagonalMean: radius?.diagonalMean ?? null,
    fixedRadiusDiagonalMax: radius?.diagonalMax ?? null,
    fixedRadiusDiagonalEntropy: radius?.diagonalEntropy ?? null,
    fixedRadiusLam: radius?.lam ?? null,
    fixedRadiusTrappingTime: radius?.trappingTime ?? null,
    fixedRadiusVerticalMax: radius?.verticalMax ?? null,
    fixedRateEpsilon: rate?.epsilon ?? null,
    fixedRateRr: rate?.rr ?? null,
    fixedRateDet: rate?.det ?? null,
    fixedRateDiagonalMean: rate?.diagonalMean ?? null,
    fixedRateDiagonalMax: rate?.diagonalMax ?? null,
    fixedRateDiagonalEntropy: rate?.diagonalEntropy ?? null,
    fixedRateLam: rate?.lam ?? null,
    fixedRateTrappingTime: rate?.trappingTime ?? null,
    fixedRateVerticalMax: rate?.verticalMax ?? null,
  };
}
