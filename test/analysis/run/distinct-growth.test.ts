import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { AnalysisInputError, distinctGrowth, rarefaction } from '../../../analysis/index.js';
import { expectNear } from '../near.js';
import { describeReference, readTrajectory, referenceNames } from '../reference.js';

const Expected = z.object({
  distinct: z.object({
    distinct_growth: z.array(z.number()),
    first_repeat_at: z.number().nullable(),
    return_times: z.array(z.number()),
    heaps: z.object({ exponent: z.number().nullable(), r_squared: z.number().nullable() }).nullable(),
    rarefaction_at: z.array(z.number()),
    rarefaction: z.array(z.number()),
  }),
});

describeReference('distinct outputs of the reference', () => {
  test.each(referenceNames('trajectories'))('%s grows as counted, and as scipy fits it', (name) => {
    const { trajectory, expected } = readTrajectory(name, Expected);
    const found = distinctGrowth(trajectory.sequence);
    const { distinct } = expected;
    expect([...found.growth]).toEqual(distinct.distinct_growth);
    expect(found.firstRepeatAt).toBe(distinct.first_repeat_at);
    expect([...found.returnTimes]).toEqual(distinct.return_times);
    expectNear('Heaps exponent', found.heapsExponent, distinct.heaps?.exponent ?? null);
    expectNear('r²', found.heapsRSquared, distinct.heaps?.r_squared ?? null);
    expectNear(
      'rarefaction',
      rarefaction(trajectory.sequence, distinct.rarefaction_at),
      distinct.rarefaction,
    );
  });
});

const arbitraryOutputs = fc
  .array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 60, size: 'max' })
  .map((outputs) => Uint32Array.from(outputs));

describe('distinct growth', () => {
  test('is the size of the set of the outputs so far', () => {
    fc.assert(
      fc.property(arbitraryOutputs, (outputs) => {
        const { growth, firstRepeatAt, returnTimes } = distinctGrowth(outputs);
        growth.forEach((value, step) => expect(value).toBe(new Set(outputs.subarray(0, step + 1)).size));
        const repeat = growth.findIndex((value, step) => value < step + 1);
        expect(firstRepeatAt).toBe(repeat < 0 ? null : repeat);
        expect(returnTimes).toHaveLength(outputs.length - growth.at(-1)!);
      }),
    );
  });

  test('counts from an output back to the same output before it', () => {
    expect([...distinctGrowth(Uint32Array.of(5, 6, 5, 5, 6)).returnTimes]).toEqual([2, 1, 3]);
  });

  test('needs 16 outputs for an exponent, and a growth for r²', () => {
    expect(distinctGrowth(Uint32Array.from({ length: 15 }, (_, step) => step)).heapsExponent).toBeNull();
    const fresh = distinctGrowth(Uint32Array.from({ length: 16 }, (_, step) => step));
    expect(fresh.heapsExponent).toBeCloseTo(1, 12);
    expect(fresh.heapsRSquared).toBeCloseTo(1, 12);
    expect(distinctGrowth(new Uint32Array(16))).toMatchObject({ heapsExponent: 0, heapsRSquared: null });
  });

  test('of no output is empty', () => {
    expect(distinctGrowth(new Uint32Array(0))).toMatchObject({ firstRepeatAt: null, heapsExponent: null });
  });
});

describe('rarefaction', () => {
  test('is the mean over all orders of the outputs', () => {
    const outputs = Uint32Array.of(1, 1, 1, 2, 2, 3);
    const sums = new Float64Array(6);
    const orders = ordersOf([...outputs]);
    for (const order of orders)
      distinctGrowth(Uint32Array.from(order)).growth.forEach((value, k) => (sums[k]! += value));
    const found = rarefaction(outputs, [1, 2, 3, 4, 5, 6]);
    found.forEach((value, k) => expect(value).toBeCloseTo(sums[k]! / orders.length, 12));
  });

  test('goes from nothing over one output to all of them, and never falls', () => {
    fc.assert(
      fc.property(arbitraryOutputs, (outputs) => {
        const curve = rarefaction(
          outputs,
          Uint32Array.from({ length: outputs.length + 1 }, (_, k) => k),
        );
        expect(curve[0]).toBe(0);
        expect(curve[1]).toBeCloseTo(1, 12);
        expect(curve.at(-1)).toBe(new Set(outputs).size);
        for (let k = 1; k < curve.length; k++)
          expect(curve[k]!).toBeGreaterThanOrEqual(curve[k - 1]! - 1e-12);
      }),
    );
  });

  test('is exact for a long run, whose binomials no float holds', () => {
    // Half of the run is one output, the other half all new: k - 1/2 k new ones, and the one output for sure.
    const n = 200_000;
    const outputs = Uint32Array.from({ length: n }, (_, step) => (step % 2 === 0 ? 0 : step));
    const [half] = rarefaction(outputs, [n / 2]);
    expect(half! / (1 + n / 4)).toBeCloseTo(1, 12);
    const pairs = Uint32Array.from({ length: n }, (_, step) => step >>> 1);
    const [some] = rarefaction(pairs, [1000]);
    const unseen = ((n - 1000) / n) * ((n - 1001) / (n - 1));
    expect(some! / ((n / 2) * (1 - unseen))).toBeCloseTo(1, 9);
  });

  test('takes no more outputs than there are', () => {
    expect(() => rarefaction(Uint32Array.of(1, 2), [0, 3])).toThrow(AnalysisInputError);
    expect(() => rarefaction(Uint32Array.of(1, 2), [0, 3])).toThrow('prefixes[1] is 3');
    expect(() => rarefaction(Uint32Array.of(1, 2), [0.5])).toThrow('prefixes[0] is 0.5');
  });
});

function ordersOf(outputs: number[]): number[][] {
  if (outputs.length === 0) return [[]];
  return outputs.flatMap((output, place) =>
    ordersOf(outputs.filter((_, other) => other !== place)).map((rest) => [output, ...rest]),
  );
}
