import { alignedCost, areBornTogether } from './alignment.js';
import { checkDiagram, essentialBirths, finiteBars, type FiniteBars } from './diagram.js';
import { matchesEveryRow } from './matching.js';

/**
 * Bottleneck distance between two diagrams (birth, death, birth, death…): the least r such that their bars
 * can be matched with no cost above r. Two matched bars cost max(|difference of births|, |difference of
 * deaths|). An unmatched bar costs (death - birth) / 2, its distance to the diagonal. Unit: that of the
 * births.
 *
 * Essential bars (death Infinity) are matched among themselves in the order of their births, which is
 * optimal, and their costs count. The distance is Infinity if their numbers differ. GUDHI does the same.
 * Leave them out of the arguments if they should not count.
 *
 * The result is exactly one of the costs in float64. With n and m finite bars: at most 64 radii are tried,
 * each in time O(n m √(n + m)) at worst and O(n m) in practice, with bit rows of n m / 8 bytes. If all bars
 * have one birth, as in degree 0, the whole takes time O(n m). Source: Edelsbrunner & Harer, "Computational
 * topology", 2010, section VIII.4.
 *
 * Throws TdaInputError, which names the place, for a malformed diagram.
 */
export function bottleneckDistance(a: Float32Array, b: Float32Array): number {
  checkDiagram(a, 'a');
  checkDiagram(b, 'b');
  const birthsA = essentialBirths(a);
  const birthsB = essentialBirths(b);
  if (birthsA.length !== birthsB.length) return Infinity;
  let least = 0;
  birthsA.forEach((birth, place) => {
    least = Math.max(least, Math.abs(birth - birthsB[place]!));
  });
  const barsA = sortedByBirth(finiteBars(a));
  const barsB = sortedByBirth(finiteBars(b));
  if (areBornTogether(barsA, barsB)) return Math.max(least, alignedCost(barsA, barsB, Infinity));
  least = Math.max(least, nearestBound(barsA, barsB), nearestBound(barsB, barsA));
  const most = Math.max(least, longestHalf(barsA), longestHalf(barsB));
  return leastRadius(least, most, (radius) => isMatchable(barsA, barsB, radius));
}

/**
 * The least float64 in [low, high] at which a monotone predicate holds; it has to hold at `high`. Floats of
 * one sign have the order of their bits (IEEE 754), so halving the bits takes at most 64 steps, whatever the
 * scales.
 */
function leastRadius(low: number, high: number, holds: (radius: number) => boolean): number {
  if (low === high || holds(low)) return low;
  const float = Float64Array.of(low, high);
  const bits = new BigUint64Array(float.buffer);
  let [below, above] = [bits[0]!, bits[1]!];
  while (above - below > 1n) {
    const middle = (below + above) >> 1n;
    bits[0] = middle;
    if (holds(float[0]!)) above = middle;
    else below = middle;
  }
  bits[0] = above;
  return float[0]!;
}

/**
 * Whether the bars can be matched with no cost above `radius`. Bars at most that far from the diagonal need
 * no partner. A matching that covers all other bars of both sides exists if each side has one that covers its
 * own (Mendelsohn & Dulmage, "Some generalizations of the problem of distinct representatives", 1958). So the
 * diagonal needs no vertices.
 */
function isMatchable(a: FiniteBars, b: FiniteBars, radius: number): boolean {
  return canCover(a, b, radius) && canCover(b, a, radius);
}

/**
 * Whether each bar of `bars` that is farther than `radius` from the diagonal can have its own bar of `others`
 * within `radius`.
 */
function canCover(bars: FiniteBars, others: FiniteBars, radius: number): boolean {
  const { births, deaths } = others;
  const columnCount = births.length;
  const width = (columnCount + 31) >>> 5;
  const far = indicesWhere(bars, (bar) => diagonalDistance(bars, bar) > radius);
  const words = new Int32Array(far.length * width);
  let first = 0;
  for (let row = 0; row < far.length; row++) {
    const birth = bars.births[far[row]!]!;
    const death = bars.deaths[far[row]!]!;
    const base = row * width;
    // Both sides are sorted by birth, so the window of births within the radius only moves up.
    while (first < columnCount && birth - births[first]! > radius) first++;
    let any = 0;
    for (let other = first; other < columnCount && births[other]! - birth <= radius; other++) {
      if (Math.abs(death - deaths[other]!) <= radius) {
        const place = base + (other >>> 5);
        words[place] = words[place]! | (1 << (other & 31));
        any = 1;
      }
    }
    if (any === 0) return false;
  }
  return matchesEveryRow({ rowCount: far.length, columnCount, words });
}

/**
 * A lower bound: no bar costs less than its distance to the diagonal or to the nearest bar of the other side.
 */
function nearestBound(bars: FiniteBars, others: FiniteBars): number {
  const { births, deaths } = others;
  let bound = 0;
  for (let bar = 0; bar < bars.births.length; bar++) {
    const birth = bars.births[bar]!;
    const death = bars.deaths[bar]!;
    let nearest = diagonalDistance(bars, bar);
    for (let other = 0; other < births.length && nearest > bound; other++) {
      const distance = Math.max(Math.abs(birth - births[other]!), Math.abs(death - deaths[other]!));
      if (distance < nearest) nearest = distance;
    }
    bound = Math.max(bound, nearest);
  }
  return bound;
}

function longestHalf(bars: FiniteBars): number {
  let longest = 0;
  for (let bar = 0; bar < bars.births.length; bar++) {
    longest = Math.max(longest, diagonalDistance(bars, bar));
  }
  return longest;
}

function diagonalDistance(bars: FiniteBars, bar: number): number {
  return (bars.deaths[bar]! - bars.births[bar]!) / 2;
}

function sortedByBirth(bars: FiniteBars): FiniteBars {
  const order = indicesWhere(bars, () => true).sort((x, y) => bars.births[x]! - bars.births[y]!);
  return {
    births: Float64Array.from(order, (bar) => bars.births[bar]!),
    deaths: Float64Array.from(order, (bar) => bars.deaths[bar]!),
  };
}

function indicesWhere(bars: FiniteBars, holds: (bar: number) => boolean): number[] {
  const indices: number[] = [];
  for (let bar = 0; bar < bars.births.length; bar++) if (holds(bar)) indices.push(bar);
  return indices;
}
