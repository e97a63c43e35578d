import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { AnalysisInputError, changePoints, type Trajectory } from '../../../analysis/index.js';
import { SeededRandom } from '../../../tda/random.js';
import { describeReference, readTrajectory, referenceNames } from '../reference.js';

const Expected = z.object({
  change_points: z.union([
    z.object({ too_short: z.literal(true) }),
    z.object({
      min_size: z.literal(5),
      penalty: z.object({ components: z.number(), white: z.number(), short_memory: z.number() }).nullable(),
      white: z.array(z.number()),
      short_memory: z.array(z.number()),
      upstream: z.array(z.number()),
    }),
  ]),
});

/** Whether two steps that are `lag` apart are equal. */
function hasEqualSteps({ sequence }: Trajectory, lag: number): boolean {
  return sequence.some((row, step) => step >= lag && row === sequence[step - lag]);
}

describeReference('change points agree with ruptures', () => {
  test.each(referenceNames('trajectories'))('%s', async (name) => {
    const { trajectory, expected } = readTrajectory(name, Expected);
    const found = await changePoints(trajectory);
    const { change_points: wanted } = expected;
    if ('too_short' in wanted) {
      expect(found).toBeNull();
      return;
    }
    expect([...found!.white.ends]).toEqual(wanted.white);
    expect([...found!.shortMemory.ends]).toEqual(wanted.short_memory);
    expect(found!.white.changes).toBe(wanted.white.length - 1);
    expect(found!.shortMemory.changes).toBe(wanted.short_memory.length - 1);
    expect(found!.stepsPerPoint).toBe(1);
    if (wanted.penalty === null) {
      expect(found).toMatchObject({
        componentCount: 0,
        white: { penalty: null },
        shortMemory: { penalty: null },
      });
      return;
    }
    expect(found!.componentCount).toBe(wanted.penalty.components);
    // Differences of equal steps are left out. In the reference they are not quite 0, and count, as rounding has it.
    if (!hasEqualSteps(trajectory, 1)) {
      expect(Math.abs(found!.white.penalty! / wanted.penalty.white - 1)).toBeLessThan(1e-4);
      if (!hasEqualSteps(trajectory, 2) && !hasEqualSteps(trajectory, 3)) {
        expect(Math.abs(found!.shortMemory.penalty! / wanted.penalty.short_memory - 1)).toBeLessThan(1e-4);
      }
    }
  });

  test('are found in regimes, where the settings of the program before this one find none', async () => {
    const { trajectory, expected } = readTrajectory('regimes', Expected);
    expect(expected.change_points).toMatchObject({ upstream: [trajectory.sequence.length] });
    const found = await changePoints(trajectory);
    expect([...found!.shortMemory.ends]).toEqual([40, 80, 120]);
  });
});

/** Independent noise in a few dimensions around levels that hold for `dwell` steps. */
function levels(count: number, dimension: number, dwell: number, seed: number): Trajectory {
  const random = new SeededRandom(seed);
  const vectors = new Float32Array(count * dimension);
  const level = new Float64Array(dimension);
  for (let step = 0; step < count; step++) {
    for (let column = 0; column < dimension; column++) {
      if (step % dwell === 0) level[column] = 3 * random.normal();
      vectors[step * dimension + column] = level[column]! + 0.1 * random.normal();
    }
  }
  return { vectors, dimension, sequence: Uint32Array.from({ length: count }, (_, step) => step) };
}

async function endsOf(trajectory: Trajectory): Promise<{ white: number[]; shortMemory: number[] }> {
  const found = await changePoints(trajectory);
  return { white: [...found!.white.ends], shortMemory: [...found!.shortMemory.ends] };
}

