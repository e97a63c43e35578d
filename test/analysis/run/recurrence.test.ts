import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { AnalysisInputError, recurrence } from '../../../analysis/index.js';
import type { Trajectory } from '../../../analysis/index.js';
import { arbitraryTrajectory, reversed, signedPermutation } from '../arbitrary-trajectories.js';
import { expectNear } from '../near.js';
import { describeReference, readTrajectory, referenceNames } from '../reference.js';

const Nullable = z.number().nullable();
const Expected = z.object({
  radius: z.number(),
  recurrence_rate: z.number(),
  determinism: Nullable,
  mean_diagonal: Nullable,
  longest_diagonal: z.number(),
  diagonal_entropy: Nullable,
  laminarity: z.number(),
  trapping_time: Nullable,
  longest_vertical: z.number(),
});
const Settings = z.object({
  recurrence: z.union([
    z.object({ too_short: z.literal(true) }),
    z.object({ fixed_radius: Expected, fixed_rate: Expected.extend({ target: z.number() }) }),
  ]),
});

describeReference('recurrence of the reference', () => {
  test.each(referenceNames('trajectories'))('%s recurs as PyRQA and pyunicorn say', (name) => {
    const { trajectory, expected } = readTrajectory(name, Settings);
    if ('too_short' in expected.recurrence) {
      expect(recurrence(trajectory, { radius: 0.2 })).toBeNull();
      return;
    }
    const { fixed_radius: byRadius, fixed_rate: byRate } = expected.recurrence;
    expectEqual(recurrence(trajectory, { radius: byRadius.radius }), byRadius);
    expectEqual(recurrence(trajectory, { rate: byRate.target }), byRate);
  });
});

function expectEqual(found: ReturnType<typeof recurrence>, expected: z.output<typeof Expected>): void {
  expectNear('radius', found!.epsilon, expected.radius);
  expectNear('RR', found!.rr, expected.recurrence_rate);
  expectNear('DET', found!.det, expected.determinism);
  expectNear('mean diagonal', found!.diagonalMean, expected.mean_diagonal);
  expect(found!.diagonalMax).toBe(expected.longest_diagonal);
  expectNear('diagonal entropy', found!.diagonalEntropy, expected.diagonal_entropy);
  expectNear('LAM', found!.lam, expected.laminarity);
  expectNear('trapping time', found!.trappingTime, expected.trapping_time);
  expect(found!.verticalMax).toBe(expected.longest_vertical);
}

/** Recurrence by its definition: the whole matrix, and each line of it walked. */
function byDefinition(trajectory: Trajectory, radius: number) {
  const n = trajectory.sequence.length;
  const matrix = matrixOf(trajectory).map((row) => row.map((distance) => distance <= radius));
  const diagonals: number[] = [];
  const verticals: number[] = [];
  for (let lag = -n + 1; lag < n; lag++) {
    if (lag !== 0) diagonals.push(...linesOf(range(n).map((k) => matrix[k]?.[k + lag] ?? false)));
  }
  for (const column of range(n)) verticals.push(...linesOf(range(n).map((row) => matrix[row]![column]!)));
  const long = diagonals.filter((length) => length >= 2);
  const tall = verticals.filter((length) => length >= 2);
  const shares = [...new Set(long)].map(
    (length) => long.filter((other) => other === length).length / long.length,
  );
  return {
    radius,
    recurrence_rate: total(diagonals) / (n * (n - 1)),
    determinism: diagonals.length === 0 ? null : total(long) / total(diagonals),
    mean_diagonal: long.length === 0 ? null : total(long) / long.length,
    longest_diagonal: Math.max(0, ...diagonals),
    diagonal_entropy: long.length === 0 ? null : -total(shares.map((share) => share * Math.log(share))),
    laminarity: total(tall) / total(verticals),
    trapping_time: tall.length === 0 ? null : total(tall) / tall.length,
    longest_vertical: Math.max(...verticals),
  };
}

function matrixOf({ vectors, dimension, sequence }: Trajectory): number[][] {
  const point = (row: number) => [...vectors.subarray(row * dimension, (row + 1) * dimension)];
  return [...sequence].map((a) =>
    [...sequence].map((b) => Math.fround(Math.hypot(...point(a).map((x, at) => x - point(b)[at]!)))),
  );
}

function linesOf(marks: boolean[]): number[] {
  return marks
    .map((mark) => (mark ? '1' : '0'))
    .join('')
    .split('0')
    .map((line) => line.length)
    .filter((length) => length > 0);
}

function range(n: number): number[] {
  return Array.from({ length: n }, (_, k) => k);
}

