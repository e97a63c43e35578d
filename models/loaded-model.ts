import type { Artifact } from '../experiment/artifact.js';
import type { PanicError } from '../common/errors.js';
import type { Model } from '../experiment/model.js';
import type { Fingerprint } from '../experiment/provenance.js';
import type { ModelFiles } from './files/model-files.js';

/** Where a graph is computed: one of the runtime's execution providers. */
export type Device = 'cpu' | 'cuda' | 'webgpu';

/** In the place of a device: the loader reads what can be told of the files, opens no graph, and ends with `NothingComputes`. */
export const UNOPENED = 'unopened';

/** What a loader is given. */
export interface LoadTask<M extends Model = Model> {
  readonly model: M;
  /** Its verified files: a loader opens no others. */
  readonly files: ModelFiles;
  /** A device that was seen to work; the loader uses no other. */
  readonly device: Device | typeof UNOPENED;
}

/** The folder of a model's files; or the folder of all models, where its process finds and verifies them itself. */
export type RunnerFiles = { readonly folder: string } | { readonly modelsFolder: string };

/** What the process of a model is given. */
export type RunnerTask = Omit<LoadTask, 'files'> & RunnerFiles;

export interface GenerateItem {
  readonly input: Artifact;
  /** 0..2^53-1 */
  readonly seed: number;
}

export interface GeneratedItem {
  readonly output: Artifact;
  /** Tokens at the end of the input that the model had no room for; 0 where it read everything. */
  readonly cutTokens: number;
  /** Whether the model stopped at its limit of tokens, so that the end of the output is missing. */
  readonly outputCut: boolean;
}

/**
 * A generative model, ready. `generate` answers each item of a batch by itself: one that cannot be answered is an error in
 * its place (`InvalidInput`, `ModelOutputInvalid`), and the others stand. It throws PanicError `DeviceError` where the
 * runtime fails as a whole.
 */
export interface LoadedGenerator {
  readonly kind: 'generative';
  readonly fingerprint: Fingerprint;
  generate(items: readonly GenerateItem[]): Promise<readonly (GeneratedItem | PanicError)[]>;
}

export interface EmbeddedItem {
  readonly vector: Float32Array;
  /** As in GeneratedItem. */
  readonly cutTokens: number;
}

/** An embedding model, ready: one vector per input, in order. Throws like LoadedGenerator, for all inputs together. */
export interface LoadedEmbedder {
  readonly kind: 'embedding';
  readonly fingerprint: Fingerprint;
  embed(inputs: readonly Artifact[]): Promise<readonly EmbeddedItem[]>;
}

export type LoadedModel = LoadedGenerator | LoadedEmbedder;
