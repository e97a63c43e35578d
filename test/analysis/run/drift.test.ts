import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { AnalysisInputError, drift } from '../../../analysis/index.js';
import { arbitraryTrajectory, rotated, signedPermutation } from '../arbitrary-trajectories.js';
import { expectNear } from '../near.js';
import { describeReference, readTrajectory, referenceNames } from '../reference.js';

const Expected = z.object({
  kinematics: z.object({
    drift_from_prompt_euclidean: z.array(z.number()),
    drift_from_prompt_cosine: z.array(z.number()),
    drift_from_first_euclidean: z.array(z.number()),
  }),
});

describeReference('drift of the reference', () => {
  test.each(referenceNames('trajectories'))('%s drifts as numpy says', (name) => {
    const { trajectory, prompt, expected } = readTrajectory(name, Expected);
    const found = drift(trajectory, { prompt });
    const { kinematics } = expected;
    expectNear('prompt, Euclidean', found.prompt!.euclidean, kinematics.drift_from_prompt_euclidean);
    expectNear('prompt, cosine', found.prompt!.cosine, kinematics.drift_from_prompt_cosine);
    expectNear('first, Euclidean', found.first!.euclidean, kinematics.drift_from_first_euclidean);
    expectNear(
      'first, cosine',
      found.first!.cosine,
      kinematics.drift_from_first_euclidean.map((distance) => distance ** 2 / 2),
    );
  });

  test('the drift from other prompts is the mean of the drifts from each', () => {
    const { trajectory } = readTrajectory('brownian', Expected);
    const { vectors, dimension } = trajectory;
    const prompts = [10, 40, 70].map((row) => vectors.slice(row * dimension, (row + 1) * dimension));
    const points = new Float32Array(3 * dimension);
    prompts.forEach((prompt, place) => points.set(prompt, place * dimension));
    const found = drift(trajectory, { otherPrompts: { points, dimension } }).otherPrompts!;
    const each = prompts.map((prompt) => drift(trajectory, { prompt }).prompt!);
    for (const curve of ['euclidean', 'cosine'] as const) {
      // An output that is a prompt has distance 0 from it, which float32 may miss by a bit.
      const mean = each[0]![curve].map(
        (_, step) => each.reduce((sum, one) => sum + one[curve][step]!, 0) / 3,
      );
      found[curve].forEach((value, step) => expect(Math.abs(value - mean[step]!)).toBeLessThan(1e-6));
    }
    for (const name of ['euclideanEnd', 'euclideanLate', 'cosineEnd', 'cosineLate'] as const) {
      expectNear(name, found[name], each.reduce((sum, one) => sum + one[name], 0) / 3);
    }
  });
});

/** Unit vectors of the plane at these angles, in parts of a whole turn. */
function circle(...turns: number[]) {
  return {
    vectors: Float32Array.from(
      turns.flatMap((turn) => [Math.cos(2 * Math.PI * turn), Math.sin(2 * Math.PI * turn)]),
    ),
    dimension: 2,
    sequence: Uint32Array.from(turns, (_, step) => step),
  };
}

test('the end is the last output, and late is the last quarter, rounded down, of at least one output', () => {
  const { first } = drift(circle(0, 0, 0, 0, 0, 0, 0.25, 0.25, 0.5));
  expect(first!.cosineEnd).toBeCloseTo(2, 6);
  expect(first!.cosineLate).toBeCloseTo(1.5, 6);
  expect(first!.euclideanLate).toBeCloseTo((2 + Math.SQRT2) / 2, 6);
  expect(drift(circle(0, 0.5, 0.25)).first!.cosineLate).toBeCloseTo(1, 6);
});

test('opposite directions are 2 apart, and no rounding makes them more', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), (seed) => {
      const there = Float32Array.from({ length: 64 }, (_, at) => (((at + seed) * 7919) % 101) + 1);
      const trajectory = { vectors: there, dimension: 64, sequence: Uint32Array.of(0) };
      const back = there.map((value) => -3 * value);
      const found = drift(trajectory, { prompt: back, otherPrompts: { points: back, dimension: 64 } });
      for (const curve of [found.prompt!, found.otherPrompts!]) {
        for (const value of [curve.euclideanEnd, curve.cosineEnd, curve.euclideanLate, curve.cosineLate]) {
          expect(value).toBeLessThanOrEqual(2);
          expect(value).toBeCloseTo(2, 5);
        }
      }
    }),
  );
});

