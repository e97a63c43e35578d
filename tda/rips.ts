import { CriticalEdges } from './critical-edges.js';
import { distancesFromRow, fillDistances, rowNumbers } from './distances.js';
import { mergeDuplicates } from './duplicates.js';
import { enclosingRadius, sortedEdges } from './edges.js';
import { Filtration } from './filtration.js';
import { checkDistances, checkMaxDimension, checkMaxEdgeLength, checkPoints } from './input.js';
import { checkMemory } from './memory.js';
import { Pacer } from './pacer.js';
import { connectedComponents, type DistanceSource } from './spanning-tree.js';
import { pairCount, pairIndex } from './triangle.js';

/** A row-major cloud (n × dimension), or the strict lower triangle d(1,0), d(2,0), d(2,1)… of a distance matrix. */
export type RipsInput = { points: Float32Array; dimension: number } | { distances: Float32Array };

export interface RipsOptions {
  /** Highest degree of homology. Default 2. */
  maxDimension?: 0 | 1 | 2;
  /** Longest edge of the filtration, rounded to float32 as the distances are. Default Infinity. */
  maxEdgeLength?: number;
  /** Aborting rejects with the signal's reason, within about a second. */
  signal?: AbortSignal;
  /** Edges done of edges; never falls, and ends with all of them. */
  onProgress?: (done: number, total: number) => void;
  /** Refuse to start if `predictRipsMemory` exceeds this. */
  maxMemoryBytes?: number;
}

export interface RipsResult {
  /**
   * diagrams[k], for k up to maxDimension: birth, death, birth, death… of degree k, sorted by birth, then death. Death is
   * Infinity for what never dies or outlives maxEdgeLength. Bars of zero length are left out.
   */
  readonly diagrams: Float32Array[];
  readonly pointCount: number;
  /** Points that no chain of zero distances joins; the number of bars of degree 0. */
  readonly distinctPointCount: number;
  /**
   * Edges of the filtration: among points without exact duplicates, no longer than maxEdgeLength and the enclosing
   * radius. In degree 0 alone neither duplicates nor the radius are looked for: all pairs within maxEdgeLength.
   */
  readonly edgeCount: number;
}

/**
 * Exact Vietoris-Rips persistent homology over Z/2; a simplex appears at the length of its longest edge. The diagrams are
 * those of Ripser, as float32 multisets. Distances need not be a metric; an infinite one is never joined.
 *
 * Lets the event loop run about every 50 ms. `points` and `distances` are read only, and must not change meanwhile.
 *
 * Rejects with TdaInputError, TdaMemoryError, or the signal's reason.
 */
export async function ripsPersistence(input: RipsInput, options: RipsOptions = {}): Promise<RipsResult> {
  const {
    maxDimension = 2,
    maxEdgeLength = Infinity,
    maxMemoryBytes = Infinity,
    signal,
    onProgress,
  } = options;
  checkMaxDimension(maxDimension);
  checkMaxEdgeLength(maxEdgeLength);
  const pointCount =
    'points' in input ? checkPoints(input.points, input.dimension) : checkDistances(input.distances);
  checkMemory(pointCount, maxDimension, maxMemoryBytes);
  const pacer = new Pacer(signal);
  const longest = Math.fround(maxEdgeLength);

  if (maxDimension === 0) {
    const { diagram, ...counts } = await connectedComponents(
      pointCount,
      distanceSource(input),
      longest,
      pacer,
      onProgress,
    );
    return { diagrams: [diagram], pointCount, ...counts };
  }

  const distances =
    'points' in input
      ? await pacedDistances(input.points, input.dimension, pointCount, pacer)
      : input.distances;
  const distinct = mergeDuplicates(distances, pointCount, 'points' in input);
  const radius = enclosingRadius(distinct.distances, distinct.pointCount);
  const edges = await sortedEdges(distinct.distances, Math.min(longest, radius), pacer);
  const pass = new CriticalEdges(
    new Filtration(distinct.distances, distinct.pointCount, edges),
    maxDimension,
  );
  while (pass.rank < edges.length) {
    pacer.spend(pass.step());
    if (pacer.isDue) {
      onProgress?.(pass.rank, edges.length);
      await pacer.rest();
    }
  }
  onProgress?.(edges.length, edges.length);
  return {
    diagrams: pass.diagrams().slice(0, maxDimension + 1),
    pointCount,
    distinctPointCount: pass.distinctPointCount,
    edgeCount: edges.length,
  };
}

function distanceSource(input: RipsInput): DistanceSource {
  if ('points' in input) {
    const { points, dimension } = input;
    return {
      operationsPerDistance: dimension,
      write: (vertex, others, count, out) => {
        distancesFromRow(points, dimension, vertex, others, count, out, 0);
      },
    };
  }
  const { distances } = input;
  return {
    operationsPerDistance: 4,
    write: (vertex, others, count, out) => {
      for (let k = 0; k < count; k++) out[k] = distances[pairIndex(vertex, others[k]!)]!;
    },
  };
}

/** `euclideanDistances` of checked points, sharing the thread. */
async function pacedDistances(
  points: Float32Array,
  dimension: number,
  pointCount: number,
  pacer: Pacer,
): Promise<Float32Array> {
  const distances = new Float32Array(pairCount(pointCount));
  const rows = rowNumbers(pointCount);
  for (let row = 1; row < pointCount;) {
    pacer.spend(2 * row * dimension);
    if (pacer.isDue) await pacer.rest();
    row = fillDistances(points, dimension, row, rows, distances);
  }
  return distances;
}
