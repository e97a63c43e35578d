import type { Artifact } from '../experiment/artifact.js';
import type { PanicError } from '../common/errors.js';
import type { Model } from '../experiment/model.js';
import type { Fingerprint } from '../experiment/provenance.js';
import type { ModelFiles } from './files/model-files.js';

/** The device that computes a graph: one of the runtime's execution providers. */
export type Device = 'cpu' | 'cuda' | 'webgpu';

/**
 * In place of a device: the loader checks the files as far as it can, opens no graph, and ends with
 * `NothingComputes`.
 */
export const UNOPENED = 'unopened';

/** What a loader is given. */
export interface LoadTask<M extends Model = Model> {
  readonly model: M;
  /** The model's verified files. A loader opens no others. */
  readonly files: ModelFiles;
  /** A device that a trial found to work. The loader uses no other. */
  readonly device: Device | typeof UNOPENED;
}

/** The folder of a model's files, or the folder of all models, in which the runner itself finds and verifies them. */
export type RunnerFiles = { readonly folder: string } | { readonly modelsFolder: string };

/** What a runner gets to load a model. */
export type RunnerTask = Omit<LoadTask, 'files'> & RunnerFiles;

export interface GenerateItem {
  readonly input: Artifact;
  /** 0..2^53-1 */
  readonly seed: number;
}

export interface GeneratedItem {
  readonly output: Artifact;
  /** Tokens at the end of the input for which the model had no room; 0 where it read everything. */
  readonly cutTokens: number;
  /** Whether the model stopped at its limit of tokens, so that the end of the output is missing. */
  readonly outputCut: boolean;
}

/**
 * A loaded generative model. `generate` answers each item of a batch separately: an item that it cannot answer has
 * an error in its place (`InvalidInput`, `ModelOutputInvalid`), and the other answers stand. It throws PanicError
 * `DeviceError` where the runtime fails as a whole.
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

/**
 * A loaded embedding model: one vector for each input, in order. Throws like LoadedGenerator, for all inputs
 * together.
 */
export interface LoadedEmbedder {
  readonly kind: 'embedding';
  readonly fingerprint: Fingerprint;
  embed(inputs: readonly Artifact[]): Promise<readonly EmbeddedItem[]>;
}

export type LoadedModel = LoadedGenerator | LoadedEmbedder;
