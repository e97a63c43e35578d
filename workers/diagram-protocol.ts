import type { ComputedDiagram, DiagramRequest } from '../activities/index.js';

/** What a diagram thread says: any number of progress messages, then one of the others. */
export type DiagramReply =
  | { readonly type: 'progress'; readonly done: number; readonly of: number }
  | { readonly type: 'computed'; readonly diagram: ComputedDiagram }
  | { readonly type: 'failed'; readonly message: string; readonly invalid: boolean };

export type { DiagramRequest };
