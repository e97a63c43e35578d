import type { Modality } from './artifact.js';

/** Values that change a model's output; part of the identity of every invocation. */
export type ModelSettings = Readonly<Record<string, string | number | boolean>>;

interface ModelIdentity {
  readonly name: string;
  /** One sentence for `panic-tda models`. */
  readonly summary: string;
  /** Where the model comes from: `built-in`, or `hub:owner/name`. */
  readonly source: string;
  /** Version of a built-in model, or the pinned commit of its repository. A change makes it another model. */
  readonly revision: string;
  readonly settings: ModelSettings;
  readonly license: string;
}

/** A model that turns one artifact into the next of a trajectory. */
export interface GenerativeModel extends ModelIdentity {
  readonly kind: 'generative';
  readonly input: Modality;
  readonly output: Modality;
  /** True where (input, seed) decides the output's bytes, so that a repeat is a true cycle and equal work may be reused. */
  readonly deterministic: boolean;
}

/** A model that turns an artifact into a vector of `dimension` finite float32 values, not all zero. */
export interface EmbeddingModel extends ModelIdentity {
  readonly kind: 'embedding';
  readonly input: Modality;
  readonly dimension: number;
}

export type Model = GenerativeModel | EmbeddingModel;

/** Model name -> model, in the order that `panic-tda models` lists them. */
export type Catalogue = ReadonlyMap<string, Model>;
