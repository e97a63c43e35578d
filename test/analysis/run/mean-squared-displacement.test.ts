import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { meanSquaredDisplacement } from '../../../analysis/index.js';
import { arbitraryTrajectory, reversed, rotated, signedPermutation } from '../arbitrary-trajectories.js';
import { expectNear } from '../near.js';
import { describeReference, readTrajectory, referenceNames } from '../reference.js';

const Expected = z.object({
  msd: z
    .object({
      lags: z.array(z.number()),
      msd: z.array(z.number()),
      exponent: z.number().nullable(),
      r_squared: z.number().nullable(),
    })
    .nullable(),
});

describeReference('mean squared displacement of the reference', () => {
  test.each(referenceNames('trajectories'))('%s spreads as numpy and scipy say', (name) => {
    const { trajectory, expected } = readTrajectory(name, Expected);
    const found = meanSquaredDisplacement(trajectory);
    if (expected.msd === null) {
      expect(found).toBeNull();
      return;
    }
    expect([...found!.lags]).toEqual(expected.msd.lags);
    expectNear('values', found!.values, expected.msd.msd);
    expectNear('exponent', found!.exponent, expected.msd.exponent);
    expectNear('r²', found!.rSquared, expected.msd.r_squared);
  });
});

/** Steps of length 1 along a line. */
function line(n: number) {
  return {
    vectors: Float32Array.from({ length: n }, (_, step) => step),
    dimension: 1,
    sequence: Uint32Array.from({ length: n }, (_, step) => step),
  };
}

test('a run of fewer than 8 steps has no curve', () => {
  expect(meanSquaredDisplacement(line(0))).toBeNull();
  expect(meanSquaredDisplacement(line(7))).toBeNull();
  expect(meanSquaredDisplacement(line(8))!.lags).toEqual(Uint32Array.of(1, 2));
});

test('a line of three lags needs 12 steps', () => {
  expect(meanSquaredDisplacement(line(11))!.exponent).toBeNull();
  expect(meanSquaredDisplacement(line(12))!.exponent).toBeCloseTo(2, 12);
});

test('the fit takes a tenth of the steps, and at least the lags up to 4', () => {
  // A triangle wave of period 40 is a straight line at short lags alone.
  const wave = line(80);
  const triangle = { ...wave, sequence: wave.sequence.map((step) => Math.abs(20 - (step % 40))) };
  const { lags, values, exponent } = meanSquaredDisplacement(triangle)!;
  expect([...lags]).toEqual([1, 2, 3, 4, 6, 8, 11, 16]);
  const fitted = [...lags].map(Math.log).slice(0, 6);
  const heights = [...values].map(Math.log).slice(0, 6);
  const meanX = fitted.reduce((sum, x) => sum + x, 0) / 6;
  const meanY = heights.reduce((sum, y) => sum + y, 0) / 6;
  const slope =
    fitted.reduce((sum, x, at) => sum + (x - meanX) * (heights[at]! - meanY), 0) /
    fitted.reduce((sum, x) => sum + (x - meanX) ** 2, 0);
  expect(exponent).toBeCloseTo(slope, 12);
});

test('a run that returns exactly at a fitted lag has no exponent', () => {
  const two = { ...line(2), sequence: Uint32Array.from({ length: 40 }, (_, step) => step % 2) };
  const found = meanSquaredDisplacement(two)!;
  expect([...found.values.subarray(0, 2)]).toEqual([1, 0]);
  expect(found).toMatchObject({ exponent: null, rSquared: null });
});

test('a run whose distances are all equal has exponent 0, and no variance for r² to explain', () => {
  const corners = new Float32Array(32 * 32);
  for (let row = 0; row < 32; row++) corners[row * 33] = 1;
  const found = meanSquaredDisplacement({ vectors: corners, dimension: 32, sequence: line(32).sequence });
  expect(found).toMatchObject({ exponent: 0, rSquared: null });
});

test('neither a rotation of the space nor the direction of time changes the curve', () => {
  fc.assert(
    fc.property(arbitraryTrajectory({ least: 8 }), fc.integer(), (trajectory, seed) => {
      const { values } = meanSquaredDisplacement(trajectory)!;
      expect(meanSquaredDisplacement(signedPermutation(trajectory, seed))!.values).toEqual(values);
      expectNear('reversed', meanSquaredDisplacement(reversed(trajectory))!.values, values);
      const turned = meanSquaredDisplacement(rotated(trajectory, seed))!.values;
      turned.forEach((value, place) => expect(Math.abs(value - values[place]!)).toBeLessThan(1e-4));
    }),
  );
});

test('a space that is twice as large has four times the curve, and the same exponent', () => {
  fc.assert(
    fc.property(arbitraryTrajectory({ least: 12 }), (trajectory) => {
      const small = meanSquaredDisplacement(trajectory)!;
      const large = meanSquaredDisplacement({
        ...trajectory,
        vectors: trajectory.vectors.map((x) => 2 * x),
      })!;
      expect(large.values).toEqual(small.values.map((value) => 4 * value));
      expectNear('exponent', large.exponent, small.exponent);
    }),
  );
});
