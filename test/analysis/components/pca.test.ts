import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { AnalysisInputError, pca, project } from '../../../analysis/index.js';
import type { Components, Points } from '../../../analysis/index.js';
import { pcaWork } from '../../../analysis/components/pca.js';
import { SeededRandom } from '../../../tda/random.js';
import { decodeMatrix, describeReference, EncodedMatrix, readReference } from '../reference.js';

const ALL = { keep: { components: 1000 } };

/** Normal noise, whose spread falls from column to column, so that each component has a direction of its own. */
function cloud(rows: number, dimension: number, seed = 1): Points {
  const random = new SeededRandom(seed);
  const points = Float32Array.from(
    { length: rows * dimension },
    (_, place) => random.normal() / (1 + (place % dimension)),
  );
  return { points, dimension };
}

function rowOf({ points, dimension }: Points, row: number): number[] {
  return [...points.subarray(row * dimension, (row + 1) * dimension)];
}

function componentOf({ components, dimension }: Components, component: number): number[] {
  return [...components.subarray(component * dimension, (component + 1) * dimension)];
}

function writtenOut({ points, dimension }: Points, weights: Uint32Array): Points {
  const rows = [...weights].flatMap((weight, row) =>
    Array.from({ length: weight }, () => rowOf({ points, dimension }, row)),
  );
  return { points: Float32Array.from(rows.flat()), dimension };
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((sum, value, place) => sum + value * b[place]!, 0);
}

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(found).toHaveLength(expected.length);
  const worst = Array.from(found).reduce(
    (most, value, place) => Math.max(most, Math.abs(value - expected[place]!)),
    0,
  );
  expect(worst).toBeLessThanOrEqual(tolerance);
}

/** Coordinates are small whole numbers: rows repeat, ranks are low, and variances tie. */
const smallClouds: fc.Arbitrary<Points> = fc.integer({ min: 1, max: 6 }).chain((dimension) =>
  fc
    .array(fc.array(fc.integer({ min: -2, max: 2 }), { minLength: dimension, maxLength: dimension }), {
      minLength: 1,
      maxLength: 9,
    })
    .map((rows) => ({ points: Float32Array.from(rows.flat()), dimension })),
);

describeReference('principal components of scikit-learn', () => {
  test('the same mean, variances, components and scores', () => {
    const reference = readReference(
      'projection.json',
      z.object({
        points: EncodedMatrix,
        pca: z.object({
          mean: z.array(z.number()),
          explained_variance: z.array(z.number()),
          explained_variance_ratio: z.array(z.number()),
          components: z.array(z.array(z.number())),
          scores_of_first_20_rows: z.array(z.array(z.number())),
        }),
      }),
    );
    const expected = reference.pca;
    const count = expected.components.length;
    const found = pca(decodeMatrix(reference.points), { keep: { components: count } });
    expectClose(found.mean, expected.mean, 1e-7);
    expectClose(found.explainedVariance, expected.explained_variance, 1e-7);
    expectClose(found.explainedVarianceRatio, expected.explained_variance_ratio, 1e-7);
    expectClose(found.components, expected.components.flat(), 1e-6);
    expectClose(found.scores!.points.subarray(0, 20 * count), expected.scores_of_first_20_rows.flat(), 1e-6);
  });
});

