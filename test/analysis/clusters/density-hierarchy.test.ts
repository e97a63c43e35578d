import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { hdbscan, predictHdbscanMemory, type WeightedPoints } from '../../../analysis/index.js';
import { blockPairs } from '../../../analysis/clusters/block-pairs.js';
import type { Dendrogram } from '../../../analysis/clusters/dendrogram.js';
import { densityHierarchy } from '../../../analysis/clusters/hierarchy.js';
import { MinimumForest } from '../../../analysis/clusters/minimum-forest.js';
import { NeighbourLists } from '../../../analysis/clusters/neighbour-lists.js';
import { euclideanDistances, TdaMemoryError } from '../../../tda/index.js';
import { pairIndex } from '../../../tda/triangle.js';
import { randomPoints } from '../../support/point-clouds.js';
import { clouds, gridClouds } from './weighted-clouds.js';

const anyCloud = fc.oneof(gridClouds(20), clouds(8));

function distancesOf({ points, dimension }: WeightedPoints): (a: number, b: number) => number {
  const distances = euclideanDistances(points, dimension);
  return (a, b) => (a === b ? 0 : distances[pairIndex(a, b)]!);
}

/** By the definition: the smallest r within which rows of the needed weight lie. */
function coreDistances(cloud: WeightedPoints, minSamples: number, floor: number): number[] {
  const distance = distancesOf(cloud);
  const rows = [...cloud.weights.keys()];
  return rows.map((row) => {
    const near = rows.toSorted((a, b) => distance(row, a) - distance(row, b));
    let held = 0;
    const last = near.find((other) => (held += cloud.weights[other]!) >= minSamples) ?? near.at(-1)!;
    return Math.max(distance(row, last), Math.fround(floor));
  });
}

/** The lowest height at which a path of mutual reachability joins each pair of rows (Floyd & Warshall). */
function joinHeights(cloud: WeightedPoints, cores: readonly number[]): number[][] {
  const distance = distancesOf(cloud);
  const heights = cores.map((core, a) => cores.map((other, b) => Math.max(core, other, distance(a, b))));
  for (const via of cores.keys()) {
    for (const a of cores.keys()) {
      for (const b of cores.keys()) {
        heights[a]![b] = Math.min(heights[a]![b]!, Math.max(heights[a]![via]!, heights[via]![b]!));
      }
    }
  }
  return heights;
}

function childrenOf({ firstChild, nextSibling }: Dendrogram, node: number): number[] {
  const children: number[] = [];
  for (let child = firstChild[node]!; child >= 0; child = nextSibling[child]!) children.push(child);
  return children;
}

function rowsOf(tree: Dendrogram, node: number): number[] {
  return node < tree.rows ? [node] : childrenOf(tree, node).flatMap((child) => rowsOf(tree, child));
}

const settings = fc.record({
  minSamples: fc.integer({ min: 1, max: 8 }),
  floor: fc.constantFrom(0, 0.25, 1),
  blockRows: fc.integer({ min: 1, max: 21 }),
});

test('core distances are those of the definition, in blocks of any size', async () => {
  await fc.assert(
    fc.asyncProperty(anyCloud, settings, async (cloud, { minSamples, floor, blockRows }) => {
      const found = await densityHierarchy(cloud, { minSamples, floor }, blockRows);
      expect([...found.coreDistances]).toEqual(coreDistances(cloud, minSamples, floor));
    }),
    { numRuns: 200 },
  );
});

test('rows join at the height of the best path between them, in blocks of any size, once for each height', async () => {
  await fc.assert(
    fc.asyncProperty(anyCloud, settings, async (cloud, { minSamples, floor, blockRows }) => {
      const { dendrogram: tree, coreDistances: cores } = await densityHierarchy(
        cloud,
        { minSamples, floor },
        blockRows,
      );
      const heights = joinHeights(cloud, [...cores]);
      expect(rowsOf(tree, tree.root).toSorted((a, b) => a - b)).toEqual([...cloud.weights.keys()]);
      const visit = (node: number): void => {
        const children = childrenOf(tree, node);
        const members = rowsOf(tree, node);
        expect(tree.weights[node]).toBe(members.reduce((sum, row) => sum + cloud.weights[row]!, 0));
        expect(children).not.toHaveLength(1);
        for (const child of children) {
          // A row may join at its core distance; a merge at the same height would be the same merge.
          if (child >= tree.rows) expect(tree.heights[child]).toBeLessThan(tree.heights[node]!);
          for (const row of rowsOf(tree, child)) {
            const others = members.filter((other) => !rowsOf(tree, child).includes(other));
            for (const other of others) expect(heights[row]![other]).toBe(tree.heights[node]);
          }
          visit(child);
        }
      };
      visit(tree.root);
    }),
    { numRuns: 100 },
  );
});

test('portions hold each pair of rows once', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 15 }), (rows, blockRows) => {
      const seen = new Map<string, number>();
      const pairs = blockPairs(rows, blockRows);
      for (let portion = 0; portion < pairs.count; portion++) {
        const { first, second } = pairs.at(portion);
        for (let a = first.from; a < first.from + first.count; a++) {
          const { from, count } = second ?? { from: first.from, count: a - first.from };
          for (let b = from; b < from + count; b++) {
            const name = `${Math.min(a, b)} ${Math.max(a, b)}`;
            seen.set(name, (seen.get(name) ?? 0) + 1);
          }
        }
      }
      expect(seen.size).toBe((rows * (rows - 1)) / 2);
      expect(new Set(seen.values()).size).toBeLessThanOrEqual(1);
    }),
  );
});

