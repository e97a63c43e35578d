import * as fc from 'fast-check';
import { euclideanDistances, ripsPersistence } from '../../tda/index.js';
import { bruteForceDiagrams } from './brute-force.js';
import { randomPoints, seededRandom } from '../support/point-clouds.js';
import { firstByDay, isFullRange } from '../support/range.js';

/** By night three times as many cases. */
function casesOf(byDay: number): { readonly numRuns: number } {
  return { numRuns: isFullRange() ? 3 * byDay : byDay };
}

/**
 * A lower triangle with few different values, so that almost everything ties. A 0 makes duplicates, which may or
 * may not fit a metric.
 */
const tiedDistances = (maxPoints: number): fc.Arbitrary<{ pointCount: number; distances: Float32Array }> =>
  fc
    .tuple(
      fc.integer({ min: 1, max: maxPoints }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 0, max: 1 }),
    )
    .chain(([pointCount, values, least]) => {
      const length = (pointCount * (pointCount - 1)) / 2;
      return fc
        .array(fc.integer({ min: least, max: least + values }), { minLength: length, maxLength: length })
        .map((entries) => ({ pointCount, distances: Float32Array.from(entries) }));
    });

const gridPoints = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 3 }))
  .chain(([pointCount, dimension]) =>
    fc
      .array(fc.integer({ min: 0, max: 3 }), {
        minLength: pointCount * dimension,
        maxLength: pointCount * dimension,
      })
      .map((entries) => ({ dimension, points: Float32Array.from(entries) })),
  );

describe('the diagrams are those of the boundary matrix', () => {
  test('for any matrix of tied distances, metric or not', async () => {
    await fc.assert(
      fc.asyncProperty(tiedDistances(9), async ({ pointCount, distances }) => {
        const { diagrams } = await ripsPersistence({ distances });
        expect(diagrams).toEqual(bruteForceDiagrams(distances, pointCount, 2));
      }),
      casesOf(170),
    );
  });

  test('for any longest edge', async () => {
    await fc.assert(
      fc.asyncProperty(
        tiedDistances(9),
        fc.integer({ min: 0, max: 8 }),
        async ({ pointCount, distances }, longest) => {
          const { diagrams } = await ripsPersistence({ distances }, { maxEdgeLength: longest });
          expect(diagrams).toEqual(bruteForceDiagrams(distances, pointCount, 2, longest));
        },
      ),
      casesOf(100),
    );
  });

  test('for points of a small grid', async () => {
    await fc.assert(
      fc.asyncProperty(gridPoints, async ({ points, dimension }) => {
        const { diagrams } = await ripsPersistence({ points, dimension });
        const distances = euclideanDistances(points, dimension);
        expect(diagrams).toEqual(bruteForceDiagrams(distances, points.length / dimension, 2));
      }),
      casesOf(70),
    );
  });

  test('for graphs: distances 1 and infinite', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 3, max: 12 }),
        fc.integer(),
        fc.double({ min: 0.3, max: 0.9, noNaN: true }),
        async (pointCount, seed, density) => {
          const random = seededRandom(seed);
          const length = (pointCount * (pointCount - 1)) / 2;
          const distances = Float32Array.from({ length }, () => (random() < density ? 1 : Infinity));
          const { diagrams } = await ripsPersistence({ distances });
          expect(diagrams).toEqual(bruteForceDiagrams(distances, pointCount, 2));
        },
      ),
      casesOf(70),
    );
  });

  test.each(firstByDay([0, 1, 2, 3, 4, 5]))(
    'for 22 points whose distances are independent random numbers (seed %i)',
    async (seed) => {
      const distances = randomPoints((22 * 21) / 2, 1, seed);
      const { diagrams } = await ripsPersistence({ distances });
      expect(diagrams).toEqual(bruteForceDiagrams(distances, 22, 2));
    },
  );

  test.each(firstByDay([0, 1, 2]))(
    'for 24 points in the unit square, cube and 8-cube (seed %i)',
    async (seed) => {
      for (const dimension of [2, 3, 8]) {
        const points = randomPoints(24, dimension, seed);
        const { diagrams } = await ripsPersistence({ points, dimension });
        expect(diagrams).toEqual(bruteForceDiagrams(euclideanDistances(points, dimension), 24, 2));
      }
    },
  );

  test('for 28 points of space with rounded coordinates', async () => {
    const random = seededRandom(7);
    const points = Float32Array.from({ length: 28 * 3 }, () => Math.round(4 * (random() + random() - 1)));
    const { diagrams } = await ripsPersistence({ points, dimension: 3 });
    expect(diagrams).toEqual(bruteForceDiagrams(euclideanDistances(points, 3), 28, 2));
  });
});

