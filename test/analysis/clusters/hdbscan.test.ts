import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  type Clustering,
  hdbscan,
  type HdbscanOptions,
  NOISE,
  type WeightedPoints,
} from '../../../analysis/index.js';
import { selectClusters } from '../../../analysis/clusters/selection.js';
import { clouds, gridClouds, inOrder, orderOf } from './weighted-clouds.js';

const options: fc.Arbitrary<HdbscanOptions> = fc.record({
  minClusterSize: fc.integer({ min: 2, max: 7 }),
  minSamples: fc.integer({ min: 1, max: 7 }),
  floor: fc.constantFrom(0, 0.3, 1),
  selection: fc.constantFrom('excess-of-mass', 'leaf'),
  epsilon: fc.constantFrom(0, 1, 1.2, Math.SQRT2, 2),
});
const anyCloud = fc.oneof(gridClouds(24), clouds(10));

function at(values: ArrayLike<number>, order: readonly number[]): number[] {
  return order.map((row) => values[row]!);
}

/** Clusters named by their first row; atoms count as noise. */
function partition({ numbers, clusters }: Clustering): number[] {
  const first = new Map<number, number>();
  return Array.from(numbers, (number, row) => {
    if (number === NOISE || clusters[number]!.stability === null) return NOISE;
    if (!first.has(number)) first.set(number, row);
    return first.get(number)!;
  });
}

/** Clusters by number, without their medoids. */
function masses({ clusters }: Clustering): unknown[] {
  return clusters.map(({ weight, rowCount, birth, stability }) => ({ weight, rowCount, birth, stability }));
}

/** The stabilities of all clusters that are no atoms, rising. */
function densities({ clusters }: Clustering): number[] {
  return clusters.flatMap(({ stability }) => stability ?? []).sort((a, b) => a - b);
}

/** Places on a line, with weights. */
function line(places: readonly (readonly [place: number, weight: number])[]): WeightedPoints {
  return {
    points: Float32Array.from(places, ([place]) => place),
    dimension: 1,
    weights: Uint32Array.from(places, ([, weight]) => weight),
  };
}

/** The partition of single points on a line, and of two more behind them. */
async function partitionOf(places: readonly number[]): Promise<number[]> {
  const cloud = line([...places, 16, 17].map((place) => [place, 1]));
  return partition(await hdbscan(cloud, { minClusterSize: 2, minSamples: 1 }));
}

describe('the answer depends on the rows, not on how they are written', () => {
  test('rows in another order belong to the same clusters, as firmly', async () => {
    const cases = fc
      .tuple(anyCloud, options)
      .chain(([cloud, settings]) => orderOf(cloud).map((order) => ({ cloud, settings, order })));
    await fc.assert(
      fc.asyncProperty(cases, async ({ cloud, settings, order }) => {
        const firstAppearance = Uint32Array.from(order);
        const given = await hdbscan(cloud, settings);
        const moved = await hdbscan(inOrder(cloud, order), { ...settings, firstAppearance });
        expect([...moved.numbers]).toEqual(at(given.numbers, order));
        expect([...moved.probabilities]).toEqual(at(given.probabilities, order));
        expect([...moved.coreDistances]).toEqual(at(given.coreDistances, order));
        expect(masses(moved)).toEqual(masses(given));
      }),
      { numRuns: 300 },
    );
  });

  test('a medoid stays the same row in another order, where all sums are exact', async () => {
    const cases = fc
      .tuple(gridClouds(24), options)
      .chain(([cloud, settings]) => orderOf(cloud).map((order) => ({ cloud, settings, order })));
    await fc.assert(
      fc.asyncProperty(cases, async ({ cloud, settings, order }) => {
        const given = await hdbscan(cloud, settings);
        const firstAppearance = Uint32Array.from(order);
        const moved = await hdbscan(inOrder(cloud, order), { ...settings, firstAppearance });
        expect(moved.clusters.map(({ medoid }) => order[medoid])).toEqual(
          given.clusters.map(({ medoid }) => medoid),
        );
      }),
      { numRuns: 100 },
    );
  });

  test('a weight is as many equal points', async () => {
    await fc.assert(
      fc.asyncProperty(anyCloud, options, async (cloud, settings) => {
        const rowOf = Array.from(cloud.weights, (weight, row) =>
          Array.from({ length: weight }, () => row),
        ).flat();
        const writtenOut = { ...inOrder(cloud, rowOf), weights: new Uint32Array(rowOf.length).fill(1) };
        const [weighted, single] = [await hdbscan(cloud, settings), await hdbscan(writtenOut, settings)];
        const firstOf = Array.from(cloud.weights, (_, row) => rowOf.indexOf(row));
        expect(partition(single)).toEqual(
          at(partition(weighted), rowOf).map((name) => (name === NOISE ? NOISE : firstOf[name]!)),
        );
        expect([...single.coreDistances]).toEqual(at(weighted.coreDistances, rowOf));
        const isAtom = Array.from(
          weighted.numbers,
          (number) => weighted.clusters[number]?.stability === null,
        );
        expect([...single.probabilities]).toEqual(
          rowOf.map((row) => (isAtom[row]! ? 0 : weighted.probabilities[row]!)),
        );
        expect(densities(single)).toEqual(densities(weighted));
      }),
      { numRuns: 300 },
    );
  });
});

