import * as fc from 'fast-check';
import { Random } from '../../models/random.js';
import { euclideanDistances, longestLifetime, nullRank, surrogate, TdaInputError } from '../../tda/index.js';
import type { SurrogateKind } from '../../tda/index.js';
import { SeededRandom } from '../../tda/random.js';
import { randomPoints } from '../support/point-clouds.js';

const KINDS: readonly SurrogateKind[] = ['shuffled_increments', 'sphere'];

const seeds = fc.maxSafeNat();
const clouds = fc
  .record({
    count: fc.integer({ min: 1, max: 12 }),
    dimension: fc.integer({ min: 1, max: 6 }),
    seed: fc.nat(),
    scale: fc.constantFrom(1e-9, 1, 1e9),
  })
  .map(({ count, dimension, seed, scale }) => ({
    dimension,
    scale,
    points: randomPoints(count, dimension, seed).map((x) => scale * x),
  }));

function rows(points: Float32Array, dimension: number): number[][] {
  return Array.from({ length: points.length / dimension }, (_, row) => [
    ...points.subarray(row * dimension, (row + 1) * dimension),
  ]);
}

function increments(points: Float32Array, dimension: number): number[][] {
  const all = rows(points, dimension);
  return all.slice(1).map((row, t) => row.map((x, c) => x - all[t]![c]!));
}

/** Sorted by the first coordinate, so that the order does not depend on the positions before. */
function sorted(vectors: number[][]): number[][] {
  return vectors.toSorted((a, b) => a[0]! - b[0]!);
}

function normalised(points: Float32Array, dimension: number): Float32Array {
  return Float32Array.from(rows(points, dimension).flatMap((row) => row.map((x) => x / Math.hypot(...row))));
}

function rmsDistance(points: Float32Array, dimension: number): number {
  const distances = euclideanDistances(points, dimension);
  return Math.sqrt(distances.reduce((sum, d) => sum + d * d, 0) / distances.length);
}

function mean(points: Float32Array, dimension: number): number[] {
  const all = rows(points, dimension);
  return all[0]!.map((_, c) => all.reduce((sum, row) => sum + row[c]!, 0) / all.length);
}

/** The first four moments. */
function moments(draw: () => number): number[] {
  const sums = [0, 0, 0, 0];
  for (let k = 0; k < 200_000; k++) {
    const x = draw();
    for (let power = 0; power < 4; power++) sums[power]! += x ** (power + 1) / 200_000;
  }
  return sums;
}

describe.each(KINDS)('a surrogate of kind %s', (kind) => {
  test('has as many points, is the same for the same seed, and leaves its cloud alone', () => {
    fc.assert(
      fc.property(clouds, seeds, ({ points, dimension }, seed) => {
        const before = points.slice();
        const one = surrogate(points, dimension, kind, seed);
        expect(one).toHaveLength(points.length);
        expect(one.every(Number.isFinite)).toBe(true);
        expect(surrogate(points, dimension, kind, seed)).toEqual(one);
        expect(points).toEqual(before);
      }),
    );
  });

  test('differs with the seed, in its low bits and in its high ones', () => {
    const points = randomPoints(20, 3, 1);
    const made = [0, 1, 2 ** 32, 2 ** 52].map((seed) => surrogate(points, 3, kind, seed).join());
    expect(new Set(made).size).toBe(made.length);
  });

  test('of one point, and of equal points, is the same cloud', () => {
    expect(surrogate(Float32Array.of(3, 4), 2, kind, 5)).toEqual(Float32Array.of(3, 4));
    expect(surrogate(Float32Array.of(3, 4, 3, 4, 3, 4), 2, kind, 5)).toEqual(
      Float32Array.of(3, 4, 3, 4, 3, 4),
    );
  });

  test('is refused for a malformed cloud, and for a malformed seed', () => {
    expect(() => surrogate(new Float32Array(0), 2, kind, 1)).toThrow(TdaInputError);
    expect(() => surrogate(Float32Array.of(1, 2, 3), 2, kind, 1)).toThrow(TdaInputError);
    expect(() => surrogate(Float32Array.of(1, NaN), 2, kind, 1)).toThrow('row 0, column 1');
    for (const seed of [-1, 0.5, NaN, 2 ** 53]) {
      expect(() => surrogate(Float32Array.of(1, 2), 2, kind, seed)).toThrow(/^seed is/);
    }
  });
});

