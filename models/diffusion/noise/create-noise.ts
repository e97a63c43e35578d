import { assertNever } from '../../../common/errors.js';
import { cpuNoise } from './mt19937.js';
import type { NoiseSource } from './noise-source.js';
import { cudaNoise } from './philox.js';

/** The generator of torch for which a seed is meant: that of CUDA devices (Philox) or that of the CPU (MT19937). */
export type NoiseKind = 'cuda' | 'cpu';

/** A source that draws what torch draws after `Generator(kind).manual_seed(seed)`; `seed` is 0..2^53-1. */
export function noiseSource(kind: NoiseKind, seed: number): NoiseSource {
  switch (kind) {
    case 'cuda':
      return cudaNoise(seed);
    case 'cpu':
      return cpuNoise(seed);
    default:
      return assertNever(kind);
  }
}
