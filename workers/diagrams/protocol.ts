import type { ComputedDiagram, DiagramRequest } from '../../activities/index.js';

/** What a diagram thread answers: any number of progress messages, then one of the others. */
export type DiagramReply =
  | { readonly type: 'progress'; readonly done: number; readonly of: number }
  | { readonly type: 'computed'; readonly diagram: ComputedDiagram }
  | { readonly type: 'failed'; readonly message: string; readonly kind: DiagramFailure };

/** Failures that a repetition does not change (ResourceLimit: with the same memory); null for all others. */
export type DiagramFailure = 'InvalidInput' | 'ResourceLimit' | null;

/** What the pool asks of a diagram thread. */
export interface DiagramOrder extends DiagramRequest {
  /** Threads that it may use. */
  readonly threads: number;
  /** Memory that it may take, in bytes. */
  readonly memoryBytes: number;
}
