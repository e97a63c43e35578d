import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { noiseSource } from '../../../models/diffusion/noise/create-noise.js';

interface Drawn {
  readonly seed: number;
  readonly values: readonly number[];
}

const own = join(import.meta.dirname, '../../fixtures/diffusion/noise.json');
const shared = join(import.meta.dirname, '../../../../shared/model-fixtures/rng/expected.json');

function largestDifference(found: Float32Array, expected: readonly number[]): number {
  expect(found).toHaveLength(expected.length);
  return found.reduce((largest, value, i) => Math.max(largest, Math.abs(value - expected[i]!)), 0);
}

describe("torch's numbers", () => {
  const {
    cpu,
    cuda,
  }: {
    cpu: readonly { seed: number; draws: readonly (readonly number[])[] }[];
    cuda: Drawn;
  } = JSON.parse(readFileSync(own, 'utf8'));

  test.each(cpu)('cpu, seed $seed: successive draws of any size', ({ seed, draws }) => {
    const noise = noiseSource('cpu', seed);
    for (const values of draws) {
      expect(largestDifference(noise.normals(values.length), values)).toBeLessThan(1e-6);
    }
  });

  test('cpu: only the lower 32 bits of a seed count', () => {
    expect(noiseSource('cpu', 2 ** 40 + 5).normals(16)).toEqual(noiseSource('cpu', 5).normals(16));
  });

  test('cuda: the published numbers', () => {
    expect(largestDifference(noiseSource('cuda', cuda.seed).normals(10), cuda.values)).toBeLessThan(1e-6);
  });

  test('cuda: all bits of a seed count, a draw does not depend on its size, and the next draw differs', () => {
    const noise = noiseSource('cuda', 2 ** 40 + 5);
    const first = noise.normals(100);
    expect(first).not.toEqual(noiseSource('cuda', 5).normals(100));
    expect(first.subarray(0, 7)).toEqual(noiseSource('cuda', 2 ** 40 + 5).normals(7));
    expect(noise.normals(100)).not.toEqual(first);
  });

  test.each(['cpu', 'cuda'] as const)('%s: have the normal distribution', (kind) => {
    const values = noiseSource(kind, 2 ** 53 - 1).normals(100_000);
    const mean = values.reduce((sum, value) => sum + value) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.015);
    expect(Math.abs(variance - 1)).toBeLessThan(0.02);
  });
});

(existsSync(shared) ? describe : describe.skip)(
  "torch's numbers (skipped where ../shared/model-fixtures lacks them)",
  () => {
    const {
      torch_cpu,
      torch_cuda_philox,
    }: {
      torch_cpu: readonly Drawn[];
      torch_cuda_philox: Drawn;
    } = JSON.parse(readFileSync(shared, 'utf8'));

    test.each(torch_cpu)('cpu, seed $seed', ({ seed, values }) => {
      expect(largestDifference(noiseSource('cpu', seed).normals(values.length), values)).toBeLessThan(1e-6);
    });

    test('cuda', () => {
      const { seed, values } = torch_cuda_philox;
      expect(largestDifference(noiseSource('cuda', seed).normals(values.length), values)).toBeLessThan(1e-6);
    });
  },
);
