import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import {
  AnalysisInputError,
  divergence,
  relaxation,
  runPairs,
  type RunLabels,
  type RunPairs,
  type Trajectory,
} from '../../../analysis/index.js';
import { expectNear } from './groups-of-runs.js';
import { decodeMatrix, describeReference, EncodedMatrix, readReference } from '../reference.js';

const fit = { exponent: z.number(), intercept: z.number(), r_squared: z.number().nullable() };

const DivergenceFile = z.object({
  cases: z.array(
    z.object({
      name: z.string(),
      groups: z.array(z.array(EncodedMatrix)),
      pairs: z.number(),
      steps: z.number(),
      expected: z
        .object({
          curve: z.array(z.number()),
          upstream_ftle: z.object(fit),
          early: z.object({
            saturation: z.number(),
            window: z.number(),
            exponent: z.number().nullable(),
            intercept: z.number().optional(),
            r_squared: z.number().nullable().optional(),
          }),
          relaxation: z
            .object({
              limit: z.number(),
              start: z.number(),
              relaxation_steps: z.number(),
              r_squared: z.number(),
            })
            .nullable(),
        })
        .nullable(),
    }),
  ),
});

/** A trajectory whose steps are all its rows. */
function trajectoryOf(vectors: Float32Array, dimension: number): Trajectory {
  return {
    vectors,
    dimension,
    sequence: Uint32Array.from({ length: vectors.length / dimension }, (_, step) => step),
  };
}

const onLine = (...places: number[]): Trajectory => trajectoryOf(Float32Array.from(places), 1);

/** Some first distances from 0, and then the distance 1 for twenty steps. */
const after = (...growth: number[]): Trajectory => onLine(...growth, ...Array.from({ length: 20 }, () => 1));

/** All pairs within one group, or across two. */
function allPairs(sizes: readonly number[]): RunPairs {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const pairs: [number, number][] = [];
  for (let second = 1; second < total; second++) {
    for (let first = 0; first < second; first++) {
      if (sizes.length === 1 || (first < sizes[0]! && second >= sizes[0]!)) pairs.push([first, second]);
    }
  }
  return {
    first: Uint32Array.from(pairs, ([first]) => first),
    second: Uint32Array.from(pairs, ([, second]) => second),
  };
}

const ofTwo = allPairs([2]);

describeReference('divergence and the reference', () => {
  test('curve, slopes, saturation, early exponent and relaxation are those of numpy and scipy', async () => {
    for (const { groups, pairs, steps, expected } of readReference('divergence.json', DivergenceFile).cases) {
      const runs = groups.flat().map((matrix) => {
        const { points, dimension } = decodeMatrix(matrix);
        return trajectoryOf(points, dimension);
      });
      const result = await divergence(runs, allPairs(groups.map(({ length }) => length)));
      if (expected === null) {
        expect(result).toBeNull();
        continue;
      }
      const { pairCount, curve, ftleUpstream, saturation, early } = result!;
      expect([pairCount, curve.length]).toEqual([pairs, steps]);
      expected.curve.forEach((distance, step) => expectNear(curve[step]!, distance));
      expectNear(ftleUpstream.exponent, expected.upstream_ftle.exponent);
      expectNear(ftleUpstream.intercept, expected.upstream_ftle.intercept);
      expectNearOrNull(ftleUpstream.rSquared, expected.upstream_ftle.r_squared);
      expectNear(saturation, expected.early.saturation);
      expect(early.window).toBe(expected.early.window);
      expectNearOrNull(early.exponent, expected.early.exponent);
      expectNearOrNull(early.intercept, expected.early.intercept ?? null);
      expectNearOrNull(early.rSquared, expected.early.r_squared ?? null);
      if (expected.relaxation === null) {
        expect(result!.relaxation).toBeNull();
        continue;
      }
      const { limit, start, relaxationSteps, rSquared } = result!.relaxation!;
      expectNear(limit, expected.relaxation.limit, 1e-3);
      expectNear(start, expected.relaxation.start, 1e-3);
      expectNear(relaxationSteps, expected.relaxation.relaxation_steps, 1e-3);
      expectNear(rSquared, expected.relaxation.r_squared, 1e-3);
    }
  });

  test('prompts that are apart from the first step have no early exponent, whatever the slope over all steps', async () => {
    const { cases } = readReference('divergence.json', DivergenceFile);
    const { groups } = cases.find(({ name }) => name.includes('saturated from the first step'))!;
    const runs = groups.flat().map((matrix) => {
      const { points, dimension } = decodeMatrix(matrix);
      return trajectoryOf(points, dimension);
    });
    const { early, ftleUpstream } = (await divergence(runs, allPairs([3, 3])))!;
    expect(early.exponent).toBeNull();
    expect(Number.isFinite(ftleUpstream.exponent)).toBe(true);
  });
});