describe('change points', () => {
  test('do not depend on scale, place or direction of time, with more steps than dimensions and fewer', async () => {
    const cases = fc.record({
      dimension: fc.constantFrom(1, 2, 7, 80),
      dwell: fc.constantFrom(12, 25, 70),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(
        cases,
        fc.constantFrom(2 ** -100, 1, 2 ** 100),
        async ({ dimension, dwell, seed }, scale) => {
          const trajectory = levels(70, dimension, dwell, seed);
          const ends = await endsOf(trajectory);
          const moved = trajectory.vectors.map((x, at) => scale * (x + (at % dimension === 0 ? 16 : 0)));
          expect(await endsOf({ ...trajectory, vectors: moved })).toEqual(ends);
          const backwards = await endsOf({ ...trajectory, sequence: trajectory.sequence.toReversed() });
          for (const kind of ['white', 'shortMemory'] as const) {
            expect(
              backwards[kind]
                .slice(0, -1)
                .toReversed()
                .map((end) => 70 - end),
            ).toEqual(ends[kind].slice(0, -1));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('are those of the steps, whatever the order of the rows, and rows without a step do not count', async () => {
    const trajectory = levels(60, 3, 20, 5);
    const { white } = await endsOf(trajectory);
    expect(white).toEqual([20, 40, 60]);
    const vectors = new Float32Array(3 * 62).fill(1e6);
    for (let row = 0; row < 60; row++) {
      vectors.set(trajectory.vectors.subarray(3 * row, 3 * row + 3), 3 * (60 - row));
    }
    const sequence = trajectory.sequence.map((row) => 60 - row);
    expect((await endsOf({ vectors, dimension: 3, sequence })).white).toEqual(white);
  });

  test('weigh a row by its steps: a long rest in one place is one segment', async () => {
    const moving = levels(200, 5, 200, 6);
    const sequence = Uint32Array.from({ length: 400 }, (_, step) => Math.min(step, 199));
    const far = moving.vectors.map((x, at) => (at >= 199 * 5 ? x + 2 : x));
    const { white } = await endsOf({ vectors: far, dimension: 5, sequence });
    expect(white.at(-2)).toBe(199);
    expect(white.at(-1)).toBe(400);
  });

  test('of two places by turns there are none, and the memory of lags without a difference is none', async () => {
    const sequence = Uint32Array.from({ length: 30 }, (_, step) => step % 2);
    const found = await changePoints({ vectors: Float32Array.of(0, 0, 3, 4), dimension: 2, sequence });
    expect(found).toMatchObject({ componentCount: 1, white: { changes: 0 }, shortMemory: { changes: 0 } });
    // T = U^(1/2) = λ = 25 / 2, and L = ln(30 / 0.05).
    const log = Math.log(600);
    expect(found!.white.penalty).toBeCloseTo(12.5 * (1 + 2 * Math.sqrt(log) + 2 * log), 3);
    expect(found!.shortMemory.penalty).toBe(found!.white.penalty);
  });

  test.each([0, 1, 9])('are null for %i steps', async (count) => {
    const sequence = new Uint32Array(count);
    expect(await changePoints({ vectors: Float32Array.of(1, 2), dimension: 2, sequence })).toBeNull();
  });

  test('of 10 equal steps there are none, without a penalty; also of equal rows, and of rows without a length', async () => {
    const none = { ends: Uint32Array.of(10), changes: 0, penalty: null };
    const expected = { white: none, shortMemory: none, componentCount: 0, stepsPerPoint: 1 };
    for (const vectors of [Float32Array.of(0.1, 0.7, 0.1, 0.7, 5, 5), new Float32Array(6)]) {
      const sequence = Uint32Array.from({ length: 10 }, (_, step) => step % 2);
      expect(await changePoints({ vectors, dimension: 2, sequence })).toEqual(expected);
    }
  });

  test('of 10 steps there can be one', async () => {
    const vectors = Float32Array.from({ length: 10 }, (_, step) => (step < 5 ? 0 : 100) + (step % 2));
    const sequence = Uint32Array.from({ length: 10 }, (_, step) => step);
    expect((await endsOf({ vectors, dimension: 1, sequence })).white).toEqual([5, 10]);
  });

  test('of more than 20,000 steps are those of means, and the result says so', async () => {
    const found = await changePoints(levels(29_999, 3, 1000, 7));
    expect(found).toMatchObject({ stepsPerPoint: 2, white: { changes: 29 } });
    expect([...found!.white.ends]).toEqual(
      Array.from({ length: 30 }, (_, at) => Math.min(1000 * (at + 1), 29_999)),
    );
  });

  test('of 20,000 steps are those of the steps', async () => {
    const found = await changePoints(levels(20_000, 3, 501, 8));
    expect(found).toMatchObject({ stepsPerPoint: 1, white: { changes: 39 } });
    expect([...found!.white.ends]).toEqual(
      Array.from({ length: 40 }, (_, at) => Math.min(501 * (at + 1), 20_000)),
    );
  });

  test('reject a malformed trajectory with its place, and an aborted call with its reason', async () => {
    const trajectory = levels(20, 2, 20, 9);
    const vectors = trajectory.vectors.with(5, Number.NaN);
    await expect(changePoints({ ...trajectory, vectors })).rejects.toThrow(AnalysisInputError);
    await expect(changePoints({ ...trajectory, vectors })).rejects.toThrow(
      'vectors[5] (row 2, column 1) is NaN',
    );
    const signal = AbortSignal.abort(new Error('no longer wanted'));
    await expect(changePoints(trajectory, { signal })).rejects.toThrow('no longer wanted');
  });
});
