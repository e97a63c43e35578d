/**
 * Probability that a standard normal variable lies in [low, high]. The relative error is about 1e-13, also
 * far from 0: both ends are taken on the side where neither probability is close to 1.
 */
export function normalProbability(low: number, high: number): number {
  if (low > 0) return normalProbability(-high, -low);
  if (high <= 0) return (complement(-high / Math.SQRT2) - complement(-low / Math.SQRT2)) / 2;
  return (errorFunction(high / Math.SQRT2) + errorFunction(-low / Math.SQRT2)) / 2;
}

/**
 * Beyond it 60 levels of the continued fraction are exact to float64, and 1 - erf(x) begins to lose digits.
 */
const SERIES_END = 2;

/** erf(x) for x >= 0. */
function errorFunction(x: number): number {
  return x < SERIES_END ? series(x) : 1 - continuedFraction(x);
}

/** erfc(x) for x >= 0. */
function complement(x: number): number {
  return x < SERIES_END ? 1 - series(x) : continuedFraction(x);
}

/** erf(x) = 2/√π exp(-x²) Σ 2^n x^(2n+1) / (1·3·…·(2n+1)), whose terms are all positive. DLMF 7.6.2. */
function series(x: number): number {
  let term = x;
  let total = x;
  for (let n = 1; term > total * Number.EPSILON; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

/** erfc(x) = exp(-x²)/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + …)))), from the inside out. DLMF 7.9.1. */
function continuedFraction(x: number): number {
  let tail = x;
  for (let n = 60; n > 0; n--) tail = x + n / 2 / tail;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * tail);
}
