import { Context } from '@temporalio/activity';
import type { PointCloud, RunRow, UsedEmbedding } from '../db/index.js';
import { surrogateCount } from '../experiment/config.js';
import { PanicError } from '../common/errors.js';
import { faultPoint } from '../common/fault.js';
import type { DiagramSummary, RunRef } from '../workflows/contract.js';
import type { DiagramProgress, Measurement } from './diagram-computer.js';
import type { Dependencies } from './dependencies.js';
import { embeddingOf } from './embed-run.js';
import { runFailure } from './failures.js';
import { whileHeartbeating } from './heartbeat.js';
import { storeRunStatistics } from './run-statistics.js';
import { makeSurrogates } from './surrogates.js';

/**
 * Makes the activity `diagramRun`. It is idempotent by (run, model). Stored numbers of the trajectory, and a stored
 * diagram with its surrogates, stay if they are of the same points and settings. Stale ones are replaced.
 */
export function createDiagramRun(deps: Dependencies) {
  return async function diagramRun(ref: RunRef, modelName: string): Promise<DiagramSummary> {
    const run = await deps.store.runs.get(ref.experiment, ref.index);
    const progress: DiagramProgress = { done: 0, of: 0, surrogatesLeft: 0 };
    try {
      const model = await embeddingOf(deps, run, modelName);
      const summary = await whileHeartbeating(
        () => progress,
        () => makeDiagram(deps, run, model, progress, Context.current().cancellationSignal),
      );
      faultPoint('diagram:before-return');
      return summary;
    } catch (error) {
      throw await runFailure(deps.store, run, { stage: 'diagram', sequence: null }, error, deps.now());
    }
  };
}

/**
 * Makes the numbers of an embedded run, its diagram, then its surrogates. When all diagrams and surrogates of the run are
 * stored, it marks the run finished.
 */
export async function makeDiagram(
  deps: Pick<Dependencies, 'store' | 'diagrams' | 'now'>,
  run: RunRow,
  model: UsedEmbedding,
  progress: DiagramProgress,
  signal: AbortSignal,
): Promise<DiagramSummary> {
  const { store } = deps;
  const config = await store.experiments.config(run.experimentId);
  const modelId = model.id;
  const missing = await store.vectors.countPending(run, modelId, model.input);
  if (missing > 0) {
    throw new PanicError(
      'StoreConflict',
      `${missing} outputs of run ${run.runIndex} have no ${model.name} vector; a diagram is made of all of them`,
    );
  }
  // Before the diagram, which may need more memory than there is.
  await storeRunStatistics(deps, run, model, signal);
  const { dimension } = model;
  if ((await store.diagrams.barCounts(run, modelId)).length === 0) {
    // Check the memory before reading the vectors: the vectors alone of a run of several 100,000 steps take
    // gigabytes.
    const pointCount = await store.vectors.countDistinct(run, modelId);
    const size = { pointCount, dimension, maxDimension: config.max_dimension, isSurrogate: false };
    deps.diagrams.requireMemory(size);
  }
  const cloud = await store.vectors.pointCloud(run, modelId, dimension);
  const measurement = { run, modelId, dimension, cloud, config, progress, signal };
  await makeSurrogates(deps, await storedDiagram(deps, measurement), measurement);
  const expected = { diagrams: config.embedding_models.length, surrogates: surrogateCount(config) };
  await store.diagrams.finishRun(run, expected, deps.now());
  const bars = await store.diagrams.barCounts(run, modelId);
  return { points: cloud.count, bars };
}

/**
 * Returns the id of the diagram of these points. Computes and stores the diagram if the database does not have
 * it.
 */
async function storedDiagram(
  { store, diagrams, now }: Pick<Dependencies, 'store' | 'diagrams' | 'now'>,
  { run, modelId, dimension, cloud, config, progress, signal }: Measurement,
): Promise<number> {
  const key = {
    pointsSha256: cloud.sha256,
    maxDimension: config.max_dimension,
    maxEdgeLength: config.max_edge_length,
  };
  const found = await store.diagrams.find(run, modelId, key);
  if (found !== null) return found;
  const request = { points: distinctPoints(cloud, dimension), dimension, ...key, surrogate: null };
  const computed = await diagrams.compute(
    request,
    (done, of) => Object.assign(progress, { done, of }),
    signal,
  );
  return store.diagrams.commit(run, modelId, { ...key, ...computed, pointCount: cloud.count }, now());
}

/**
 * Returns each vector once, one after another. A repeated point adds only a bar of length zero, so these points
 * have the same diagram as all points. The diagram of a run that settled needs memory only for its distinct
 * outputs.
 */
function distinctPoints({ points, count, distinctRows }: PointCloud, dimension: number): Float32Array {
  if (distinctRows.length === count) return points;
  const distinct = new Float32Array(distinctRows.length * dimension);
  distinctRows.forEach((row, index) => {
    distinct.set(points.subarray(row * dimension, (row + 1) * dimension), index * dimension);
  });
  return distinct;
}