test('a clustering is consistent in itself', async () => {
  await fc.assert(
    fc.asyncProperty(anyCloud, options, async (cloud, settings) => {
      const { numbers, probabilities, clusters } = await hdbscan(cloud, settings);
      clusters.forEach((cluster, number) => {
        const members = [...numbers.keys()].filter((row) => numbers[row] === number);
        expect(members).toContain(cluster.medoid);
        expect(cluster.rowCount).toBe(members.length);
        expect(cluster.weight).toBe(members.reduce((sum, row) => sum + cloud.weights[row]!, 0));
        expect(cluster.weight).toBeGreaterThanOrEqual(settings.minClusterSize);
        expect(cluster.weight).toBeLessThanOrEqual(clusters[number - 1]?.weight ?? Infinity);
        expect(Math.max(...members.map((row) => probabilities[row]!))).toBe(1);
        expect(cluster.stability ?? 1).toBeGreaterThan(0);
        if (cluster.stability === null) expect(cluster.rowCount).toBe(1);
      });
      numbers.forEach((number, row) => {
        expect(number).toBeLessThan(clusters.length);
        if (number !== NOISE) return;
        expect(probabilities[row]).toBe(0);
        expect(cloud.weights[row]).toBeLessThan(settings.minClusterSize);
      });
    }),
    { numRuns: 200 },
  );
});

/** Which clusters excess of mass chooses, of a parent of mass 0.6 and its children. */
function chosenAmong(masses: readonly number[]): boolean[] {
  const tree = {
    parents: [-1, 0, 1, 1, 1],
    birthHeights: [Infinity, 9, 3, 3, 3],
    lastHeights: [9, 3, 1, 1, 1],
    stabilities: [0, 0.6, ...masses],
    rowClusters: new Int32Array(),
    rowHeights: new Float32Array(),
  };
  return selectClusters(tree, 'excess-of-mass', 0);
}

