import { refuseUnpaired } from './pairs.js';

/**
 * Spearman's rank correlation in [-1, 1], with mean ranks for ties. Null where a variable has one value only.
 *
 * Throws AnalysisInputError for variables of different lengths, and for a value that is not finite.
 *
 * Source: Spearman 1904, Am. J. Psychol. 15:72; ties: Kendall & Gibbons 1990, Rank Correlation Methods, ch. 3.
 */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number | null {
  refuseUnpaired({ a, b });
  return correlation(centredRanks(a), centredRanks(b));
}

/**
 * Spearman's correlation of a and b once the ranks of a third variable are accounted for, in [-1, 1]. Null where a
 * variable has one value only, and where `given` has the order of a or of b, or its reverse: nothing is left then.
 *
 * Throws AnalysisInputError for variables of different lengths, and for a value that is not finite.
 *
 * Source: Kendall & Gibbons 1990, Rank Correlation Methods, ch. 8, with Spearman's coefficient.
 */
export function partialSpearman(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  given: ArrayLike<number>,
): number | null {
  refuseUnpaired({ a, b, given });
  const [ranksA, ranksB, ranksGiven] = [centredRanks(a), centredRanks(b), centredRanks(given)];
  const ab = correlation(ranksA, ranksB);
  const aGiven = correlation(ranksA, ranksGiven);
  const bGiven = correlation(ranksB, ranksGiven);
  if (ab === null || aGiven === null || bGiven === null) return null;
  const left = (1 - aGiven * aGiven) * (1 - bGiven * bGiven);
  return left === 0 ? null : within((ab - aGiven * bGiven) / Math.sqrt(left));
}

/** 2 · rank - (n + 1), ties with their mean rank: whole numbers of mean 0, so that sums of products are exact. */
function centredRanks(values: ArrayLike<number>): Float64Array {
  const order = Uint32Array.from(values, (_, place) => place).sort((i, j) => values[i]! - values[j]!);
  const ranks = new Float64Array(values.length);
  for (let first = 0, next: number; first < order.length; first = next) {
    next = first + 1;
    while (next < order.length && values[order[next]!] === values[order[first]!]) next++;
    for (let place = first; place < next; place++) ranks[order[place]!] = first + next - order.length;
  }
  return ranks;
}

function correlation(a: Float64Array, b: Float64Array): number | null {
  let products = 0;
  let squaresOfA = 0;
  let squaresOfB = 0;
  for (let place = 0; place < a.length; place++) {
    products += a[place]! * b[place]!;
    squaresOfA += a[place]! * a[place]!;
    squaresOfB += b[place]! * b[place]!;
  }
  // One root of the product, not the product of two: equal orders then have a correlation of exactly 1.
  return squaresOfA === 0 || squaresOfB === 0 ? null : within(products / Math.sqrt(squaresOfA * squaresOfB));
}

function within(correlation: number): number {
  return Math.max(-1, Math.min(1, correlation));
}
