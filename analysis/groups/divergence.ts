import { Pacer, type Work } from '../../tda/pacer.js';
import { squaredDistanceAt } from '../distance.js';
import { AnalysisInputError } from '../errors.js';
import { fitLine } from '../line-fit.js';
import { relaxation, type Relaxation } from './relaxation.js';
import type { SignalOption } from './run-distances.js';
import type { RunPairs } from './run-pairs.js';
import { stepCount, type Trajectory } from '../trajectory.js';

/** How pairs of runs draw apart, or together. */
export interface Divergence {
  readonly pairCount: number;
  /** d(t): the mean distance of the pairs at each step, up to the end of the shortest run of a pair. */
  readonly curve: Float64Array;
  /**
   * The slope of ln max(d, 1e-10) over all steps, per step, as the system that this one replaces computes it: to
   * compare with its results only. Once d is saturated, each further step lowers it.
   */
  readonly ftleUpstream: LogSlope;
  /** The mean of the last quarter of d, of at least one step. */
  readonly saturation: number;
  readonly early: EarlyExponent;
  /** Null if d does not relax within its time. */
  readonly relaxation: Relaxation | null;
}

export interface LogSlope {
  readonly exponent: number;
  readonly intercept: number;
  /** Null if d is constant. */
  readonly rSquared: number | null;
}

/** The growth before saturation. */
export interface EarlyExponent {
  /** Steps before d first reaches d(0) + (1 - 1/e) (saturation - d(0)). */
  readonly window: number;
  /** The slope of ln d over those steps, per step. Null if they are fewer than four: there is no growth to measure. */
  readonly exponent: number | null;
  readonly intercept: number | null;
  readonly rSquared: number | null;
}

const LEAST_DISTANCE = 1e-10;
const FEWEST_EARLY_STEPS = 4;
const STEPS_PER_TURN = 256;

/**
 * The divergence of pairs of runs: d(t), its early exponent, its saturation and its relaxation. Distances are those
 * of the stored vectors: Euclidean, differences in float32, sums in float64. Runs that stopped at a cycle must have
 * been extended (`extendCycle`); the others are cut at the shortest run that is in a pair.
 *
 * Embeddings on a sphere are bounded, so no exponent here is a Lyapunov exponent. Pairs that begin far apart are
 * saturated at once: their slopes over all steps mean nothing, and their early exponent is null.
 *
 * Null without a pair, or with fewer than two steps. Time O(pairs · steps · dimension); it lets the event loop run
 * about every 40 ms.
 *
 * Rejects with AnalysisInputError, which names the place, for a malformed trajectory, for runs of several
 * dimensions, and for a pair of runs that are not there; or with the signal's reason.
 */
export async function divergence(
  runs: readonly Trajectory[],
  pairs: RunPairs,
  { signal }: SignalOption = {},
): Promise<Divergence | null> {
  return new Pacer(signal).finish(divergenceWork(runs, pairs));
}

function* divergenceWork(runs: readonly Trajectory[], pairs: RunPairs): Work<Divergence | null> {
  const steps = commonSteps(runs, pairs);
  const pairCount = pairs.first.length;
  if (pairCount === 0 || steps < 2) return null;
  const curve = new Float64Array(steps);
  for (let pair = 0; pair < pairCount; pair++) {
    const a = runs[pairs.first[pair]!]!;
    const b = runs[pairs.second[pair]!]!;
    for (let from = 0; from < steps; from += STEPS_PER_TURN) {
      const to = Math.min(steps, from + STEPS_PER_TURN);
      addDistances(a, b, from, to, curve);
      yield (to - from) * a.dimension;
    }
  }
  for (let step = 0; step < steps; step++) curve[step]! /= pairCount;
  const logs = curve.map((distance) => Math.log(Math.max(distance, LEAST_DISTANCE)));
  const saturation = meanOf(curve.subarray(steps - Math.max(1, Math.floor(steps / 4))));
  return {
    pairCount,
    curve,
    ftleUpstream: logSlope(logs),
    saturation,
    early: earlyExponent(curve, logs, saturation),
    relaxation: relaxation(curve),
  };
}

/** Checks the input. The number of steps that all runs of a pair have. */
function commonSteps(runs: readonly Trajectory[], { first, second }: RunPairs): number {
  if (first.length !== second.length) {
    throw new AnalysisInputError(
      `pairs.first has ${first.length} runs and pairs.second ${second.length}; expected one of each for a pair`,
    );
  }
  const lengths = runs.map(stepCount);
  let shortest = Infinity;
  for (let pair = 0; pair < first.length; pair++) {
    const a = runs[first[pair]!];
    const b = runs[second[pair]!];
    if (a === undefined || b === undefined) {
      throw new AnalysisInputError(
        `pair ${pair} is of the runs ${first[pair]} and ${second[pair]}; there are ${runs.length} runs, numbered from 0`,
      );
    }
    if (a.dimension !== b.dimension) {
      throw new AnalysisInputError(
        `run ${first[pair]} has dimension ${a.dimension} and run ${second[pair]} has ${b.dimension}; ` +
          'analyse each embedding model by itself',
      );
    }
    shortest = Math.min(shortest, lengths[first[pair]!]!, lengths[second[pair]!]!);
  }
  return shortest;
}

function addDistances(a: Trajectory, b: Trajectory, from: number, to: number, sums: Float64Array): void {
  const { dimension } = a;
  for (let step = from; step < to; step++) {
    sums[step]! += Math.sqrt(
      squaredDistanceAt(
        a.vectors,
        a.sequence[step]! * dimension,
        b.vectors,
        b.sequence[step]! * dimension,
        dimension,
      ),
    );
  }
}

/** The mean of equal values is exactly that value. */
function meanOf(values: Float64Array): number {
  const base = values[0]!;
  return base + values.reduce((sum, value) => sum + (value - base), 0) / values.length;
}

/** Steps are 0, 1, 2…; there are at least two. */
function logSlope(logs: Float64Array): LogSlope {
  // Logarithms from the first one on: a constant curve then has slope 0 and no variance, exactly.
  const base = logs[0]!;
  const { slope, intercept, rSquared } = fitLine(
    logs.map((_, step) => step),
    logs.map((log) => log - base),
  );
  return { exponent: slope ?? 0, intercept: (intercept ?? 0) + base, rSquared };
}

function earlyExponent(curve: Float64Array, logs: Float64Array, saturation: number): EarlyExponent {
  const start = curve[0]!;
  const threshold = start + (1 - 1 / Math.E) * (saturation - start);
  let window = 0;
  while (window < curve.length && curve[window]! < threshold) window++;
  if (window < FEWEST_EARLY_STEPS) return { window, exponent: null, intercept: null, rSquared: null };
  return { window, ...logSlope(logs.subarray(0, window)) };
}