test('opposite directions whose float32 distance is a bit above 2 are 2 apart', () => {
  const there = Float32Array.of(-395, -286, 477, 113, 495, -62, 132, -219);
  const trajectory = { vectors: there, dimension: 8, sequence: Uint32Array.of(0) };
  const points = there.map((value) => -value);
  const { otherPrompts } = drift(trajectory, { otherPrompts: { points, dimension: 8 } });
  expect(otherPrompts).toMatchObject({ euclideanEnd: 2, euclideanLate: 2, cosineEnd: 2, cosineLate: 2 });
});

test('other prompts are measured beyond the first thousand vectors too', () => {
  const turns = Array.from({ length: 1500 }, (_, step) => step / 1500);
  const trajectory = circle(...turns);
  const { otherPrompts, first } = drift(trajectory, {
    otherPrompts: { points: Float32Array.of(5, 0), dimension: 2 },
  });
  otherPrompts!.euclidean.forEach((value, step) => {
    expect(Math.abs(value - first!.euclidean[step]!)).toBeLessThan(1e-6);
  });
});

test('without a prompt, other prompts or an output there is no curve', () => {
  const trajectory = circle(0, 0.1);
  const { prompt, otherPrompts } = drift(trajectory);
  expect([prompt, otherPrompts]).toEqual([null, null]);
  expect(
    drift(trajectory, { otherPrompts: { points: new Float32Array(0), dimension: 2 } }).otherPrompts,
  ).toBeNull();
  const empty = { vectors: new Float32Array(0), dimension: 2, sequence: new Uint32Array(0) };
  expect(drift(empty, { prompt: Float32Array.of(1, 0) })).toEqual({
    prompt: null,
    otherPrompts: null,
    first: null,
  });
});

test('a vector of length 0 has no direction, so the curves that need it are null', () => {
  const zero = Float32Array.of(0, 0);
  const found = drift(circle(0, 0.1), {
    prompt: zero,
    otherPrompts: { points: Float32Array.of(1, 0, 0, 0), dimension: 2 },
  });
  expect([found.prompt, found.otherPrompts]).toEqual([null, null]);
  expect(found.first).not.toBeNull();
  const through = { vectors: Float32Array.of(1, 0, 0, 0), dimension: 2, sequence: Uint32Array.of(0, 1, 0) };
  expect(drift(through, { prompt: Float32Array.of(1, 0) })).toEqual({
    prompt: null,
    otherPrompts: null,
    first: null,
  });
  // A row that no step has does not matter.
  expect(drift({ ...through, sequence: Uint32Array.of(0, 0) }).first!.euclideanEnd).toBe(0);
});

test('neither a rotation nor the lengths of the vectors change a drift', () => {
  fc.assert(
    fc.property(arbitraryTrajectory({ least: 1 }), fc.integer(), (trajectory, seed) => {
      const { first } = drift(trajectory);
      const permuted = drift(signedPermutation(trajectory, seed)).first;
      const turned = drift(rotated(trajectory, seed)).first;
      const longer = drift({ ...trajectory, vectors: trajectory.vectors.map((value) => 4 * value) }).first;
      expectNear('permuted', permuted?.euclidean ?? null, first?.euclidean ?? null);
      expectNear('longer', longer?.euclidean ?? null, first?.euclidean ?? null);
      turned?.euclidean.forEach((value, step) => {
        expect(Math.abs(value - first!.euclidean[step]!)).toBeLessThan(1e-5);
      });
    }),
  );
});

test('prompts of another model, or that are not finite, are refused', () => {
  const trajectory = circle(0, 0.1);
  expect(() => drift(trajectory, { prompt: Float32Array.of(1, 0, 0) })).toThrow(AnalysisInputError);
  expect(() => drift(trajectory, { prompt: Float32Array.of(1, 0, 0) })).toThrow(
    'prompt has vectors of 3 numbers',
  );
  expect(() => drift(trajectory, { prompt: Float32Array.of(1, Infinity) })).toThrow('prompt[1]');
  expect(() =>
    drift(trajectory, { otherPrompts: { points: Float32Array.of(1, 0, 0), dimension: 3 } }),
  ).toThrow('otherPrompts has vectors of 3 numbers');
});
