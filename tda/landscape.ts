import { checkDiagram, finiteBars } from './diagram.js';
import { TdaInputError } from './errors.js';

export interface LandscapeOptions {
  /** How many functions: λ_1 to λ_count. At least 1. */
  readonly count: number;
  /** The first sample, in the unit of the births. */
  readonly start: number;
  /** The last sample, after the first. */
  readonly end: number;
  /** How many samples, both ends included, at equal distances. At least 2. */
  readonly sampleCount: number;
}

/**
 * Persistence landscape of a diagram (birth, death, birth, death…): `count` rows of `sampleCount` values. Row
 * k - 1 is λ_k(t) = the k-th largest of max(0, min(t - birth, death - t)) over the finite bars, at t = start
 * + i (end - start) / (sampleCount - 1). It is 0 where there are fewer than k bars. Unit: that of the births.
 * GUDHI's `Landscape` gives √2 times these values.
 *
 * Source: Bubenik, "Statistical topological data analysis using persistence landscapes", 2015.
 *
 * Throws TdaInputError, which names the place, for a malformed diagram and for options out of their ranges.
 */
export function persistenceLandscape(diagram: Float32Array, options: LandscapeOptions): Float64Array[] {
  checkDiagram(diagram);
  checkOptions(options);
  const { count, sampleCount } = options;
  const { births, deaths } = finiteBars(diagram);
  const landscape = Array.from({ length: count }, () => new Float64Array(sampleCount));
  for (let sample = 0; sample < sampleCount; sample++) {
    const t = sampleAt(sample, options);
    for (let bar = 0; bar < births.length; bar++) {
      insert(landscape, sample, Math.min(t - births[bar]!, deaths[bar]! - t));
    }
  }
  return landscape;
}

/** Like numpy's linspace: the last sample is `end` itself. */
function sampleAt(sample: number, { start, end, sampleCount }: LandscapeOptions): number {
  return sample === sampleCount - 1 ? end : start + sample * ((end - start) / (sampleCount - 1));
}

/**
 * Inserts a height into the largest ones at one sample, which are in descending order. Heights of 0 and below
 * are not inserted.
 */
function insert(landscape: readonly Float64Array[], sample: number, height: number): void {
  let carried = height;
  for (let k = 0; k < landscape.length && carried > 0; k++) {
    const row = landscape[k]!;
    const present = row[sample]!;
    if (carried > present) {
      row[sample] = carried;
      carried = present;
    }
  }
}

function checkOptions({ count, start, end, sampleCount }: LandscapeOptions): void {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new TdaInputError(`count is ${String(count)}; expected a whole number of functions, at least 1`);
  }
  if (!Number.isSafeInteger(sampleCount) || sampleCount < 2) {
    throw new TdaInputError(
      `sampleCount is ${String(sampleCount)}; expected a whole number of samples, at least 2`,
    );
  }
  if (!Number.isFinite(start) || !Number.isFinite(end) || !(start < end)) {
    throw new TdaInputError(
      `start is ${String(start)} and end is ${String(end)}; expected finite numbers in this order`,
    );
  }
}
