import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { AnalysisInputError, recurrence, recurrenceOrder } from '../../../analysis/index.js';
import type { Trajectory } from '../../../analysis/index.js';
import { SeededRandom } from '../../../tda/random.js';
import { arbitraryTrajectory } from '../arbitrary-trajectories.js';

/** `n` steps through 40 places of a line, at random or round and round. */
function steps(n: number, next: (step: number) => number): Trajectory {
  return {
    vectors: Float32Array.from({ length: 40 }, (_, row) => row),
    dimension: 1,
    sequence: Uint32Array.from({ length: n }, (_, step) => next(step)),
  };
}

test('a cycle recurs in order more than each of the 99 random orders', () => {
  const found = recurrenceOrder(
    steps(120, (step) => step % 40),
    { radius: 0.5 },
  )!;
  expect(found).toMatchObject({ det: 1, detP: 0.01, orders: 99, lam: 0, lamP: 1 });
});

test('a run that halts recurs in vertical lines more than random orders', () => {
  const found = recurrenceOrder(
    steps(120, (step) => Math.floor(step / 3)),
    { rate: 0.01 },
  )!;
  expect(found.lamP).toBe(0.01);
});

test('random steps have a p that is spread over its range', () => {
  const random = new SeededRandom(11);
  const ps = Array.from({ length: 40 }, () => {
    const run = steps(80, () => random.below(40));
    return recurrenceOrder(run, { radius: 1.5 }, 19)!.detP!;
  });
  const mean = ps.reduce((sum, p) => sum + p, 0) / ps.length;
  // Uniform on 1/20…1: mean 0.525, standard error 0.045.
  expect(Math.abs(mean - 0.525)).toBeLessThan(4 * 0.046);
  expect(Math.min(...ps)).toBeLessThan(0.3);
});

test('equal runs have equal p, whatever the order of their rows', () => {
  const random = new SeededRandom(12);
  const run = steps(60, () => random.below(40));
  const rows = run.vectors.length;
  const renumbered: Trajectory = {
    vectors: run.vectors.toReversed(),
    dimension: 1,
    sequence: run.sequence.map((row) => rows - 1 - row),
  };
  expect(recurrenceOrder(renumbered, { rate: 0.05 }, 49)).toEqual(recurrenceOrder(run, { rate: 0.05 }, 49));
});

test('each order keeps the recurrence rate, so DET and LAM are those of the run', () => {
  fc.assert(
    fc.property(arbitraryTrajectory({ least: 2, most: 20 }), (trajectory) => {
      const found = recurrenceOrder(trajectory, { radius: 1 }, 3)!;
      const { det, lam } = recurrence(trajectory, { radius: 1 })!;
      expect(found).toMatchObject({ det, lam });
      expect(found.detP === null).toBe(det === null);
      for (const p of [found.detP ?? 1, found.lamP]) expect([0.25, 0.5, 0.75, 1]).toContain(p);
    }),
  );
});

test('a run at rest has the same lines in each order', () => {
  expect(
    recurrenceOrder(
      steps(12, () => 3),
      { radius: 0 },
    ),
  ).toMatchObject({ lam: 1, lamP: 1, detP: 1 });
});

test('fewer than two steps have no order; no order, and no radius, are refused', () => {
  expect(
    recurrenceOrder(
      steps(1, () => 0),
      { radius: 1 },
    ),
  ).toBeNull();
  expect(() =>
    recurrenceOrder(
      steps(5, () => 0),
      { radius: 1 },
      0,
    ),
  ).toThrow(AnalysisInputError);
  expect(() =>
    recurrenceOrder(
      steps(5, () => 0),
      { radius: -1 },
    ),
  ).toThrow('radius is -1');
});
