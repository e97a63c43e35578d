import type { FiniteBars } from './diagram.js';

/** Whether all bars of both sides have one birth, as the bars of degree 0 of a Rips filtration do. */
export function areBornTogether(a: FiniteBars, b: FiniteBars): boolean {
  const birth = a.births[0] ?? b.births[0];
  return a.births.every((other) => other === birth) && b.births.every((other) => other === birth);
}

/**
 * The least cost of matching bars that are born together: the sum of costs to `power` (1 or 2), or, for
 * Infinity, the largest cost. Two matched bars cost the difference of their deaths, an unmatched bar half its
 * length.
 *
 * Such bars lie on a line. Whichever bars are matched, pairing them in the order of their deaths costs no
 * more. So the best matching is an alignment of two sorted lists, found by one pass over both: time O(n m),
 * memory O(m). Source: Needleman & Wunsch, "A general method applicable to the search for similarities in the
 * amino acid sequence of two proteins", 1970.
 */
export function alignedCost(a: FiniteBars, b: FiniteBars, power: number): number {
  const birth = a.births[0] ?? b.births[0] ?? 0;
  const deathsA = a.deaths.toSorted();
  const deathsB = b.deaths.toSorted();
  const leaveCostsB = deathsB.map((death) => raised((death - birth) / 2, power));
  // least[j]: the least cost of the bars of a so far with the first j bars of b.
  const least = new Float64Array(deathsB.length + 1);
  leaveCostsB.forEach((cost, j) => {
    least[j + 1] = joined(least[j]!, cost, power);
  });
  for (const death of deathsA) {
    const leaveCost = raised((death - birth) / 2, power);
    let diagonal = least[0]!;
    least[0] = joined(diagonal, leaveCost, power);
    for (let j = 0; j < deathsB.length; j++) {
      const paired = joined(diagonal, raised(Math.abs(death - deathsB[j]!), power), power);
      diagonal = least[j + 1]!;
      const left = Math.min(joined(diagonal, leaveCost, power), joined(least[j]!, leaveCostsB[j]!, power));
      least[j + 1] = Math.min(paired, left);
    }
  }
  return least[deathsB.length]!;
}

function raised(cost: number, power: number): number {
  return power === 2 ? cost * cost : cost;
}

function joined(total: number, cost: number, power: number): number {
  return power === Infinity ? Math.max(total, cost) : total + cost;
}
