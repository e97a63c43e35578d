import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { noiseSource } from '../../../models/diffusion/noise/noise-source.js';

interface Drawn {
  readonly seed: number;
  readonly values: readonly number[];
}

const shared = join(import.meta.dirname, '../../../../shared/model-fixtures/rng/expected.json');

function largestDifference(found: Float32Array, expected: readonly number[]): number {
  expect(found).toHaveLength(expected.length);
  return found.reduce((largest, value, i) => Math.max(largest, Math.abs(value - expected[i]!)), 0);
}

(existsSync(shared) ? describe : describe.skip)(
  "torch's numbers (skipped where ../shared/model-fixtures lacks them)",
  () => {
    const { torch_cpu, torch_cuda_philox } = JSON.parse(readFileSync(shared, 'utf8')) as {
      torch_cpu: readonly Drawn[];
      torch_cuda_philox: Drawn;
    };

    test.each(torch_cpu)('cpu, seed $seed', ({ seed, values }) => {
      expect(largestDifference(noiseSource('cpu', seed).normals(values.length), values)).toBeLessThan(1e-6);
    });

    test('cuda', () => {
      const { seed, values } = torch_cuda_philox;
      expect(largestDifference(noiseSource('cuda', seed).normals(values.length), values)).toBeLessThan(1e-6);
    });
  },
);
