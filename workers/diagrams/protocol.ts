import type { ComputedDiagram, DiagramRequest } from '../../activities/index.js';

/** What a diagram thread says: any number of progress messages, then one of the others. */
export type DiagramReply =
  | { readonly type: 'progress'; readonly done: number; readonly of: number }
  | { readonly type: 'computed'; readonly diagram: ComputedDiagram }
  | { readonly type: 'failed'; readonly message: string; readonly kind: DiagramFailure };

/** What will not succeed another time either (ResourceLimit: with as much memory); null for the rest. */
export type DiagramFailure = 'InvalidInput' | 'ResourceLimit' | null;

/** What a diagram thread is told. */
export interface DiagramOrder extends DiagramRequest {
  /** Threads that it may use. */
  readonly threads: number;
  /** Memory that it may take, bytes. */
  readonly memoryBytes: number;
}
