/**
 * A small seeded generator in integer arithmetic: sfc32 of Doty-Humphrey's PractRand, seeded as there with 64 bits, of
 * which `seed` (an integer from 0 to 2^53 - 1) gives the low 53. What is drawn from it here takes no more than sums,
 * products and comparisons, so that every machine draws the same numbers.
 */
export class SeededRandom {
  private a = 0;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number) {
    this.b = seed | 0;
    this.c = Math.floor(seed / 2 ** 32) | 0;
    for (let round = 0; round < 12; round++) this.word();
  }

  /** A uniform 32-bit unsigned integer. */
  word(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
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
   * Exponentially distributed, mean 1: x in [0, 1) is kept if a run of falling uniforms that begins with it has odd
   * length, which has the probability exp(-x); otherwise 1 is added and the next x tried (von Neumann 1951, "Various
   * techniques used in connection with random digits").
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
   * Standard normal: an exponential x is kept with the probability exp(-(x - 1)² / 2), and given a sign (Kahn 1954,
   * "Applications of Monte Carlo").
   */
  normal(): number {
    for (;;) {
      const size = this.exponential();
      if (2 * this.exponential() >= (size - 1) * (size - 1)) return this.word() % 2 === 0 ? size : -size;
    }
  }
}