describe('a lower maximal dimension gives the first of the same diagrams', () => {
  test.each([0, 1] as const)('dimension %i', async (maxDimension) => {
    await fc.assert(
      fc.asyncProperty(tiedDistances(9), fc.integer({ min: 0, max: 14 }), async ({ distances }, longest) => {
        const all = await ripsPersistence({ distances }, { maxEdgeLength: longest });
        const first = await ripsPersistence({ distances }, { maxDimension, maxEdgeLength: longest });
        expect(first.diagrams).toEqual(all.diagrams.slice(0, maxDimension + 1));
        expect(first.distinctPointCount).toBe(all.distinctPointCount);
        expect(first.pointCount).toBe(all.pointCount);
      }),
      casesOf(70),
    );
  });
});

test('degree 0 alone, which keeps no matrix, has the same lengths', async () => {
  for (const count of [2, 3, 4, 31, 64]) {
    const points = randomPoints(count, 100, count);
    const alone = await ripsPersistence({ points, dimension: 100 }, { maxDimension: 0 });
    const all = await ripsPersistence({ points, dimension: 100 }, { maxDimension: 1 });
    expect(alone.diagrams[0]).toEqual(all.diagrams[0]);
  }
});

describe('symmetries', () => {
  test('the order of the points does not matter', async () => {
    await fc.assert(
      fc.asyncProperty(gridPoints, fc.integer(), async ({ points, dimension }, seed) => {
        const random = seededRandom(seed);
        const rows = Array.from({ length: points.length / dimension }, (_, row) => ({ row, key: random() }));
        rows.sort((a, b) => a.key - b.key);
        const shuffled = Float32Array.from(
          rows.flatMap(({ row }) => [...points.subarray(row * dimension, (row + 1) * dimension)]),
        );
        const before = await ripsPersistence({ points, dimension });
        const after = await ripsPersistence({ points: shuffled, dimension });
        // The first sight of a link depends on the order of the points. Its effect must not.
        const { edgeClasses: _before, ...expected } = before;
        expect(after).toMatchObject(expected);
      }),
    );
  });

  test('the order of the points does not matter where sets of points take several words', async () => {
    const dimension = 3;
    for (const count of [127, 128, 129, 300]) {
      const points = randomPoints(count, dimension, count);
      const reversed = Float32Array.from({ length: points.length }, (_, k) => {
        const row = count - 1 - Math.floor(k / dimension);
        return points[row * dimension + (k % dimension)]!;
      });
      const before = await ripsPersistence({ points, dimension });
      const after = await ripsPersistence({ points: reversed, dimension });
      expect(after.diagrams).toEqual(before.diagrams);
      expect(before.diagrams[2]!.length).toBeGreaterThan(0);
    }
  });

  test.each([2 ** -30, 2 ** 30])(
    'scaling by a power of two scales every bar exactly (%d)',
    async (factor) => {
      const points = randomPoints(60, 3, 11);
      const plain = await ripsPersistence({ points, dimension: 3 });
      const scaled = await ripsPersistence({ points: points.map((x) => x * factor), dimension: 3 });
      expect(scaled.diagrams).toEqual(plain.diagrams.map((diagram) => diagram.map((x) => x * factor)));
    },
  );

  test.each([1e-9, 1e9])('scaling by %d scales every bar', async (factor) => {
    const distances = euclideanDistances(randomPoints(60, 3, 11), 3);
    const plain = await ripsPersistence({ distances });
    const scaled = await ripsPersistence({ distances: distances.map((x) => x * factor) });
    expect(scaled.diagrams).toEqual(plain.diagrams.map((diagram) => diagram.map((x) => x * factor)));
  });

  test('repeating points changes no diagram', async () => {
    const points = randomPoints(40, 3, 5);
    const twice = new Float32Array(240);
    twice.set(points);
    twice.set(points, 120);
    const once = await ripsPersistence({ points, dimension: 3 });
    const repeated = await ripsPersistence({ points: twice, dimension: 3 });
    expect(repeated.diagrams).toEqual(once.diagrams);
    expect(repeated).toMatchObject({ pointCount: 80, distinctPointCount: 40, edgeCount: once.edgeCount });
  });
});