function expectNearOrNull(actual: number | null, expected: number | null): void {
  if (expected === null) expect(actual).toBeNull();
  else expectNear(actual, expected);
}

describe('divergence', () => {
  test('exponential growth has its exponent, and r² 1, before it saturates', async () => {
    const distances = Array.from({ length: 80 }, (_, step) => Math.min(0.001 * Math.exp(0.25 * step), 1));
    const { early, ftleUpstream, saturation } = (await divergence(
      [onLine(...distances.map(() => 0)), onLine(...distances)],
      ofTwo,
    ))!;
    expect(saturation).toBe(1);
    expect(early.window).toBe(
      distances.findIndex((distance) => distance >= 0.001 + (1 - 1 / Math.E) * 0.999),
    );
    expect(early.exponent).toBeCloseTo(0.25, 6);
    expect(early.rSquared).toBeCloseTo(1, 6);
    expect(ftleUpstream.exponent).toBeLessThan(0.2);
  });

  test('three steps of growth are too few for an exponent, four are enough', async () => {
    const rest = after(0, 0, 0, 0).vectors.map(() => 0);
    const still = trajectoryOf(rest, 1);
    const three = (await divergence([still, after(0.01, 0.02, 0.04)], ofTwo))!;
    expect(three.early).toEqual({ window: 3, exponent: null, intercept: null, rSquared: null });
    const four = (await divergence([still, after(0.01, 0.02, 0.04, 0.08)], ofTwo))!;
    expect(four.early.window).toBe(4);
    expect(four.early.exponent).toBeCloseTo(Math.LN2, 6);
  });

  test('a distance that falls, or stays, has no early steps', async () => {
    for (const distances of [
      [5, 4, 3, 2, 1, 1, 1, 1],
      [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
    ]) {
      const still = onLine(...distances.map(() => 0));
      expect((await divergence([still, onLine(...distances)], ofTwo))!.early.window).toBe(0);
    }
  });

  test('runs that never part have distance 0, the slope 0, and nothing else', async () => {
    const run = onLine(3, 1, 4, 1, 5, 9, 2, 6);
    const result = (await divergence([run, run], ofTwo))!;
    expect([...result.curve]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(result.ftleUpstream).toEqual({ exponent: 0, intercept: Math.log(1e-10), rSquared: null });
    expect(result).toMatchObject({ saturation: 0, early: { exponent: null }, relaxation: null });
  });

  test('only runs of a pair cut the curve, and the shortest of them does', async () => {
    const runs = [onLine(0, 0, 0, 0, 0), onLine(1, 2, 3), onLine(7)];
    const { curve } = (await divergence(runs, ofTwo))!;
    expect([...curve]).toEqual([1, 2, 3]);
  });

  test('repeated rows count at each step', async () => {
    const run: Trajectory = {
      vectors: Float32Array.of(0, 10),
      dimension: 1,
      sequence: Uint32Array.of(0, 1, 0, 1),
    };
    expect([...(await divergence([run, onLine(0, 0, 0, 0)], ofTwo))!.curve]).toEqual([0, 10, 0, 10]);
  });

  test('is null without a pair, and with fewer than two steps', async () => {
    expect(await divergence([onLine(0, 1)], allPairs([1]))).toBeNull();
    expect(await divergence([], allPairs([0]))).toBeNull();
    expect(await divergence([onLine(0), onLine(1, 2)], ofTwo)).toBeNull();
    expect(await divergence([onLine(), onLine(1, 2)], ofTwo)).toBeNull();
  });

  test('is never NaN, is unchanged by the order of the runs, and grows with their scale', async () => {
    const curves = fc.integer({ min: 2, max: 12 }).chain((steps) =>
      fc.array(fc.array(fc.integer({ min: -3, max: 3 }), { minLength: steps, maxLength: steps }), {
        minLength: 2,
        maxLength: 4,
      }),
    );
    await fc.assert(
      fc.asyncProperty(curves, async (places) => {
        const runs = places.map((place) => onLine(...place));
        const result = (await divergence(runs, allPairs([runs.length])))!;
        for (const number of numbersIn(result)) expect(Number.isFinite(number)).toBe(true);
        const reversed = (await divergence(runs.toReversed(), allPairs([runs.length])))!;
        expectClose(reversed.curve, result.curve);
        expect(reversed.early.window).toBe(result.early.window);
        const doubled = (await divergence(
          places.map((place) => onLine(...place.map((value) => 2 * value))),
          allPairs([runs.length]),
        ))!;
        expectClose(
          doubled.curve,
          result.curve.map((distance) => 2 * distance),
        );
        if (result.curve.every((distance) => distance > 0)) {
          expect(doubled.ftleUpstream.exponent).toBeCloseTo(result.ftleUpstream.exponent, 10);
        }
        if (result.relaxation !== null)
          expect(result.relaxation.relaxationSteps).toBeLessThan(places[0]!.length);
      }),
    );
  });

  test('ends with the reason of its signal', async () => {
    const runs = [onLine(0, 1), onLine(1, 2)];
    await expect(divergence(runs, ofTwo, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
  });

  test.each([
    ['runs of two dimensions', [onLine(0, 1), trajectoryOf(new Float32Array(4), 2)], ofTwo, 'run 1 has 2'],
    ['a run that is not there', [onLine(0, 1)], ofTwo, 'there are 1 runs'],
    [
      'half of a pair',
      [onLine(0, 1)],
      { first: Uint32Array.of(0), second: new Uint32Array(0) },
      'pairs.first has 1 runs and pairs.second 0',
    ],
  ])('refuses %s', async (_, runs, pairs, message) => {
    await expect(divergence(runs, pairs)).rejects.toThrow(AnalysisInputError);
    await expect(divergence(runs, pairs)).rejects.toThrow(message);
  });
});

function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  if (value instanceof Float64Array) return [...value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

function expectClose(actual: Float64Array, expected: Float64Array): void {
  expect(actual).toHaveLength(expected.length);
  expected.forEach((value, place) => expect(actual[place]).toBeCloseTo(value, 10));
}

const curveOf = (at: (step: number) => number): Float64Array =>
  Float64Array.from({ length: 40 }, (_, step) => at(step));

describe('relaxation', () => {
  test('finds the limit, the start and the time constant of an exponential, up or down', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.5, max: 20, noNaN: true }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.double({ min: 0.1, max: 1, noNaN: true }),
        fc.boolean(),
        (steps, limit, height, falls) => {
          const start = limit + (falls ? height : -height);
          const curve = Float64Array.from(
            { length: 60 },
            (_, step) => limit - (limit - start) * Math.exp(-step / steps),
          );
          const result = relaxation(curve)!;
          expectNear(result.relaxationSteps, steps, 1e-4);
          expect(result.limit).toBeCloseTo(limit, 4);
          expect(result.start).toBeCloseTo(start, 4);
          expect(result.rSquared).toBeCloseTo(1, 8);
        },
      ),
    );
  });

  test('is null for a straight line, a curve that bends away, a step at once, a constant, and three points', () => {
    expect(relaxation(curveOf((step) => step))).toBeNull();
    expect(relaxation(curveOf((step) => 1.1 ** step))).toBeNull();
    expect(relaxation(curveOf((step) => (step === 0 ? 0 : 1)))).toBeNull();
    expect(relaxation(curveOf(() => 0.1))).toBeNull();
    expect(relaxation(Float64Array.of(0, 0.5, 0.75))).toBeNull();
  });
});

const run = (network: string, prompt: string, seed: number): RunLabels => ({ network, prompt, seed });
const written = ({ first, second }: RunPairs): string[] =>
  [...first].map((one, pair) => `${one}-${second[pair]}`);

describe('runPairs', () => {
  const runs = [
    run('n', 'cat', 1),
    run('n', 'cat', 2),
    run('n', 'kitten', 1),
    run('n', 'bridge', 1),
    run('m', 'cat', 3),
    run('n', 'cat', -1),
    run('n', 'cat', -1),
    run('n', 'kitten', -1),
    run('n', 'cat', 1),
  ];
  const groupOf = new Map([
    ['cat', 'animals'],
    ['kitten', 'animals'],
    ['bridge', 'buildings'],
  ]);

  test('identical pairs have one network and prompt, and not one fixed seed', () => {
    expect(written(runPairs(runs, { kind: 'identical' }))).toEqual([
      '0-1',
      '0-5',
      '1-5',
      '0-6',
      '1-6',
      '5-6',
      '2-7',
      '1-8',
      '5-8',
      '6-8',
    ]);
  });

  test('pairs of one seed have other prompts; drawn seeds are never one', () => {
    expect(written(runPairs(runs, { kind: 'same_seed' }))).toEqual(['0-2', '0-3', '2-3', '2-8', '3-8']);
  });

  test('paraphrases are other prompts of one group, distant prompts are of two', () => {
    const few = runs.slice(0, 5);
    expect(written(runPairs(few, { kind: 'paraphrase', groupOf }))).toEqual(['0-2', '1-2']);
    expect(written(runPairs(few, { kind: 'distant', groupOf }))).toEqual(['0-3', '1-3', '2-3']);
    const known = new Map([['cat', 'animals']]);
    expect(written(runPairs(few, { kind: 'distant', groupOf: known }))).toEqual([]);
    expect(written(runPairs(few, { kind: 'paraphrase', groupOf: known }))).toEqual([]);
  });
});