function total(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

// Between the distances of points whose coordinates are multiples of 1/8.
const arbitraryRadius = fc.integer({ min: 0, max: 40 }).map((eighths) => eighths / 8 + 0.0301);

test('lines that are counted row by row are those of the whole matrix', () => {
  fc.assert(
    fc.property(arbitraryTrajectory({ least: 2, most: 30 }), arbitraryRadius, (trajectory, radius) => {
      expectEqual(recurrence(trajectory, { radius }), byDefinition(trajectory, radius));
    }),
    { numRuns: 300 },
  );
});

test('the radius of a rate is the distance of that rank, ties included', () => {
  fc.assert(
    fc.property(
      arbitraryTrajectory({ least: 2, most: 30 }),
      fc.integer({ min: 1, max: 20 }),
      (trajectory, part) => {
        const rate = part / 20;
        const distances = matrixOf(trajectory)
          .flatMap((row, a) => row.slice(0, a))
          .toSorted((a, b) => a - b);
        const found = recurrence(trajectory, { rate })!;
        expectNear('radius', found.epsilon, distances[Math.ceil(rate * distances.length) - 1]!);
        expect(found.rr).toBeGreaterThanOrEqual(rate - 1e-12);
        expect(found).toEqual({ ...recurrence(trajectory, { radius: found.epsilon }) });
      },
    ),
  );
});

test('neither a rotation of the space nor the direction of time changes it', () => {
  fc.assert(
    fc.property(
      arbitraryTrajectory({ least: 2 }),
      arbitraryRadius,
      fc.integer(),
      (trajectory, radius, seed) => {
        for (const setting of [{ radius }, { rate: 0.3 }]) {
          const found = recurrence(trajectory, setting);
          expect(recurrence(signedPermutation(trajectory, seed), setting)).toEqual(found);
          expect(recurrence(reversed(trajectory), setting)).toEqual(found);
        }
      },
    ),
  );
});

function onALine(...values: number[]): Trajectory {
  return {
    vectors: Float32Array.from(values),
    dimension: 1,
    sequence: Uint32Array.from(values, (_, step) => step),
  };
}

test('fewer than two steps have no recurrence', () => {
  expect(recurrence(onALine(), { radius: 1 })).toBeNull();
  expect(recurrence(onALine(3), { rate: 0.05 })).toBeNull();
});

test('two steps recur or do not; without a recurrent pair there is no determinism', () => {
  expect(recurrence(onALine(0, 1), { radius: 1 })).toMatchObject({
    rr: 1,
    det: 0,
    lam: 1,
    diagonalMean: null,
  });
  expect(recurrence(onALine(0, 1), { radius: 0.9 })).toEqual({
    epsilon: 0.9,
    rr: 0,
    det: null,
    diagonalMean: null,
    diagonalMax: 0,
    diagonalEntropy: null,
    lam: 0,
    trappingTime: null,
    verticalMax: 1,
  });
});

test('of equal outputs all pairs recur, and all but the two corners lie on diagonal lines', () => {
  const rest = { vectors: Float32Array.of(5), dimension: 1, sequence: new Uint32Array(9) };
  for (const setting of [{ radius: 0 }, { rate: 0.05 }]) {
    const found = recurrence(rest, setting)!;
    expect(found).toMatchObject({ rr: 1, lam: 1, diagonalMax: 8, verticalMax: 9, trappingTime: 9 });
    expectNear('DET', found.det, 1 - 2 / (9 * 8));
  }
});

test('an exact cycle of q places recurs at 1/q, with all pairs in order', () => {
  const cycle = {
    vectors: Float32Array.of(0, 10, 20, 30),
    dimension: 1,
    sequence: Uint32Array.from(range(400), (k) => k % 4),
  };
  const found = recurrence(cycle, { radius: 1 })!;
  expect(found.rr).toBeCloseTo(1 / 4, 2);
  expect(found).toMatchObject({ det: 1, lam: 0, verticalMax: 1 });
});

test('a radius, a rate or a vector that makes no sense is refused', () => {
  expect(() => recurrence(onALine(0, 1), { radius: -1 })).toThrow(AnalysisInputError);
  expect(() => recurrence(onALine(0, 1), { radius: Number.NaN })).toThrow('radius is NaN');
  expect(() => recurrence(onALine(0, 1), { rate: 0 })).toThrow('rate is 0');
  expect(() => recurrence(onALine(0, 1), { rate: 1.5 })).toThrow('rate is 1.5');
  expect(() => recurrence(onALine(0, Infinity), { rate: 0.5 })).toThrow('vectors[1]');
  expect(() => recurrence(onALine(-3e38, 3e38), { rate: 0.5 })).toThrow('between steps 0 and 1');
});
