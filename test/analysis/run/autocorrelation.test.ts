import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { autocorrelation } from '../../../analysis/index.js';
import type { Trajectory } from '../../../analysis/index.js';
import { arbitraryTrajectory, reversed, rotated, signedPermutation } from '../arbitrary-trajectories.js';
import { expectNear } from '../near.js';
import { describeReference, readTrajectory, referenceNames } from '../reference.js';

const Nullable = z.number().nullable();
const Expected = z.object({
  autocorrelation: z
    .object({
      values: z.array(z.number()).nullable(),
      decorrelation_time: Nullable,
      integrated_time: Nullable,
      window: Nullable.optional(),
      effective_sample_size: Nullable,
    })
    .nullable(),
});

describeReference('autocorrelation of the reference', () => {
  test.each(referenceNames('trajectories'))('%s remembers as statsmodels says', (name) => {
    const { trajectory, expected } = readTrajectory(name, Expected);
    const found = autocorrelation(trajectory);
    if (expected.autocorrelation === null || expected.autocorrelation.values === null) {
      expect(found).toBeNull();
      return;
    }
    expectNear('values', found!.values, expected.autocorrelation.values);
    expectNear('decorrelation time', found!.decorrelationTime, expected.autocorrelation.decorrelation_time);
    expectNear('integrated time', found!.integratedTime, expected.autocorrelation.integrated_time);
    expect(found!.window).toBe(expected.autocorrelation.window);
    expectNear('sample size', found!.effectiveSampleSize, expected.autocorrelation.effective_sample_size);
  });
});

/** C by its definition, in float64. */
function byDefinition({ vectors, dimension, sequence }: Trajectory): number[] {
  const n = sequence.length;
  const steps = [...sequence].map((row) => [...vectors.subarray(row * dimension, (row + 1) * dimension)]);
  const mean = steps[0]!.map((_, at) => steps.reduce((sum, step) => sum + step[at]!, 0) / n);
  const centred = steps.map((step) => step.map((value, at) => value - mean[at]!));
  const product = (lag: number) =>
    centred
      .slice(lag)
      .reduce((sum, step, k) => sum + step.reduce((part, x, at) => part + x * centred[k]![at]!, 0), 0);
  return Array.from({ length: Math.floor(n / 4) + 1 }, (_, lag) => product(lag) / product(0));
}

function onALine(...values: number[]): Trajectory {
  return {
    vectors: Float32Array.from(values),
    dimension: 1,
    sequence: Uint32Array.from(values, (_, step) => step),
  };
}

test('distances give the products of the definition', () => {
  fc.assert(
    fc.property(arbitraryTrajectory({ least: 8, most: 60 }), (trajectory) => {
      const found = autocorrelation(trajectory);
      if (found === null) return;
      const defined = byDefinition(trajectory);
      expect(found.values).toHaveLength(defined.length);
      found.values.forEach((value, lag) => expect(Math.abs(value - defined[lag]!)).toBeLessThan(1e-6));
    }),
  );
});

test('a run of fewer than 8 steps, and a run at rest, have none', () => {
  expect(autocorrelation(onALine())).toBeNull();
  expect(autocorrelation(onALine(1, 2, 3, 4, 5, 6, 7))).toBeNull();
  expect(autocorrelation(onALine(1, 2, 3, 4, 5, 6, 7, 8))).not.toBeNull();
  const rest = { vectors: Float32Array.of(0.1, 0.7), dimension: 2, sequence: new Uint32Array(12) };
  expect(autocorrelation(rest)).toBeNull();
});

test('a run that alternates forgets within a step, and counts as independent at most', () => {
  const found = autocorrelation(onALine(...Array.from({ length: 40 }, (_, step) => step % 2)))!;
  expectNear('C(1)', found.values[1]!, -39 / 40);
  // Linear from C(0) = 1 to C(1) = -39/40, down to 1/e.
  expectNear('decorrelation time', found.decorrelationTime, (1 - 1 / Math.E) / (1 + 39 / 40));
  expect(found.window).toBe(1);
  expectNear('integrated time', found.integratedTime, 1 - 2 * (39 / 40));
  expect(found.effectiveSampleSize).toBe(40);
});

test('a run whose memory is as long as itself has neither time', () => {
  const found = autocorrelation(onALine(...Array.from({ length: 40 }, (_, step) => step)))!;
  expect(found).toMatchObject({ integratedTime: null, window: null, effectiveSampleSize: null });
});

test('a run that moves once, and is short, stays above 1/e at all lags', () => {
  const found = autocorrelation(onALine(0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1))!;
  expect(found.values).toHaveLength(3);
  expect(found.decorrelationTime).toBeNull();
});

test('neither a rotation of the space nor the direction of time changes it', () => {
  fc.assert(
    fc.property(arbitraryTrajectory({ least: 8 }), fc.integer(), (trajectory, seed) => {
      const values = autocorrelation(trajectory)?.values ?? null;
      const others = [signedPermutation(trajectory, seed), reversed(trajectory), rotated(trajectory, seed)];
      for (const other of others) {
        const found = autocorrelation(other)?.values ?? null;
        if (values === null || found === null) expect(other === others[2] || found === values).toBe(true);
        else values.forEach((value, lag) => expect(Math.abs(value - found[lag]!)).toBeLessThan(1e-4));
      }
    }),
  );
});

test('above 20,000 steps the lags end at 1,000', () => {
  const sequence = Uint32Array.from({ length: 20_001 }, (_, step) => step % 2);
  const found = autocorrelation({ vectors: Float32Array.of(0, 1), dimension: 1, sequence })!;
  expect(found.values).toHaveLength(1001);
  for (const lag of [1, 2, 999, 1000]) {
    expect(Math.abs(found.values[lag]! - (lag % 2 === 0 ? 1 : -1) * (1 - lag / 20_001))).toBeLessThan(1e-4);
  }
  const shorter = { vectors: Float32Array.of(0, 1), dimension: 1, sequence: sequence.subarray(0, 8000) };
  expect(autocorrelation(shorter)!.values).toHaveLength(2001);
});
