import { alignedCost, areBornTogether } from './alignment.js';
import { cheapestAssignment, WITHOUT_PARTNER } from './assignment.js';
import { checkDiagram, essentialBirths, finiteBars, type FiniteBars } from './diagram.js';
import { TdaInputError } from './errors.js';

export interface WassersteinOptions {
  /** The order of the distance: the power to which costs are raised before they are summed. */
  readonly power: 1 | 2;
}

/**
 * Wasserstein distance of order 1 or 2 between two diagrams (birth, death, birth, death…): (min Σ
 * cost^power)^(1/power) over the ways to match their bars. Two matched bars cost max(|difference of births|,
 * |difference of deaths|). An unmatched bar costs (death - birth) / 2, its distance to the diagonal. Unit:
 * that of the births.
 *
 * Essential bars (death Infinity) are matched among themselves in the order of their births, which is
 * optimal, and their costs are part of the sum. The distance is Infinity if their numbers differ. GUDHI does
 * the same. Leave them out of the arguments if they should not count.
 *
 * Exact up to rounding. With n and m finite bars: time O((n + m) n m) at worst, memory O(n + m). If all bars
 * have one birth, as in degree 0, time O(n m). Source: Edelsbrunner & Harer, "Computational topology", 2010,
 * section VIII.2; see `cheapestAssignment` for the method.
 *
 * Throws TdaInputError, which names the place, for a malformed diagram and for another power.
 */
export function wassersteinDistance(a: Float32Array, b: Float32Array, { power }: WassersteinOptions): number {
  checkDiagram(a, 'a');
  checkDiagram(b, 'b');
  if (power !== 1 && power !== 2) {
    throw new TdaInputError(`power is ${String(power)}; expected 1 or 2`);
  }
  const birthsA = essentialBirths(a);
  const birthsB = essentialBirths(b);
  if (birthsA.length !== birthsB.length) return Infinity;
  const barsA = finiteBars(a);
  const barsB = finiteBars(b);
  let total = areBornTogether(barsA, barsB)
    ? alignedCost(barsA, barsB, power)
    : cheapestMatching(barsA, barsB, power);
  birthsA.forEach((birth, place) => {
    total += raised(Math.abs(birth - birthsB[place]!), power);
  });
  return power === 2 ? Math.sqrt(total) : total;
}

/**
 * The least sum of powers of costs, summed from the matching itself. A sum from the prices would not be 0 for
 * equal diagrams.
 */
function cheapestMatching(a: FiniteBars, b: FiniteBars, power: 1 | 2): number {
  const costsA = diagonalCosts(a, power);
  const costsB = diagonalCosts(b, power);
  const columnOf = cheapestAssignment(
    { leaveCosts: costsA, fillCosts: (bar, out) => fillCosts(a, bar, b, power, out) },
    { leaveCosts: costsB, fillCosts: (bar, out) => fillCosts(b, bar, a, power, out) },
  );
  const isTaken = new Uint8Array(costsB.length);
  let total = 0;
  columnOf.forEach((column, row) => {
    if (column === WITHOUT_PARTNER) {
      total += costsA[row]!;
    } else {
      isTaken[column] = 1;
      total += raised(barDistance(a, row, b, column), power);
    }
  });
  costsB.forEach((cost, column) => {
    if (isTaken[column] === 0) total += cost;
  });
  return total;
}

function diagonalCosts({ births, deaths }: FiniteBars, power: 1 | 2): Float64Array {
  return deaths.map((death, bar) => raised((death - births[bar]!) / 2, power));
}

/** The costs of one bar of `bars` with each of `others`. */
function fillCosts(bars: FiniteBars, bar: number, others: FiniteBars, power: 1 | 2, out: Float64Array): void {
  const { births, deaths } = others;
  const birth = bars.births[bar]!;
  const death = bars.deaths[bar]!;
  for (let other = 0; other < births.length; other++) {
    const distance = Math.max(Math.abs(birth - births[other]!), Math.abs(death - deaths[other]!));
    out[other] = power === 2 ? distance * distance : distance;
  }
}

function barDistance(a: FiniteBars, barA: number, b: FiniteBars, barB: number): number {
  return Math.max(Math.abs(a.births[barA]! - b.births[barB]!), Math.abs(a.deaths[barA]! - b.deaths[barB]!));
}

function raised(cost: number, power: 1 | 2): number {
  return power === 2 ? cost * cost : cost;
}