test('there are no surrogates of another kind', () => {
  // A caller in JavaScript may pass it.
  const kind: SurrogateKind = JSON.parse('"ball"');
  expect(() => surrogate(Float32Array.of(1, 2), 2, kind, 1)).toThrow('kind is "ball"');
});

describe('shuffled increments', () => {
  test('keep the first point, the last one, and every increment', () => {
    fc.assert(
      fc.property(clouds, seeds, ({ points, dimension, scale }, seed) => {
        const walk = surrogate(points, dimension, 'shuffled_increments', seed);
        expect(walk.subarray(0, dimension)).toEqual(points.subarray(0, dimension));
        walk.slice(-dimension).forEach((x, c) => {
          expect(x / scale).toBeCloseTo(points.slice(-dimension)[c]! / scale, 5);
        });
        const was = sorted(increments(points, dimension));
        sorted(increments(walk, dimension)).forEach((increment, t) => {
          // Two neighbours may have changed places in the order, by a rounding of their first coordinates.
          expect(increment[0]! / scale).toBeCloseTo(was[t]![0]! / scale, 5);
          const isThere = was.some((other) =>
            other.every((x, c) => Math.abs(x - increment[c]!) <= 2e-6 * scale),
          );
          expect(isThere).toBe(true);
        });
      }),
    );
  });

  test('have every order equally often', () => {
    const points = Float32Array.of(0, 1, 3, 7);
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 6000; seed++) {
      const order = surrogate(points, 1, 'shuffled_increments', seed).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test('of unit vectors are unit vectors again, in the directions of the walk', () => {
    const points = normalised(randomPoints(30, 5, 2), 5);
    const made = surrogate(points, 5, 'shuffled_increments', 7);
    for (const row of rows(made, 5)) expect(Math.hypot(...row)).toBeCloseTo(1, 6);
    // Slightly longer than the tolerance for unit vectors, so that the same walk is left as it is.
    const longer = points.map((x) => 1.001 * x);
    const walk = surrogate(longer, 5, 'shuffled_increments', 7);
    expect(rows(walk, 5).some((row) => Math.abs(Math.hypot(...row) - 1) > 0.01)).toBe(true);
    normalised(walk, 5).forEach((x, k) => expect(x).toBeCloseTo(made[k]!, 5));
  });

  test('of unit vectors stay at the origin where they reach it, since it has no direction', () => {
    // The second step undoes the first point.
    const height = Math.sqrt(3) / 2;
    const points = Float32Array.of(1, 0, 0.5, height, -0.5, height);
    const made = [1, 2, 3, 4, 5, 6].map((seed) => rows(surrogate(points, 2, 'shuffled_increments', seed), 2));
    expect(made).toContainEqual([
      [1, 0],
      [0, 0],
      [expect.closeTo(-0.5, 6), expect.closeTo(Math.fround(height), 6)],
    ]);
  });
});

describe('a surrogate on a sphere', () => {
  test('has the centroid and the root mean square pairwise distance of its cloud', () => {
    fc.assert(
      fc.property(clouds, seeds, ({ points, dimension, scale }, seed) => {
        const made = surrogate(points, dimension, 'sphere', seed);
        const was = mean(points, dimension);
        mean(made, dimension).forEach((x, c) => expect(x / scale).toBeCloseTo(was[c]! / scale, 5));
        if (points.length === dimension) return;
        // Points are rounded to float32, each coordinate by up to 2^-24 of itself.
        const rounding = 2 ** -22 * Math.hypot(...points, ...made);
        const rms = rmsDistance(points, dimension);
        expect(Math.abs(rmsDistance(made, dimension) - rms)).toBeLessThanOrEqual(1e-6 * rms + rounding);
      }),
    );
  });

  test('lies on one sphere apart from its own centroid, in all directions alike', () => {
    const dimension = 3;
    const made = surrogate(randomPoints(4000, dimension, 3), dimension, 'sphere', 11);
    const centre = mean(made, dimension);
    const away = rows(made, dimension).map((row) => row.map((x, c) => x - centre[c]!));
    const radii = away.map((row) => Math.hypot(...row));
    const radius = radii.reduce((sum, r) => sum + r, 0) / radii.length;
    for (const r of radii) expect(Math.abs(r / radius - 1)).toBeLessThan(0.06);
    // On a sphere in three dimensions each coordinate is uniform (Archimedes), so its fourth moment is 1 / 5.
    for (let c = 0; c < dimension; c++) {
      const fourth = away.reduce((sum, row) => sum + (row[c]! / radius) ** 4, 0) / away.length;
      expect(fourth).toBeCloseTo(0.2, 1);
      expect(Math.abs(fourth - 0.2)).toBeLessThan(0.015);
    }
  });
});

describe('the generator', () => {
  test('is sfc32, seeded as PractRand seeds it with 64 bits', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = new SeededRandom(seed);
        const other = new Random([0, seed % 2 ** 32, Math.floor(seed / 2 ** 32), 1]);
        for (let draw = 0; draw < 50; draw++) expect(random.word()).toBe(other.word());
      }),
    );
  });

  test('draws exponential and normal numbers', () => {
    const random = new SeededRandom(1);
    const expected = { exponential: [1, 2, 6, 24], normal: [0, 1, 0, 3] };
    moments(() => random.exponential()).forEach((moment, power) =>
      expect(Math.abs(moment - expected.exponential[power]!)).toBeLessThan([0.02, 0.05, 0.3, 2][power]!),
    );
    moments(() => random.normal()).forEach((moment, power) =>
      expect(Math.abs(moment - expected.normal[power]!)).toBeLessThan(0.05),
    );
  });
});

