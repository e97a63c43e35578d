/** A curve that relaxes to a limit: limit - (limit - start) e^(-t / relaxationSteps). */
export interface Relaxation {
  readonly limit: number;
  readonly start: number;
  /** The time constant τ, in steps. */
  readonly relaxationSteps: number;
  /** Share of the variance of the curve that the fit explains, in [0, 1]. */
  readonly rSquared: number;
}

const SHORTEST_STEPS = 0.3;
/** Three numbers are fitted, so three points would lie on the curve whatever they are. */
const FEWEST_POINTS = 4;
/** Values of ln τ that are tried before the search, so that it begins at the best valley of several. */
const TRIALS = 64;
/** Width of ln τ at which the search ends, and the distance from a bound that counts as at the bound. */
const WIDTH = 1e-9;
const AT_BOUND = 1e-6;
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/**
 * The least-squares fit of an exponential approach to a limit, with τ from 0.3 steps to the number of points. For a
 * given τ the fit of the limit and the start is linear; ln τ is found by golden section (Kiefer 1953, Proc. Am. Math.
 * Soc. 4:502) around the best of 64 values.
 *
 * Null for fewer than four points, for a constant curve, and if the best τ is at a bound: the curve then shows no
 * relaxation in its time.
 */
export function relaxation(curve: Float64Array): Relaxation | null {
  const count = curve.length;
  if (count < FEWEST_POINTS || curve.every((value) => value === curve[0])) return null;
  const first = Math.log(SHORTEST_STEPS);
  const last = Math.log(count);
  const spacing = (last - first) / (TRIALS - 1);
  const explainedBy = (logSteps: number): number => fitFor(curve, Math.exp(logSteps)).rSquared;
  let best = first;
  let explained = -1;
  for (let trial = 0; trial < TRIALS; trial++) {
    const logSteps = trial === TRIALS - 1 ? last : first + trial * spacing;
    const share = explainedBy(logSteps);
    if (share > explained) [best, explained] = [logSteps, share];
  }
  best = highestBetween(Math.max(first, best - spacing), Math.min(last, best + spacing), explainedBy);
  return best - first < AT_BOUND || last - best < AT_BOUND ? null : fitFor(curve, Math.exp(best));
}

/** Golden section: the place of the highest value between two places, if the values rise once and fall once. */
function highestBetween(from: number, to: number, valueAt: (place: number) => number): number {
  let [low, high] = [from, to];
  let left = high - GOLDEN_RATIO * (high - low);
  let right = low + GOLDEN_RATIO * (high - low);
  let atLeft = valueAt(left);
  let atRight = valueAt(right);
  while (high - low > WIDTH) {
    if (atLeft >= atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - GOLDEN_RATIO * (high - low);
      atLeft = valueAt(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + GOLDEN_RATIO * (high - low);
      atRight = valueAt(right);
    }
  }
  return (low + high) / 2;
}

/** The line through the points (e^(-t / τ), curve). */
function fitFor(curve: Float64Array, relaxationSteps: number): Relaxation {
  const count = curve.length;
  let meanX = 0;
  let meanY = 0;
  for (let step = 0; step < count; step++) {
    meanX += Math.exp(-step / relaxationSteps) / count;
    meanY += curve[step]! / count;
  }
  let squaresX = 0;
  let squaresY = 0;
  let products = 0;
  for (let step = 0; step < count; step++) {
    const x = Math.exp(-step / relaxationSteps) - meanX;
    const y = curve[step]! - meanY;
    squaresX += x * x;
    squaresY += y * y;
    products += x * y;
  }
  const slope = products / squaresX;
  const limit = meanY - slope * meanX;
  return {
    limit,
    start: limit + slope,
    relaxationSteps,
    rSquared: Math.min(1, (products * products) / (squaresX * squaresY)),
  };
}
