import type { NewDiagram, PointCloud, RunRow } from '../db/index.js';
import type { ExperimentConfig, SurrogateKind } from '../experiment/config.js';

export interface DiagramRequest {
  /** Row-major. */
  readonly points: Float32Array;
  readonly dimension: number;
  readonly maxDimension: 0 | 1 | 2;
  readonly maxEdgeLength: number | null;
  /** Makes the diagram of this surrogate of the points; null for that of the points themselves. */
  readonly surrogate: { readonly kind: SurrogateKind; readonly seed: number } | null;
}

export interface DiagramSize extends Pick<DiagramRequest, 'dimension' | 'maxDimension'> {
  readonly pointCount: number;
  readonly isSurrogate: boolean;
}

/** What a diagram and its surrogates are made of. */
export interface Measurement {
  readonly run: RunRow;
  readonly modelId: number;
  readonly dimension: number;
  readonly cloud: PointCloud;
  readonly config: ExperimentConfig;
  readonly progress: DiagramProgress;
  readonly signal: AbortSignal;
}

/** For heartbeats: edges of the diagram that is computed now, and surrogates still to come. */
export interface DiagramProgress {
  done: number;
  of: number;
  surrogatesLeft: number;
}

export type ComputedDiagram = Pick<
  NewDiagram,
  'distinctPointCount' | 'edgeCount' | 'computeMs' | 'dimensions'
>;

/**
 * Computes diagrams off the event loop (workers/diagrams/pool.ts). Throws ResourceLimit before it starts where the diagram
 * would not fit into memory.
 */
export interface DiagramComputer {
  /** Throws ResourceLimit, with the figure and the remedies, where such a diagram would not fit into memory. */
  requireMemory(size: DiagramSize): void;
  compute(
    request: DiagramRequest,
    onProgress: (done: number, of: number) => void,
    signal: AbortSignal,
  ): Promise<ComputedDiagram>;
}
