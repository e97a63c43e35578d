import { surrogateSeed } from '../experiment/ids.js';
import type { Dependencies } from './dependencies.js';
import type { Measurement } from './diagram-computer.js';

/**
 * Makes the missing surrogates of a diagram one after another, so that a crash makes the worker repeat at most
 * one. Surrogates are made from all points in order, with the repeated ones, since increments are between
 * neighbours. Idempotent by (diagram, kind, index).
 */
export async function makeSurrogates(
  { store, diagrams }: Pick<Dependencies, 'store' | 'diagrams'>,
  diagramId: number,
  { cloud, dimension, config, progress, signal }: Omit<Measurement, 'run' | 'modelId'>,
): Promise<void> {
  if (config.null_model === null) return;
  const missing = await store.surrogates.missing(diagramId, config.null_model);
  progress.surrogatesLeft = missing.length;
  for (const { kind, index } of missing) {
    const request = {
      points: cloud.points,
      dimension,
      maxDimension: config.max_dimension,
      maxEdgeLength: config.max_edge_length,
      surrogate: { kind, seed: surrogateSeed(cloud.sha256, kind, index) },
    };
    const computed = await diagrams.compute(
      request,
      (done, of) => Object.assign(progress, { done, of }),
      signal,
    );
    const dimensions = computed.dimensions.map(({ statistics }) => statistics);
    await store.surrogates.commit(diagramId, { kind, index }, dimensions);
    progress.surrogatesLeft--;
  }
}
