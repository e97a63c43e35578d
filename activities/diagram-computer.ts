import type { NewDiagram, PointCloud, RunRow } from '../db/index.js';
import type { ExperimentConfig, SurrogateKind } from '../experiment/config.js';

export interface DiagramRequest {
  /** One point after another, `dimension` numbers each. */
  readonly points: Float32Array;
  readonly dimension: number;
  readonly maxDimension: 0 | 1 | 2;
  readonly maxEdgeLength: number | null;
  /** The surrogate of the points whose diagram is computed. Null: the diagram of the points themselves. */
  readonly surrogate: { readonly kind: SurrogateKind; readonly seed: number } | null;
}

export interface DiagramSize extends Pick<DiagramRequest, 'dimension' | 'maxDimension'> {
  readonly pointCount: number;
  readonly isSurrogate: boolean;
}

/** What a diagram and its surrogates are computed from. */
export interface Measurement {
  readonly run: RunRow;
  readonly modelId: number;
  readonly dimension: number;
  readonly cloud: PointCloud;
  readonly config: ExperimentConfig;
  readonly progress: DiagramProgress;
  readonly signal: AbortSignal;
}

/** For heartbeats: the edges done in the current diagram, and the number of surrogates still to compute. */
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
 * Computes diagrams outside the event loop (workers/diagrams/pool.ts). Throws ResourceLimit before it starts if
 * the diagram would not fit into memory.
 */
export interface DiagramComputer {
  /**
   * Throws ResourceLimit, with the memory needed and the remedies, if a diagram of this size would not fit into
   * memory.
   */
  requireMemory(size: DiagramSize): void;
  compute(
    request: DiagramRequest,
    onProgress: (done: number, of: number) => void,
    signal: AbortSignal,
  ): Promise<ComputedDiagram>;
}
