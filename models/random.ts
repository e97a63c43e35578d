import { Sfc32 } from '../common/sfc32.js';

/**
 * Small hashes and a small generator, in 32-bit integer arithmetic only, so that every machine draws the same numbers.
 */

/** Four 32-bit words: a hash, and the whole state of a generator. */
export type Words = readonly [number, number, number, number];

const BASIS: Words = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x85ebca6b];

/** Mixes every bit of a word into every other: the finaliser of MurmurHash3 (Appleby, public domain). */
export function mix(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function absorb(words: Words, word: number): Words {
  const [a, b, c, d] = words;
  return [mix(a ^ word), mix(b + Math.imul(word, 0x9e3779b1)), mix(c ^ mix(word + a)), mix(d + b + word)];
}

/** 32-bit FNV-1a over UTF-16 code units, started at `start`: cheap, good enough for hashing features into buckets. */
export function hashText32(text: string, start = 0x811c9dc5): number {
  let h = start | 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h);
}

/** Hash of a text and a seed (0..2^53-1; both halves of the seed count). */
export function hashText(text: string, seed: number): Words {
  const low = hashText32(text);
  const high = hashText32(text, 0x2f0b4c47);
  return absorbSeed(absorb(absorb(BASIS, low), high), seed);
}

/** Hash of bytes and a seed (0..2^53-1; both halves of the seed count). Reads four bytes at a time, as little-endian. */
export function hashBytes(bytes: Uint8Array, seed: number): Words {
  let low = 0x811c9dc5;
  let high = 0x2f0b4c47;
  const whole = bytes.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    low = Math.imul(low ^ word, 0x01000193);
    low ^= low >>> 15;
    high = Math.imul(high + word, 0x85ebca6b);
    high ^= high >>> 13;
  }
  for (let i = whole; i < bytes.length; i++) low = Math.imul(low ^ bytes[i]!, 0x01000193);
  return absorbSeed(absorb(absorb(absorb(BASIS, low), high), bytes.length), seed);
}

function absorbSeed(words: Words, seed: number): Words {
  return absorb(absorb(words, seed % 0x1_0000_0000), Math.floor(seed / 0x1_0000_0000));
}

/** The generator from which painters and describers draw. */
export class Random extends Sfc32 {
  /** A uniform integer in 0..limit-1 (limit well below 2^32, so the bias is negligible). */
  below(limit: number): number {
    return Math.floor((this.word() / 0x1_0000_0000) * limit);
  }

  /** A uniform integer in low..high, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True in `percent` of 100 calls, on average. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}