describe('pca', () => {
  test('its components are orthonormal, and scores have the variances told and no covariance', () => {
    fc.assert(
      fc.property(smallClouds, (points) => {
        const found = pca(points, ALL);
        const count = found.explainedVariance.length;
        const rows = points.points.length / points.dimension;
        expect(found.components).toHaveLength(count * points.dimension);
        for (let i = 0; i < count; i++) {
          for (let j = 0; j <= i; j++) {
            expect(dot(componentOf(found, i), componentOf(found, j))).toBeCloseTo(i === j ? 1 : 0, 9);
            const products = Array.from({ length: rows }, (_, row) => {
              const scores = rowOf(found.scores!, row);
              return scores[i]! * scores[j]!;
            });
            const covariance = products.reduce((sum, product) => sum + product, 0) / (rows - 1);
            expect(covariance).toBeCloseTo(i === j ? found.explainedVariance[i]! : 0, 5);
          }
        }
      }),
    );
  });

  test('all components together keep every distance and all of the variance', () => {
    fc.assert(
      fc.property(smallClouds, (points) => {
        const found = pca(points, ALL);
        const rows = points.points.length / points.dimension;
        const sum = found.explainedVariance.reduce((total, variance) => total + variance, 0);
        expect(sum).toBeCloseTo(found.totalVariance ?? 0, 9);
        for (let a = 0; a < rows; a++) {
          const difference = rowOf(points, a).map((value, column) => value - rowOf(points, 0)[column]!);
          const scores =
            found.scores === null
              ? []
              : rowOf(found.scores, a).map((s, i) => s - rowOf(found.scores!, 0)[i]!);
          expect(dot(scores, scores)).toBeCloseTo(dot(difference, difference), 4);
        }
      }),
    );
  });

  test.each([
    [400, 200],
    [200, 400],
  ])('of %i rows in dimension %i in steps gives the same, and no step is long', (rows, dimension) => {
    const points = cloud(rows, dimension);
    const work = pcaWork(points, { keep: { components: 20 } });
    const steps: number[] = [];
    let next = work.next();
    for (; next.done !== true; next = work.next()) steps.push(next.value);
    expect(next.value).toEqual(pca(points, { keep: { components: 20 } }));
    expect(Math.max(...steps)).toBeLessThan(100_000);
    const products = (Math.max(rows, dimension) * Math.min(rows, dimension) ** 2) / 2;
    expect(steps.reduce((sum, operations) => sum + operations, 0)).toBeGreaterThan(products);
  });

  // Rows and dimensions with and without a remainder of blocks of 64 and tiles of four; fewer rows than dimensions.
  test.each([
    [2, 1],
    [63, 5],
    [64, 4],
    [65, 7],
    [130, 66],
    [5, 130],
    [64, 65],
    [66, 128],
  ])('of %i rows in dimension %i multiplies each component by its variance', (rows, dimension) => {
    const points = cloud(rows, dimension);
    const found = pca(points, { keep: { components: 3 } });
    const mean = Array.from({ length: dimension }, (_, column) => {
      const values = Array.from({ length: rows }, (__, row) => points.points[row * dimension + column]!);
      return values.reduce((sum, value) => sum + value, 0) / rows;
    });
    expectClose(found.mean, mean, 1e-12);
    const centred = Array.from({ length: rows }, (_, row) =>
      rowOf(points, row).map((value, column) => value - mean[column]!),
    );
    const squares = centred.reduce((sum, row) => sum + dot(row, row), 0);
    expect(found.totalVariance).toBeCloseTo(squares / (rows - 1), 10);
    expect(found.explainedVariance).toHaveLength(Math.min(3, dimension, rows - 1));
    found.explainedVariance.forEach((variance, component) => {
      const direction = componentOf(found, component);
      const image = centred.reduce<number[]>(
        (sum, row) => sum.map((value, column) => value + (dot(row, direction) * row[column]!) / (rows - 1)),
        direction.map(() => 0),
      );
      expectClose(
        image,
        direction.map((value) => value * variance),
        1e-10,
      );
      expect(found.explainedVarianceRatio[component]).toBeCloseTo((variance * (rows - 1)) / squares, 10);
    });
  });

  test.each([
    ['more rows than dimensions', 30, 6],
    ['fewer rows than dimensions', 9, 20],
    ['fewer rows than dimensions, but more once written out', 9, 11],
  ])('weights are rows written out: %s', (_, rows, dimension) => {
    const points = cloud(rows, dimension);
    const weights = Uint32Array.from({ length: rows }, (__, row) => (row * 7) % 4);
    const weighted = pca(points, { ...ALL, weights });
    const plain = pca(writtenOut(points, weights), ALL);
    expectClose(weighted.mean, plain.mean, 1e-12);
    expectClose(weighted.explainedVariance, plain.explainedVariance, 1e-12);
    expectClose(weighted.explainedVarianceRatio, plain.explainedVarianceRatio, 1e-12);
    expect(weighted.totalVariance).toBeCloseTo(plain.totalVariance!, 12);
    expectClose(weighted.components, plain.components, 1e-9);
    // A row of weight 0 has a score, too.
    expect(weighted.scores!.points).toHaveLength(rows * weighted.scores!.dimension);
  });

  test('a share of the variance takes the fewest components that hold it, at most so many as allowed', () => {
    const points = cloud(60, 20);
    const { explainedVarianceRatio: ratio } = pca(points, ALL);
    for (const varianceShare of [0.01, 0.5, 0.9, 0.995, 1]) {
      let [sum, fewest] = [0, 0];
      while (sum < varianceShare - 1e-9) sum += ratio[fewest++]!;
      for (const atMost of [1, 4, 100]) {
        const found = pca(points, { keep: { varianceShare, atMost } });
        expect(found.explainedVariance).toHaveLength(Math.min(fewest, atMost));
        expect(found.explainedVarianceRatio).toEqual(ratio.slice(0, Math.min(fewest, atMost)));
      }
    }
  });

  test('the share that the first components hold, summed with its rounding, needs no further one', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const points = cloud(60, 20, seed);
      const { explainedVarianceRatio: ratio } = pca(points, ALL);
      for (let count = 1; count <= 20; count++) {
        const varianceShare = Math.min(
          1,
          ratio
            .slice(0, count)
            .toReversed()
            .reduce((sum, share) => sum + share, 0),
        );
        const found = pca(points, { keep: { varianceShare, atMost: 40 } });
        expect(found.explainedVariance).toHaveLength(count);
      }
    }
  });

  test('a share that the components hold exactly needs no further one', () => {
    // Variances 4 and 1: the first holds 0.8.
    const points = { points: Float32Array.of(2, 0, -2, 0, 0, 1, 0, -1), dimension: 2 };
    expect(pca(points, { keep: { varianceShare: 0.8, atMost: 40 } }).explainedVarianceRatio).toEqual(
      Float64Array.of(0.8),
    );
  });

  test('points of a plane have two components, in any number of dimensions', () => {
    for (const [rows, dimension] of [
      [50, 12],
      [8, 40],
    ] as const) {
      const [plane, axes] = [cloud(rows, 2), cloud(2, dimension, 2)];
      const points = Float32Array.from({ length: rows * dimension }, (_, place) => {
        // Rounded to a multiple of 2^-8, so that float32 holds the sums exactly.
        const [a, b] = rowOf(plane, Math.floor(place / dimension)).map(
          (value) => Math.round(value * 256) / 256,
        );
        const [x, y] = [0, 1].map(
          (axis) => Math.round(axes.points[axis * dimension + (place % dimension)]! * 256) / 256,
        );
        return a! * x! + b! * y!;
      });
      expect(pca({ points, dimension }, ALL).explainedVariance).toHaveLength(2);
    }
  });

  test('equal points have no component, and one point has no variance at all', () => {
    const equal = { points: Float32Array.of(0.1, 0.7, 0.1, 0.7, 0.1, 0.7), dimension: 2 };
    const none = { components: new Float64Array(0), explainedVariance: new Float64Array(0), scores: null };
    expect(pca(equal, ALL)).toMatchObject({ ...none, totalVariance: 0 });
    expect(pca(equal, { ...ALL, weights: Uint32Array.of(0, 1, 0) })).toMatchObject({
      ...none,
      totalVariance: null,
    });
    const one = pca(
      { points: Float32Array.of(3, 4), dimension: 2 },
      { keep: { varianceShare: 1, atMost: 1 } },
    );
    expect(one).toMatchObject({ ...none, totalVariance: null, mean: Float64Array.of(3, 4) });
  });

  test('the largest coordinate of each component is positive; of several the first', () => {
    fc.assert(
      fc.property(smallClouds, (points) => {
        const found = pca(points, ALL);
        for (let component = 0; component < found.explainedVariance.length; component++) {
          const direction = componentOf(found, component);
          const largest = Math.max(...direction.map(Math.abs));
          expect(direction.find((value) => Math.abs(value) > largest * (1 - 1e-9))).toBeGreaterThan(0);
        }
      }),
    );
    for (const sign of [1, -1]) {
      const diagonal = { points: Float32Array.of(sign, -sign, -sign, sign, 0, 0), dimension: 2 };
      expectClose(pca(diagonal, ALL).components, [Math.SQRT1_2, -Math.SQRT1_2], 1e-15);
    }
  });

  test('coordinates that differ in size by rounding alone are ties: the first is positive', () => {
    for (let dimension = 3; dimension <= 12; dimension++) {
      const signs = Array.from({ length: dimension }, (_, column) => (column % 3 === 1 ? 1 : -1));
      const lengths = [0.3, -1.7, 2.9, -0.1, 0.7, 1.1, -2.3, 0.9, 3.1, -0.7, 1.9, -3.3, 0.5];
      const points = Float32Array.from(lengths.flatMap((length) => signs.map((sign) => sign * length)));
      const found = pca({ points, dimension }, ALL);
      expect(found.explainedVariance).toHaveLength(1);
      expectClose(
        found.components,
        signs.map((sign) => -sign / Math.sqrt(dimension)),
        1e-12,
      );
    }
  });

  test('points 2^±40 times as large have the same components, to the bit', () => {
    const points = cloud(40, 9);
    const plain = pca(points, ALL);
    for (const scale of [2 ** 40, 2 ** -40]) {
      const scaled = pca({ ...points, points: points.points.map((value) => value * scale) }, ALL);
      expect(scaled.components).toEqual(plain.components);
      expect(scaled.explainedVariance).toEqual(
        plain.explainedVariance.map((variance) => variance * scale ** 2),
      );
      expect(scaled.scores!.points).toEqual(plain.scores!.points.map((score) => score * scale));
    }
  });

  test('points far from the origin lose nothing', () => {
    const near = cloud(40, 5);
    // Multiples of 2^-10 below 4096 are exact in float32.
    const points = near.points.map((value) => Math.round(value * 1024) / 1024);
    const moved = pca({ points: points.map((value) => value + 2000), dimension: 5 }, ALL);
    const plain = pca({ points, dimension: 5 }, ALL);
    expectClose(moved.explainedVariance, plain.explainedVariance, 1e-12);
    expectClose(moved.components, plain.components, 1e-11);
  });

  test.each([
    ['no row', { points: Float32Array.of() }, {}, 'points has no row'],
    [
      'a value that is not finite',
      { points: Float32Array.of(1, 2, NaN, 4) },
      {},
      'points[2] (row 1, column 0) is NaN',
    ],
    ['no component wanted', {}, { keep: { components: 0 } }, 'keep.components is 0'],
    ['a part of a component', {}, { keep: { components: 1.5 } }, 'keep.components is 1.5'],
    ['a share of none', {}, { keep: { varianceShare: 0, atMost: 4 } }, 'keep.varianceShare is 0'],
    ['a share above 1', {}, { keep: { varianceShare: 1.1, atMost: 4 } }, 'keep.varianceShare is 1.1'],
    ['a share that is NaN', {}, { keep: { varianceShare: NaN, atMost: 4 } }, 'keep.varianceShare is NaN'],
    ['at most none', {}, { keep: { varianceShare: 0.5, atMost: 0 } }, 'keep.atMost is 0'],
    ['weights of other rows', {}, { weights: Uint32Array.of(1) }, 'weights has 1 rows and points 2'],
    ['weights of 0', {}, { weights: Uint32Array.of(0, 0) }, 'weights are all 0'],
  ])('refuses %s', (_, wrongPoints, wrongOptions, message) => {
    const points = { points: Float32Array.of(1, 2, 3, 4), dimension: 2, ...wrongPoints };
    const attempt = (): unknown => pca(points, { ...ALL, ...wrongOptions });
    expect(attempt).toThrow(AnalysisInputError);
    expect(attempt).toThrow(message);
  });
});