describe('chosen examples', () => {
  test('all pairs of places at one height are one merge: no cluster, whatever the order', async () => {
    const evenly = line([1, 2, 3, 4, 5, 6, 7, 8].map((place) => [place, 1]));
    const { numbers } = await hdbscan(evenly, { minClusterSize: 2, minSamples: 1 });
    expect([...numbers]).toEqual(Array.from({ length: 8 }, () => NOISE));
  });

  test('a place whose points join no earlier than its neighbours do is no cluster', async () => {
    // Three points each at 0 and 1: their core distance of five points is 1, and there all six join.
    const cloud = line([
      [0, 3],
      [1, 3],
      [10, 3],
      [11, 3],
    ]);
    const { numbers, clusters } = await hdbscan(cloud, { minClusterSize: 3, minSamples: 5 });
    expect([...numbers]).toEqual([0, 0, 1, 1]);
    expect(clusters.map(({ birth, stability }) => [birth, stability])).toEqual([
      [9, 6 * (1 - 1 / 9)],
      [9, 6 * (1 - 1 / 9)],
    ]);
  });

  test('an output that stands still is an atom where nothing is near', async () => {
    const cloud = line([
      [0, 50],
      [10, 1],
      [30, 1],
      [60, 1],
    ]);
    const { numbers, clusters } = await hdbscan(cloud, { minClusterSize: 5 });
    expect([...numbers]).toEqual([0, NOISE, NOISE, NOISE]);
    expect(clusters).toEqual([{ weight: 50, rowCount: 1, medoid: 0, birth: null, stability: null }]);
    // A row just too light is none.
    expect([...(await hdbscan(cloud, { minClusterSize: 51 })).numbers]).toEqual([NOISE, NOISE, NOISE, NOISE]);
  });

  test('a floor makes of points nearer than it one place', async () => {
    const cloud = line([
      [0, 10],
      [0.01, 10],
      [5, 10],
      [5.01, 10],
    ]);
    const settings = { minClusterSize: 10, minSamples: 5 } as const;
    expect([...(await hdbscan(cloud, settings)).numbers]).toEqual([0, 1, 2, 3]);
    expect([...(await hdbscan(cloud, { ...settings, floor: 0.05 })).numbers]).toEqual([0, 0, 1, 1]);
  });

  test('a tie of masses keeps the parent', async () => {
    // All but the last two join at height 2, and these at 4. So the parent is born at λ = 1/4 and splits at 1/2. Its pairs
    // end at 1: their mass is 2 · 2 (1 - 1/2). That of the parent is as large if four more points fall out of it.
    expect(await partitionOf([0, 2, 4, 5, 7, 8, 10, 12])).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 8, 8]);
    expect(await partitionOf([2, 4, 5, 7, 8, 10, 12])).toEqual([NOISE, 1, 1, 3, 3, NOISE, NOISE, 7, 7]);
  });

  test('the rounding of a sum of masses does not depend on the order of the children', () => {
    // 0.1 + 0.2 + 0.3 is above 0.6, and 0.3 + 0.2 + 0.1 is not.
    expect(chosenAmong([0.3, 0.2, 0.1])).toEqual(chosenAmong([0.1, 0.2, 0.3]));
  });

  test('epsilon raises a cluster that is born below it to one that is born above it', async () => {
    // Pairs that join at 2, then at 4, then at 8.
    const cloud = line([0, 1, 3, 4, 8, 9, 17, 18].map((place) => [place, 1]));
    const names = async (epsilon: number): Promise<number[]> =>
      partition(await hdbscan(cloud, { minClusterSize: 2, minSamples: 1, selection: 'leaf', epsilon }));
    expect(await names(2)).toEqual([0, 0, 2, 2, 4, 4, 6, 6]);
    expect(await names(3)).toEqual([0, 0, 0, 0, 4, 4, 6, 6]);
    expect(await names(4)).toEqual([0, 0, 0, 0, 0, 0, 6, 6]);
    // The root is no cluster.
    expect(await names(99)).toEqual([0, 0, 0, 0, 0, 0, 6, 6]);
  });

  test('rows of equal weight have the numbers of their first appearance', async () => {
    const cloud = line([
      [0, 5],
      [100, 5],
      [200, 6],
    ]);
    const firstAppearance = Uint32Array.of(7, 2, 9);
    const { numbers } = await hdbscan(cloud, { minClusterSize: 5, minSamples: 1, firstAppearance });
    expect([...numbers]).toEqual([2, 1, 0]);
  });

  test('of two equally near rows the first to appear is the medoid', async () => {
    const cloud = line([
      [0, 3],
      [1, 3],
      [50, 3],
      [51, 3],
    ]);
    const settings = { minClusterSize: 5, minSamples: 5 } as const;
    const medoids = async (firstAppearance: Uint32Array): Promise<number[]> =>
      (await hdbscan(cloud, { ...settings, firstAppearance })).clusters.map(({ medoid }) => medoid);
    expect(await medoids(Uint32Array.of(0, 1, 2, 3))).toEqual([0, 2]);
    expect(await medoids(Uint32Array.of(1, 0, 3, 2))).toEqual([1, 3]);
  });

  test('without a floor, equal points are infinitely dense', async () => {
    const cloud = line([
      [0, 6],
      [1, 1],
      [9, 6],
    ]);
    const { clusters, probabilities } = await hdbscan(cloud, { minClusterSize: 5 });
    expect(clusters.map(({ stability }) => stability)).toEqual([Infinity, Infinity]);
    expect([...probabilities]).toEqual([1, 0, 1]);
  });
});

describe('bad settings are refused, and the message says why', () => {
  const cloud = { points: Float32Array.of(0, 1, 2), dimension: 1, weights: Uint32Array.of(1, 1, 1) };

  test.each([
    [{ minClusterSize: 1 }, 'minClusterSize is 1; expected a whole number of at least 2'],
    [{ minClusterSize: 2, epsilon: NaN }, 'epsilon is NaN; expected a number of at least 0'],
    [
      { minClusterSize: 2, firstAppearance: Uint32Array.of(0, 1) },
      'firstAppearance has 2 entries for 3 rows; expected one for each row',
    ],
  ])('%j', async (settings, message) => {
    await expect(hdbscan(cloud, settings)).rejects.toThrow(message);
  });
});
