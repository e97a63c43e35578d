import { availableParallelism } from 'node:os';
import { type Crew, lonelyCrew, threadCrew } from './crew.js';
import type { LinkReport } from './crew-tasks.js';
import { CriticalEdges } from './critical-edges.js';
import { beyondFloat32, checkFinite } from './distances.js';
import { mergeDuplicates } from './duplicates.js';
import { enclosingRadius, sortedEdges } from './edges.js';
import { Filtration } from './filtration.js';
import { checkDistances, checkMaxDimension, checkMaxEdgeLength, checkPoints, checkThreads } from './input.js';
import { DistanceKernel, type EdgeClasses } from './kernel.js';
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
  /**
   * Threads for the distances and the links, beside the calling one, which only reduces. Default: as many as the machine
   * has cores. 1, and clouds too small for it to pay: everything on the calling thread, in portions of some tens of
   * milliseconds between which the event loop runs.
   */
  threads?: number;
  /** Also give a loop for each bar of degree 1. Default false. */
  representatives?: boolean;
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
  /** Edges by what their link was when they were added. Absent in degree 0 alone, where no links are looked at. */
  readonly edgeClasses?: EdgeClasses;
  /**
   * If asked for (and from degree 1 on): for each bar of diagrams[1], in its order, a loop of point indices, each joined to
   * the next and the last to the first by edges no longer than the bar's birth. The edge between last and first bears
   * the class; the rest is a shortest path (fewest edges) between its ends. Of equal points the first stands for all.
   */
  readonly representatives?: readonly Uint32Array[];
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
  const { maxDimension = 2, maxEdgeLength = Infinity, maxMemoryBytes = Infinity, signal } = options;
  const { threads = availableParallelism(), representatives = false, onProgress } = options;
  checkMaxDimension(maxDimension);
  checkMaxEdgeLength(maxEdgeLength);
  checkThreads(threads);
  const pointCount =
    'points' in input ? checkPoints(input.points, input.dimension) : checkDistances(input.distances);
  const useThreads = threads > 1 && maxDimension > 0 && pointCount >= POINTS_WORTH_THREADS ? threads : 1;
  checkMemory(
    pointCount,
    maxDimension,
    { threads: useThreads, dimension: 'points' in input ? input.dimension : 0 },
    maxMemoryBytes,
  );
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

  const crew = useThreads > 1 ? threadCrew(useThreads, signal) : lonelyCrew(pacer);
  try {
    const distances = 'points' in input ? await distancesOf(input, pointCount, crew) : input.distances;
    const distinct = mergeDuplicates(distances, pointCount, 'points' in input);
    const radius = enclosingRadius(distinct.distances, distinct.pointCount);
    const edges = await sortedEdges(distinct.distances, Math.min(longest, radius), pacer, crew.buffer);
    const filtration = new Filtration(distinct.distances, distinct.pointCount, edges, crew.buffer);
    const pass = new CriticalEdges(filtration, maxDimension, representatives);
    const edgeClasses = await passAll(filtration, pass, maxDimension, crew, pacer, useThreads, onProgress);
    const diagrams = pass.diagrams().slice(0, maxDimension + 1);
    const loops = pass.representatives()?.map((loop) => loop.map((vertex) => distinct.firstOf[vertex]!));
    return {
      diagrams,
      pointCount,
      distinctPointCount: pass.distinctPointCount,
      edgeCount: edges.length,
      edgeClasses,
      ...(loops === undefined ? {} : { representatives: loops }),
    };
  } finally {
    await crew.close();
  }
}

/** The first pass, and for degree 2 the second. Progress counts the edges of both, halved. */
async function passAll(
  filtration: Filtration,
  pass: CriticalEdges,
  maxDimension: 1 | 2,
  crew: Crew,
  pacer: Pacer,
  threads: number,
  onProgress: RipsOptions['onProgress'],
): Promise<EdgeClasses> {
  const { pointCount, edges, representatives } = filtration;
  const task = { pointCount, edges, representatives };
  let passed = 0;
  async function take(report: LinkReport, work: Generator<number>): Promise<void> {
    for (const operations of work) {
      pacer.spend(operations);
      if (pacer.isDue) await pacer.rest();
    }
    passed += report.count;
    onProgress?.(Math.floor(passed / maxDimension), edges.length);
    if (pacer.isDue) await pacer.rest();
  }

  const components = await crew.findComponents(
    { ...task, portion: portionOf(edges.length, threads, 16_384) },
    (report) => take(report, pass.passComponents(report)),
  );
  if (maxDimension === 1) return components;
  const { cored } = await crew.findCores(
    { ...task, portion: portionOf(edges.length, threads, 2048) },
    pass.voidBirths(),
    () => pass.hasVoids,
    (report) => take(report, pass.passCores(report)),
  );
  return { ...components, cored };
}

// Below this a thread's start takes longer than it saves.
const POINTS_WORTH_THREADS = 800;

/** Edges that a thread takes at a time: enough portions to even out, and reports often enough for ten a second. */
function portionOf(edgeCount: number, threads: number, most: number): number {
  return Math.min(most, Math.max(256, Math.ceil(edgeCount / (threads * 64))));
}

async function distancesOf(
  { points, dimension }: { points: Float32Array; dimension: number },
  pointCount: number,
  crew: Crew,
): Promise<Float32Array> {
  const distances = new Float32Array(crew.buffer(4 * pairCount(pointCount)));
  await crew.fillDistances({ points, dimension, distances });
  checkFinite(distances);
  return distances;
}

function distanceSource(input: RipsInput): DistanceSource {
  if ('points' in input) {
    const { points, dimension } = input;
    const pointCount = points.length / dimension;
    const kernel = new DistanceKernel(points, dimension);
    return {
      operationsPerDistance: dimension,
      write: (vertex, others, count, out) => {
        const all = kernel.rows(vertex, 1, pointCount);
        for (let k = 0; k < count; k++) {
          out[k] = all[others[k]!]!;
          if (out[k] === Infinity) throw beyondFloat32(vertex, others[k]!);
        }
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
