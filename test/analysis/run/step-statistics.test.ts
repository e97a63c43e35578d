import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { AnalysisInputError, stepStatistics } from '../../../analysis/index.js';
import { arbitraryTrajectory, reversed, rotated, signedPermutation } from '../arbitrary-trajectories.js';
import { expectNear } from '../near.js';
import { describeReference, readTrajectory, referenceNames } from '../reference.js';

const Nullable = z.number().nullable();
const Expected = z.object({
  kinematics: z.object({
    step_lengths: z.array(z.number()),
    path_length: Nullable,
    net_displacement: z.number(),
    straightness: Nullable,
    mean_step: Nullable,
    median_step: Nullable,
    max_step: Nullable,
    zero_steps: z.number(),
    displacement_from_first: z.array(z.number()),
    radius_of_gyration: z.number(),
  }),
  msd: z.object({ total_variance: z.number() }).nullable(),
});

describeReference('steps of the reference', () => {
  test.each(referenceNames('trajectories'))('%s moves as numpy says', (name) => {
    const { trajectory, expected } = readTrajectory(name, Expected);
    const steps = stepStatistics(trajectory)!;
    const { kinematics } = expected;
    expectNear('lengths', steps.lengths, kinematics.step_lengths);
    expectNear('path length', steps.pathLength, kinematics.path_length);
    expectNear('net displacement', steps.netDisplacement, kinematics.net_displacement);
    expectNear('straightness', steps.straightness, kinematics.straightness);
    expectNear('mean', steps.stepMean, kinematics.mean_step);
    expectNear('median', steps.stepMedian, kinematics.median_step);
    expectNear('max', steps.stepMax, kinematics.max_step);
    expect(steps.zeroSteps).toBe(kinematics.zero_steps);
    expectNear('displacement', steps.displacement, kinematics.displacement_from_first);
    expectNear('radius of gyration', steps.radiusOfGyration, kinematics.radius_of_gyration);
    if (expected.msd !== null) expectNear('variance', steps.totalVariance, expected.msd.total_variance);
  });
});

test('no output has no statistics', () => {
  expect(
    stepStatistics({ vectors: new Float32Array(0), dimension: 3, sequence: new Uint32Array(0) }),
  ).toBeNull();
});

test('one output has no step, and lies at its own mean', () => {
  const one = { vectors: Float32Array.of(0.1, 0.7), dimension: 2, sequence: Uint32Array.of(0) };
  expect(stepStatistics(one)).toEqual({
    lengths: new Float64Array(0),
    displacement: new Float64Array(1),
    stepMean: null,
    stepMedian: null,
    stepMax: null,
    pathLength: null,
    zeroSteps: 0,
    netDisplacement: 0,
    straightness: null,
    radiusOfGyration: 0,
    totalVariance: 0,
  });
});

test('equal outputs have no variance at all, and no straightness', () => {
  const rest = { vectors: Float32Array.of(9, 0.1, 0.7), dimension: 1, sequence: Uint32Array.of(1, 1, 1) };
  const steps = stepStatistics(rest)!;
  expect(steps).toMatchObject({
    totalVariance: 0,
    straightness: null,
    pathLength: 0,
    stepMedian: 0,
    zeroSteps: 2,
  });
});

test('two rows with the same vector make a step of length 0', () => {
  const steps = stepStatistics({
    vectors: Float32Array.of(4, 4),
    dimension: 1,
    sequence: Uint32Array.of(0, 1),
  })!;
  expect(steps).toMatchObject({ zeroSteps: 1, straightness: null });
});

test('a rotation of the space changes nothing', () => {
  fc.assert(
    fc.property(arbitraryTrajectory({ least: 1 }), fc.integer(), (trajectory, seed) => {
      const steps = stepStatistics(trajectory)!;
      const permuted = stepStatistics(signedPermutation(trajectory, seed))!;
      const turned = stepStatistics(rotated(trajectory, seed))!;
      for (const name of [
        'pathLength',
        'stepMedian',
        'stepMax',
        'netDisplacement',
        'totalVariance',
      ] as const) {
        expectNear(name, permuted[name], steps[name]);
        expect(Math.abs((turned[name] ?? 0) - (steps[name] ?? 0))).toBeLessThan(1e-4);
      }
      expect(permuted.zeroSteps).toBe(steps.zeroSteps);
    }),
  );
});

test('a run that goes backwards has the same steps in reverse order', () => {
  fc.assert(
    fc.property(arbitraryTrajectory({ least: 2 }), (trajectory) => {
      const forth = stepStatistics(trajectory)!;
      const back = stepStatistics(reversed(trajectory))!;
      expect([...back.lengths]).toEqual([...forth.lengths].toReversed());
      expect(back.netDisplacement).toBe(forth.netDisplacement);
      expectNear('straightness', back.straightness, forth.straightness);
      expectNear('variance', back.totalVariance, forth.totalVariance);
    }),
  );
});

test('no path is shorter than its net displacement, which makes straightness a share', () => {
  fc.assert(
    fc.property(arbitraryTrajectory({ least: 2 }), (trajectory) => {
      const { straightness } = stepStatistics(trajectory)!;
      expect(straightness === null || (straightness >= 0 && straightness <= 1)).toBe(true);
    }),
  );
});

test('a straight line has straightness 1, although rounding makes its steps shorter than the whole', () => {
  const line = Float32Array.of(0.052970822900533676, 0.23191045224666595, 0.5920423865318298);
  const steps = stepStatistics({ vectors: line, dimension: 1, sequence: Uint32Array.of(0, 1, 2) })!;
  expect(steps.netDisplacement).toBeGreaterThan(steps.pathLength!);
  expect(steps.straightness).toBe(1);
});

test('the median of an even number of steps lies between the two in the middle', () => {
  const line = { vectors: Float32Array.of(0, 1, 5), dimension: 1, sequence: Uint32Array.of(0, 1, 2) };
  expect(stepStatistics(line)!.stepMedian).toBe(2.5);
});

test('a vector that is not finite is refused by its place', () => {
  const broken = {
    vectors: Float32Array.of(0, 1, Number.NaN, 0),
    dimension: 2,
    sequence: Uint32Array.of(0, 1),
  };
  expect(() => stepStatistics(broken)).toThrow(AnalysisInputError);
  expect(() => stepStatistics(broken)).toThrow('row 1, column 0');
});

test('a step without a row is refused by its place', () => {
  const broken = { vectors: Float32Array.of(0, 1), dimension: 2, sequence: Uint32Array.of(0, 1) };
  expect(() => stepStatistics(broken)).toThrow('sequence[1] is 1');
});
