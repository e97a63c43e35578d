import type { Artifact } from '../../experiment/artifact.js';
import type { Fingerprint } from '../../experiment/provenance.js';
import type { EmbeddedItem, GeneratedItem, GenerateItem } from '../loaded-model.js';
import type { RunnerFailure } from './runner-protocol.js';

/**
 * The messages between the pool and the process of a model. The process first reports whether it could load the
 * model. Then it gets one batch at a time and answers each.
 */
export type BatchRequest =
  | { readonly task: 'generate'; readonly items: readonly GenerateItem[] }
  | { readonly task: 'embed'; readonly inputs: readonly Artifact[] };

/** One answer for each item, in order. */
export type BatchAnswers =
  | { readonly task: 'generate'; readonly items: readonly (GeneratedItem | RunnerFailure)[] }
  | { readonly task: 'embed'; readonly items: readonly EmbeddedItem[] };

export interface ComputedBatch {
  readonly answers: BatchAnswers;
  readonly fingerprint: Fingerprint;
  readonly computeMs: number;
  /** Resident memory of the process after the batch. */
  readonly residentMiB: number;
}

export type ProcessMessage =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'not-loaded'; readonly failure: RunnerFailure }
  | { readonly kind: 'computed'; readonly batch: ComputedBatch }
  | { readonly kind: 'failed'; readonly failure: RunnerFailure };