describe('the rank among surrogates', () => {
  test.each([
    ['above all', 5, [1, 2, 3, 4], 1, 0.2],
    ['below all', 0, [1, 2, 3, 4], 5, 1],
    ['between', 2.5, [1, 2, 3, 4], 3, 0.6],
    ['that ties, which counts against it', 4, [1, 2, 3, 4], 2, 0.4],
    ['equal to all, as where no cloud has a bar', 0, [0, 0, 0], 4, 1],
    ['above one', 1, [0], 1, 0.5],
  ])('of a value %s', (_, value, others, rank, p) => {
    expect(nullRank(value, others)).toEqual({ rank, p });
  });

  test('is uniform where the value comes from the distribution of its surrogates', () => {
    const random = new SeededRandom(3);
    const ranks = Array.from({ length: 5 }, () => 0);
    for (let trial = 0; trial < 5000; trial++) {
      const draw = () => random.uniform();
      ranks[nullRank(draw(), [draw(), draw(), draw(), draw()]).rank - 1]!++;
    }
    for (const count of ranks) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test('is refused without a surrogate, and for NaN', () => {
    expect(() => nullRank(1, [])).toThrow('surrogateValues is empty');
    expect(() => nullRank(NaN, [1])).toThrow('value is NaN');
    expect(() => nullRank(1, [1, NaN])).toThrow('surrogateValues[1] is NaN');
  });
});

describe('the longest lifetime', () => {
  test('is that of the finite bars', () => {
    expect(longestLifetime(Float32Array.of(0, 1, 2, 5, 1, Infinity))).toBe(3);
    expect(longestLifetime(Float32Array.of(0, Infinity))).toBe(0);
    expect(longestLifetime(new Float32Array(0))).toBe(0);
  });

  test('of half a bar is refused', () => {
    expect(() => longestLifetime(Float32Array.of(1))).toThrow(TdaInputError);
  });
});
