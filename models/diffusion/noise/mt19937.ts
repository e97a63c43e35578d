import type { NoiseSource } from './noise-source.js';

/**
 * torch's generator of the CPU: MT19937 (Matsumoto and Nishimura, "Mersenne Twister", 1998), and the two ways in
 * which `torch.randn` makes normal numbers of it (ATen/native/cpu/DistributionTemplates.h, `normal_fill`;
 * ATen/core/DistributionsHelper.h, `normal_distribution`). Like torch, this file uses only the lower 32 bits of a
 * seed.
 */

const STATE_WORDS = 624;
const MIDDLE = 397;
const TWO_PI = Math.fround(2 * Math.PI);
const fround = Math.fround;

class MersenneTwister {
  readonly #state = new Uint32Array(STATE_WORDS);
  #next = STATE_WORDS;

  constructor(seed: number) {
    const state = this.#state;
    state[0] = seed % 0x1_0000_0000;
    for (let i = 1; i < STATE_WORDS; i++) {
      const before = state[i - 1]! ^ (state[i - 1]! >>> 30);
      state[i] = Math.imul(before, 1812433253) + i;
    }
  }

  /** A uniform integer of 32 bits. */
  word(): number {
    if (this.#next === STATE_WORDS) this.#refill();
    let y = this.#state[this.#next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < STATE_WORDS; i++) {
      const y = (state[i]! & 0x80000000) | (state[(i + 1) % STATE_WORDS]! & 0x7fffffff);
      const twisted = (y >>> 1) ^ ((y & 1) === 0 ? 0 : 0x9908b0df);
      state[i] = state[(i + MIDDLE) % STATE_WORDS]! ^ twisted;
    }
    this.#next = 0;
  }

  /** A multiple of 2^-24 in [0, 1). */
  float(): number {
    return (this.word() & 0xffffff) / 0x100_0000;
  }

  /** A multiple of 2^-53 in [0, 1). */
  double(): number {
    const high = this.word() & 0x1fffff;
    return (high * 0x1_0000_0000 + this.word()) / 2 ** 53;
  }
}

/** The numbers that `torch.randn` draws on the CPU after `manual_seed(seed)`. */
export function cpuNoise(seed: number): NoiseSource {
  const twister = new MersenneTwister(seed);
  // The second number of a pair whose first number went into a tensor of fewer than 16 elements.
  let spare: number | null = null;

  function single(): number {
    if (spare !== null) {
      const given = spare;
      spare = null;
      return given;
    }
    const angle = 2 * Math.PI * twister.double();
    const radius = Math.sqrt(-2 * Math.log1p(-twister.double()));
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  function normals(count: number): Float32Array {
    const values = new Float32Array(count);
    if (count < 16) {
      for (let i = 0; i < count; i++) values[i] = single();
      return values;
    }
    for (let i = 0; i < count; i++) values[i] = twister.float();
    for (let start = 0; start + 16 <= count; start += 16) makeNormal(values, start);
    if (count % 16 !== 0) {
      // torch draws the last 16 anew, also those among them that it has made already.
      for (let i = count - 16; i < count; i++) values[i] = twister.float();
      makeNormal(values, count - 16);
    }
    return values;
  }

  return { normals };
}

/**
 * Box and Muller's transform of 16 uniform numbers, in place, in float32: the first 8 give the radius, the last 8
 * the angle.
 */
function makeNormal(values: Float32Array, start: number): void {
  for (let i = start; i < start + 8; i++) {
    const radius = fround(Math.sqrt(fround(-2 * fround(Math.log(1 - values[i]!)))));
    const angle = fround(TWO_PI * values[i + 8]!);
    values[i] = radius * fround(Math.cos(angle));
    values[i + 8] = radius * fround(Math.sin(angle));
  }
}
