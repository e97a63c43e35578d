import { Sfc32 } from '../common/sfc32.js';

/**
 * sfc32, seeded as in PractRand with 64 bits, of which `seed` (an integer from 0 to 2^53 - 1) gives the low
 * 53. All draws use only sums, products and comparisons, so every machine draws the same numbers.
 */
export class SeededRandom extends Sfc32 {
  constructor(seed: number) {
    super([0, seed | 0, Math.floor(seed / 2 ** 32) | 0, 1]);
  }

  /** A uniform multiple of 2^-53 in [0, 1). */
  uniform(): number {
    return ((this.word() >>> 5) * 2 ** 26 + (this.word() >>> 6)) / 2 ** 53;
  }

  /** A uniform integer in 0..limit-1, for limits far below 2^53. */
  below(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  /**
   * Exponentially distributed, mean 1. x in [0, 1) is kept if a run of falling uniforms that begins with it
   * has odd length, which has the probability exp(-x). Otherwise 1 is added, and the next x tried (von
   * Neumann 1951, "Various techniques used in connection with random digits").
   */
  exponential(): number {
    for (let whole = 0; ; whole++) {
      const first = this.uniform();
      let isOdd = true;
      let last = first;
      for (let next = this.uniform(); next < last; next = this.uniform()) {
        last = next;
        isOdd = !isOdd;
      }
      if (isOdd) return whole + first;
    }
  }

  /**
   * Standard normal: an exponential x is kept with the probability exp(-(x - 1)² / 2), and gets a sign (Kahn
   * 1954, "Applications of Monte Carlo").
   */
  normal(): number {
    for (;;) {
      const size = this.exponential();
      if (2 * this.exponential() >= (size - 1) * (size - 1)) return this.word() % 2 === 0 ? size : -size;
    }
  }
}

/** Puts the values in random order, in place (Fisher & Yates; Durstenfeld 1964, Commun. ACM 7:420). */
export function shuffle(values: Int32Array | Uint32Array, random: SeededRandom): void {
  for (let last = values.length - 1; last > 0; last--) {
    const chosen = random.below(last + 1);
    const kept = values[last]!;
    values[last] = values[chosen]!;
    values[chosen] = kept;
  }
}
