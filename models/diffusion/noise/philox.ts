import type { NoiseSource } from './noise-source.js';

/**
 * torch's generator of CUDA devices: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * 2011), keyed by the whole 64-bit seed, and cuRAND's normal numbers of it. Element i of a tensor is the first
 * number of subsequence i; each draw moves the counter of all subsequences by one
 * (ATen/native/cuda/DistributionTemplates.h: four numbers for each thread, of which a tensor uses one while it has
 * no more elements than the device has threads).
 *
 * A tensor with more elements than the device has threads is drawn here as on a device that has enough threads.
 * This is the only way in which the numbers depend on the device. An H100 has 270,336 threads; an RTX 4090 has
 * 196,608, and only pictures beyond 1024x1024 pixels with 16 channels have more elements.
 */

const ROUNDS = 10;
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const fround = Math.fround;
// curand_uniform.h, curand_normal.h: float constants of the transform.
const TO_UNIT = fround(2.3283064e-10);
const TO_ANGLE = fround(TO_UNIT * fround(6.2831855));

/** The numbers that `torch.randn` draws on a CUDA device after `manual_seed(seed)`. */
export function cudaNoise(seed: number): NoiseSource {
  const low = (seed % 0x1_0000_0000) | 0;
  const high = Math.floor(seed / 0x1_0000_0000) | 0;
  const words = new Uint32Array(4);
  let draws = 0;
  return {
    normals(count) {
      const values = new Float32Array(count);
      for (let i = 0; i < count; i++) {
        words[0] = draws;
        words[1] = 0;
        words[2] = i;
        words[3] = 0;
        philox(words, low, high);
        values[i] = firstNormal(words[0], words[1]);
      }
      draws++;
      return values;
    },
  };
}

function philox(words: Uint32Array, keyLow: number, keyHigh: number): void {
  let key0 = keyLow;
  let key1 = keyHigh;
  for (let round = 0; round < ROUNDS; round++) {
    const [c0, c1, c2, c3] = [words[0]!, words[1]!, words[2]!, words[3]!];
    words[0] = highProduct(MULTIPLIER_1, c2) ^ c1 ^ key0;
    words[1] = Math.imul(MULTIPLIER_1, c2);
    words[2] = highProduct(MULTIPLIER_0, c0) ^ c3 ^ key1;
    words[3] = Math.imul(MULTIPLIER_0, c0);
    key0 = (key0 + WEYL_0) | 0;
    key1 = (key1 + WEYL_1) | 0;
  }
}

/** The upper 32 bits of the product of two 32-bit integers. */
function highProduct(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + (middle >>> 16) + (carry >>> 16);
}

/** The first number of cuRAND's Box-Muller pair, which takes the sine. */
function firstNormal(x: number, y: number): number {
  const uniform = fround(fround(fround(x) * TO_UNIT) + fround(TO_UNIT / 2));
  const angle = fround(fround(fround(y) * TO_ANGLE) + fround(TO_ANGLE / 2));
  const radius = fround(Math.sqrt(fround(-2 * fround(Math.log(uniform)))));
  return radius * fround(Math.sin(angle));
}
