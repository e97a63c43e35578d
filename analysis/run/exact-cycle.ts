import { pairCount } from '../../tda/triangle.js';
import { type EndCycle, FEWEST_ABSORBED_STEPS, FEWEST_ROUNDS } from './near-cycle.js';

/**
 * The shortest cycle of equal outputs in which a run ends, by the numbers of its outputs: equal numbers are equal
 * outputs. It has at least 3 rounds and at least 10 steps. This is the near cycle of radius 0, in O(n): the
 * Z-array of the reversed outputs (Gusfield 1997, Algorithms on Strings, Trees, and Sequences, section 1.4) says
 * for each period how far back it holds.
 *
 * Null without such a cycle.
 */
export function exactCycle(outputs: Uint32Array): EndCycle | null {
  const n = outputs.length;
  const reversed = outputs.toReversed();
  const matches = new Uint32Array(n);
  let left = 0;
  let right = 0;
  const lastRound = new RepeatedPairs();
  for (let period = 1; FEWEST_ROUNDS * period <= n; period++) {
    lastRound.add(reversed[period - 1]!);
    let match = period < right ? Math.min(right - period, matches[period - left]!) : 0;
    while (period + match < n && reversed[match] === reversed[period + match]) match++;
    matches[period] = match;
    if (period + match > right) {
      left = period;
      right = period + match;
    }
    const absorbed = period + match;
    if (absorbed < Math.max(FEWEST_ROUNDS * period, FEWEST_ABSORBED_STEPS)) continue;
    if (period === 1 || !lastRound.areMostPairsEqual()) return { period, onset: n - absorbed };
  }
  return null;
}

/** Counts the pairs of equal outputs. */
class RepeatedPairs {
  private readonly counts = new Map<number, number>();
  private outputs = 0;
  private equal = 0;

  add(output: number): void {
    const earlier = this.counts.get(output) ?? 0;
    this.equal += earlier;
    this.counts.set(output, earlier + 1);
    this.outputs++;
  }

  /** Whether the median distance is 0. With half of the pairs it is not: it is half of the least distance above 0. */
  areMostPairsEqual(): boolean {
    return 2 * this.equal > pairCount(this.outputs);
  }
}