test('a forest of edges in portions is as long as one of all edges at once, and in order', () => {
  const edge = fc.record({
    first: fc.integer({ min: 0, max: 9 }),
    second: fc.integer({ min: 0, max: 9 }),
    height: fc.constantFrom(0, 0.1, 0.5, 1, 1e-30, 3e38),
  });
  fc.assert(
    fc.property(fc.array(edge, { maxLength: 200 }), fc.integer({ min: 1, max: 20 }), (edges, portion) => {
      const add = (forest: MinimumForest, some: typeof edges): void =>
        forest.add({
          first: Uint32Array.from(some, ({ first }) => first),
          second: Uint32Array.from(some, ({ second }) => second),
          heights: Float32Array.from(some, ({ height }) => height),
        });
      const inPortions = new MinimumForest(10, portion);
      for (let from = 0; from < edges.length; from += portion)
        add(inPortions, edges.slice(from, from + portion));
      const atOnce = new MinimumForest(10, 200);
      add(atOnce, edges);
      const found = inPortions.edges();
      expect(found.heights).toEqual(atOnce.edges().heights);
      expect(found.heights).toEqual(found.heights.toSorted());
      expect(found.first).toHaveLength(found.heights.length);
    }),
  );
});

test('lists of two threads make the lists of one', () => {
  const offers = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.constantFrom(1, 2, 3), fc.boolean()), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(offers, fc.integer({ min: 1, max: 8 }), (all, needed) => {
      const weights = Uint32Array.of(2);
      const give = (lists: NeighbourLists, some: typeof all): NeighbourLists => {
        for (const [distance, weight] of some) {
          if (distance < lists.reach[0]!) lists.offer(0, distance, weight);
        }
        return lists;
      };
      const together = new NeighbourLists(weights, needed);
      for (const isFirst of [true, false]) {
        const some = all.filter(([, , first]) => first === isFirst);
        together.merge(give(new NeighbourLists(weights, needed), some).found());
      }
      expect(together.reach).toEqual(give(new NeighbourLists(weights, needed), all).reach);
    }),
  );
});

describe('threads', () => {
  // Enough rows that threads are worth while.
  const points = randomPoints(3100, 3, 8).map((x) => Math.round(40 * x));
  const cloud = {
    points,
    dimension: 3,
    weights: Uint32Array.from({ length: 3100 }, (_, row) => 1 + (row % 3)),
  };

  test('give the same clusters, whatever their number', async () => {
    const alone = await hdbscan(cloud, { minClusterSize: 10, threads: 1 });
    for (const threads of [2, 3]) {
      expect(await hdbscan(cloud, { minClusterSize: 10, threads })).toEqual(alone);
    }
    expect(alone.clusters.length).toBeGreaterThan(3);
  });

  test.each([1, 2])('count every pair twice (threads: %i)', async (threads) => {
    const calls: (readonly [number, number])[] = [];
    await densityHierarchy(cloud, { threads, onProgress: (done, total) => calls.push([done, total]) });
    calls.forEach(([done, total], call) => {
      expect(total).toBe(3100 * 3099);
      expect(done).toBeGreaterThan(calls[call - 1]?.[0] ?? 0);
    });
    expect(calls.at(-1)).toEqual([3100 * 3099, 3100 * 3099]);
  });

  const large = {
    points: randomPoints(6000, 64, 9),
    dimension: 64,
    weights: new Uint32Array(6000).fill(1),
  };

  test.each([1, 2])('end with the reason of an abort (threads: %i)', async (threads) => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    let part = 0;
    const onProgress = (done: number, total: number): void => {
      part = done / total;
      controller.abort(reason);
    };
    const { signal } = controller;
    await expect(densityHierarchy(large, { threads, signal, onProgress })).rejects.toBe(reason);
    expect(part).toBeLessThan(0.9);
  });

  test.each([1, 2])('let the event loop run, so that a timer can abort (threads: %i)', async (threads) => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    setTimeout(() => controller.abort(reason), 0);
    await expect(densityHierarchy(large, { threads, signal: controller.signal })).rejects.toBe(reason);
  });
});

describe('bad input is refused, and the message says where and why', () => {
  const good = { points: Float32Array.of(0, 1, 2), dimension: 1, weights: Uint32Array.of(1, 1, 1) };

  test.each([
    ['no row', { ...good, points: new Float32Array() }, {}, 'points is empty; at least one row is needed'],
    [
      'a weight too few',
      { ...good, weights: Uint32Array.of(1, 1) },
      {},
      'weights has 2 entries for 3 rows; expected one for each row',
    ],
    [
      'a weight of 0',
      { ...good, weights: Uint32Array.of(1, 0, 1) },
      {},
      'weights[1] is 0; leave a row out that never came up',
    ],
    [
      'points too far apart',
      { ...good, points: Float32Array.of(0, 3e38, 2) },
      {},
      'points[1] is 3.0000000054977558e+38; distances of such points may not fit in float32, so scale the points down',
    ],
    ['half a sample', good, { minSamples: 2.5 }, 'minSamples is 2.5; expected a whole number of at least 1'],
    ['no thread', good, { threads: 0 }, 'threads is 0; expected a whole number of at least 1'],
    ['a floor below 0', good, { floor: -1 }, 'floor is -1; expected a number of at least 0'],
  ])('%s', async (_, cloud, options, message) => {
    await expect(densityHierarchy(cloud, options)).rejects.toThrow(message);
  });

  test('more memory than allowed', async () => {
    const predicted = predictHdbscanMemory(3, { dimension: 1 });
    const refused = densityHierarchy(good, { maxMemoryBytes: predicted - 1 });
    await expect(refused).rejects.toBeInstanceOf(TdaMemoryError);
    await expect(refused).rejects.toMatchObject({ predictedBytes: predicted, limitBytes: predicted - 1 });
    await densityHierarchy(good, { maxMemoryBytes: predicted });
  });
});
