import { cpuNoise } from './mt19937.js';
import { cudaNoise } from './philox.js';

/** A stream of standard normal numbers, float32, as one of torch's generators draws them. */
export interface NoiseSource {
  /** The next `count` numbers: what `torch.randn` gives for a tensor of that many elements. */
  normals(count: number): Float32Array;
}

/** Which of torch's generators a seed is for: the one of CUDA devices (Philox) or the one of the CPU (MT19937). */
export type NoiseKind = 'cuda' | 'cpu';

/** Draws what torch draws after `Generator(kind).manual_seed(seed)`; `seed` is 0..2^53-1. */
export function noiseSource(kind: NoiseKind, seed: number): NoiseSource {
  return kind === 'cuda' ? cudaNoise(seed) : cpuNoise(seed);
}
