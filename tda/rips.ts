import { usableCores } from '../common/machine.js';
import { type Crew, singleThreadCrew, threadCrew } from './crew.js';
import type { LinkReport } from './crew-tasks.js';
import { CriticalEdges } from './critical-edges.js';
import { beyondFloat32, checkFinite } from './distances.js';
import { type DistinctPoints, mergeDuplicates } from './duplicates.js';
import { enclosingRadius, sortedEdges } from './edges.js';
import { Filtration, rankTable } from './filtration.js';
import { checkDistances, checkMaxDimension, checkMaxEdgeLength, checkPoints, checkThreads } from './input.js';
import { DistanceKernel, type EdgeClasses } from './kernel.js';
import { checkMemory, relationsLimit } from './memory.js';
import { Pacer, type Work } from './pacer.js';
import { type OnProgress, tenTimesASecond } from './progress.js';
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
   * Threads for the distances and the links, besides the calling one, which only reduces. Default: the number
   * of cores. With 1, and for clouds too small for threads, the calling thread does everything, in portions
   * of some tens of milliseconds, and the event loop runs between them.
   */
  threads?: number;
  /** Also return a loop for each bar of degree 1. Default false. */
  representatives?: boolean;
  /** Aborting rejects with the signal's reason, within about a second. */
  signal?: AbortSignal;
  /**
   * Edges done, and all edges, about ten times a second once the edges are sorted. Never falls, and ends with
   * all of them. For degree 0 alone: pairs of points.
   */
  onProgress?: OnProgress;
  /**
   * Refuse to start if `predictRipsMemory` exceeds this. Clouds whose distances are all alike may need more
   * than predicted. They may use the rest of this limit; without it, they may use no more than predicted.
   */
  maxMemoryBytes?: number;
}

export interface RipsResult {
  /**
   * diagrams[k], for k up to maxDimension: birth, death, birth, death… of degree k, sorted by birth, then
   * death. Death is Infinity for a class that never dies or outlives maxEdgeLength. Bars of zero length are
   * left out.
   */
  readonly diagrams: Float32Array[];
  readonly pointCount: number;
  /** Points that no chain of zero distances joins; the number of bars of degree 0. */
  readonly distinctPointCount: number;
  /**
   * Edges of the filtration: among points without exact duplicates, no longer than maxEdgeLength and the
   * enclosing radius. For degree 0 alone neither duplicates nor the radius are looked for: all pairs within
   * maxEdgeLength.
   */
  readonly edgeCount: number;
  /**
   * Edges by the finding about their link when they were added. Absent for degree 0 alone, where no links are
   * looked at.
   */
  readonly edgeClasses?: EdgeClasses;
  /**
   * If asked for (and from degree 1 on): for each bar of diagrams[1], in its order, a loop of point indices.
   * Edges no longer than the bar's birth join each point to the next, and the last to the first. The edge
   * between last and first bears the class; the rest is a shortest path (fewest edges) between its ends. Of
   * equal points the first stands for all.
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
  const { threads = usableCores(), representatives = false } = options;
  const onProgress = tenTimesASecond(options.onProgress ?? (() => undefined));
  checkMaxDimension(maxDimension);
  checkMaxEdgeLength(maxEdgeLength);
  checkThreads(threads);
  const pacer = new Pacer(signal);
  const pointCount = await pacer.finish(
    'points' in input ? checkPoints(input.points, input.dimension) : checkDistances(input.distances),
  );
  const useThreads = threads > 1 && maxDimension > 0 && pointCount >= POINTS_WORTH_THREADS ? threads : 1;
  const how = { threads: useThreads, dimension: 'points' in input ? input.dimension : 0 };
  checkMemory(pointCount, maxDimension, how, maxMemoryBytes);
  const longest = Math.fround(maxEdgeLength);

  if (maxDimension === 0) {
    const { diagram, ...counts } = await pacer.finish(
      connectedComponents(pointCount, distanceSource(input), longest, onProgress),
    );
    return { diagrams: [diagram], pointCount, ...counts };
  }

  const crew = useThreads > 1 ? threadCrew(useThreads, signal) : singleThreadCrew(pacer);
  try {
    const distances = 'points' in input ? await distancesOf(input, pointCount, crew, pacer) : input.distances;
    const distinct = await pacer.finish(mergeDuplicates(distances, pointCount, 'points' in input));
    const filtration = await pacer.finish(filtrationOf(distinct, longest, crew));
    const pass = new CriticalEdges(
      filtration,
      maxDimension,
      representatives,
      relationsLimit(pointCount, maxDimension, how, maxMemoryBytes),
    );
    const edgeClasses = await passAll(filtration, pass, maxDimension, crew, pacer, useThreads, onProgress);
    onProgress(filtration.edges.length, filtration.edges.length);
    const diagrams = pass.diagrams().slice(0, maxDimension + 1);
    const loops = pass.representatives()?.map((loop) => loop.map((vertex) => distinct.firstOf[vertex]!));
    return {
      diagrams,
      pointCount,
      distinctPointCount: pass.distinctPointCount,
      edgeCount: filtration.edges.length,
      edgeClasses,
      ...(loops === undefined ? {} : { representatives: loops }),
    };
  } finally {
    await crew.close();
  }
}

function* filtrationOf(
  { distances, pointCount }: DistinctPoints,
  longest: number,
  { buffer }: Crew,
): Work<Filtration> {
  const radius = yield* enclosingRadius(distances, pointCount);
  const edges = yield* sortedEdges(distances, pointCount, Math.min(longest, radius), buffer);
  const ranks = yield* rankTable(edges, pointCount);
  return new Filtration(distances, pointCount, edges, ranks, buffer);
}

/** The first pass, and for degree 2 the second. Progress counts the edges of both, halved. */
async function passAll(
  filtration: Filtration,
  pass: CriticalEdges,
  maxDimension: 1 | 2,
  crew: Crew,
  pacer: Pacer,
  threads: number,
  onProgress: OnProgress,
): Promise<EdgeClasses> {
  const { pointCount, edges, representatives } = filtration;
  const task = { pointCount, edges, representatives };
  let passed = 0;
  async function take(report: LinkReport, work: Work): Promise<void> {
    await pacer.finish(work);
    passed += report.count;
    onProgress(Math.floor(passed / maxDimension), edges.length);
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

// Below this the start of a thread takes longer than the thread saves.
const POINTS_WORTH_THREADS = 800;

/**
 * Edges that a thread takes at a time: enough portions to balance the threads, and reports often enough for
 * ten a second.
 */
function portionOf(edgeCount: number, threads: number, most: number): number {
  return Math.min(most, Math.max(256, Math.ceil(edgeCount / (threads * 64))));
}

async function distancesOf(
  { points, dimension }: { points: Float32Array; dimension: number },
  pointCount: number,
  crew: Crew,
  pacer: Pacer,
): Promise<Float32Array> {
  const distances = new Float32Array(crew.buffer(4 * pairCount(pointCount)));
  await crew.fillDistances({ points, dimension, distances });
  await pacer.finish(checkFinite(distances));
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
