import { expect, test } from '@jest/globals';
import { euclideanDistances } from '../../tda/index.js';
import { LinkKernel } from '../../tda/kernel.js';
import { randomPoints } from '../support/point-clouds.js';

const NO_VERTEX = 65_535;

function packed(larger: number, smaller: number): number {
  return larger * 65_536 + smaller;
}

/** The edges of a cloud by length. */
function edgesOf(points: Float32Array, dimension: number): Uint32Array {
  const distances = euclideanDistances(points, dimension);
  const pairs: { readonly edge: number; readonly length: number }[] = [];
  for (let i = 1, k = 0; i < points.length / dimension; i++) {
    for (let j = 0; j < i; j++, k++) pairs.push({ edge: packed(i, j), length: distances[k]! });
  }
  return Uint32Array.from(
    pairs.toSorted((a, b) => a.length - b.length),
    ({ edge }) => edge,
  );
}

/** Edges whose last one, between 2m and 2m + 1, has the complete bipartite graph on m + m vertices as its link. */
function bipartiteLink(m: number): Uint32Array {
  const [head, tail] = [2 * m, 2 * m + 1];
  const edges: number[] = [];
  for (let v = 0; v < 2 * m; v++) edges.push(packed(head, v), packed(tail, v));
  for (let a = 0; a < m; a++) for (let b = m; b < 2 * m; b++) edges.push(packed(b, a));
  return Uint32Array.from([...edges, packed(tail, head)]);
}

/** The cycles that the kernel reports for the last edge. */
function cyclesOfLast(edges: Uint32Array, pointCount: number, recordBytes?: number): number[][] {
  const representatives = new Uint16Array(edges.length).fill(NO_VERTEX);
  representatives[edges.length - 1] = 0;
  const kernel = new LinkKernel(pointCount, recordBytes);
  kernel.addEdges(edges.subarray(0, -1));
  const { count, records } = kernel.findCores(edges.subarray(-1), representatives.subarray(-1));
  expect(count).toBe(1);
  const cycles: number[][] = [];
  for (let at = 2; at < records.length; at += 1 + records[at]!) {
    cycles.push([...records.subarray(at + 1, at + 1 + records[at]!)]);
  }
  expect(records[1]).toBe(cycles.length);
  return cycles;
}

// A set of vertices takes one, two or three times 128 bits.
test.each([2, 3, 30, 64, 65, 130])('the cycles of a bipartite link on twice %i vertices', (m) => {
  const cycles = cyclesOfLast(bipartiteLink(m), 2 * m + 2);
  // The first homology of the link has this rank.
  expect(cycles).toHaveLength((m - 1) ** 2);
  const isWalk = (cycle: readonly number[]): boolean =>
    new Set(cycle).size === cycle.length && cycle.every((vertex, k) => vertex < m !== cycle.at(k - 1)! < m);
  expect(cycles.filter((cycle) => !isWalk(cycle))).toEqual([]);
});

test('records that do not fit get more room', () => {
  const edges = bipartiteLink(30);
  expect(cyclesOfLast(edges, 62, 0)).toEqual(cyclesOfLast(edges, 62));
});

test('every edge has a class', () => {
  const count = 150;
  const edges = edgesOf(randomPoints(count, 12, 3), 12);
  const kernel = new LinkKernel(count);
  const representatives = new Uint16Array(edges.length);
  for (let from = 0; from < edges.length;) {
    from += kernel.findComponents(edges.subarray(from), representatives.subarray(from)).count;
  }
  const { empty, cone, connected, disconnected } = kernel.edgeClasses;
  expect(empty + cone + connected + disconnected).toBe(edges.length);
  expect(representatives.filter((vertex) => vertex === NO_VERTEX)).toHaveLength(empty);
});