describe('project', () => {
  test('gives the rows that made the components their scores, and equal rows equal scores', () => {
    const points = cloud(20, 6);
    const found = pca(points, { keep: { components: 4 } });
    expect(project(found, points)).toEqual(found.scores);
    const repeated = { points: Float32Array.from([...rowOf(points, 3), ...rowOf(points, 3)]), dimension: 6 };
    expect([...project(found, repeated).points]).toEqual([
      ...rowOf(found.scores!, 3),
      ...rowOf(found.scores!, 3),
    ]);
  });

  test('takes the mean of other points to 0, and a step along a component to its length', () => {
    const components = { dimension: 2, mean: Float64Array.of(1, 2), components: Float64Array.of(0.6, 0.8) };
    const others = { points: Float32Array.of(1, 2, 4, 6), dimension: 2 };
    expect(project(components, others)).toEqual({ points: Float32Array.of(0, 5), dimension: 1 });
    expect(project(components, { points: Float32Array.of(), dimension: 2 }).points).toHaveLength(0);
  });

  test('refuses no component, another dimension, and scores beyond float32', () => {
    const components = { dimension: 2, mean: Float64Array.of(0, 0), components: Float64Array.of(0.6, 0.8) };
    const far = { points: Float32Array.of(0, 0, 3e38, 3e38), dimension: 2 };
    const attempts: [() => unknown, string][] = [
      [() => project({ ...components, components: new Float64Array(0) }, far), 'no component'],
      [() => project(components, cloud(3, 3)), 'the points have dimension 3, and the components 2'],
      [() => project(components, far), 'row 1 has a score above 3.4e38'],
    ];
    for (const [attempt, message] of attempts) {
      expect(attempt).toThrow(AnalysisInputError);
      expect(attempt).toThrow(message);
    }
  });
});
