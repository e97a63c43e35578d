import type { Modality } from './artifact.js';

/** Values that change a model's output; part of the identity of every invocation. */
export type ModelSettings = Readonly<Record<string, string | number | boolean>>;

/** A part of a model that comes from another repository. */
export interface Component {
  /** `hub:owner/name`. */
  readonly source: string;
  /** The pinned commit of that repository, part of the model's identity as its own is. */
  readonly revision: string;
  /** Within the model's folder: its files lie there as they do in their repository. */
  readonly folder: string;
  /** Paths within its repository. */
  readonly files: readonly string[];
}

/** What a model with files of its own needs on the machine that runs it. */
export interface Weights {
  /** Paths within the model's folder, laid out as its repository, those of its components among them. */
  readonly files: readonly string[];
  readonly components?: readonly Component[];
  /** What is known of some of them beforehand, by path: SHA-256 (hex) and size. */
  readonly known?: Readonly<Record<string, KnownFile>>;
  /** Whether its repository wants an account that has agreed to its licence. */
  readonly gated: boolean;
  /** Memory of one loaded process at the model's settings, MiB; an estimate. */
  readonly memoryMiB: number;
  /** Inputs that are worth computing at once. */
  readonly maxBatch: number;
}

export interface KnownFile {
  readonly sha256?: string;
  readonly bytes?: number;
}

export interface ModelIdentity {
  readonly name: string;
  /** One sentence for `panic-tda models`. */
  readonly summary: string;
  /** Where the model comes from: `built-in`, `package:path` (files of the program), `hub:owner/name`, `folder:/path` or
   * `server:http://host:port/path`. */
  readonly source: string;
  /**
   * Version of a built-in model, or the pinned commit of its repository. A change makes it another model. What the lock file of
   * the models folder has pinned comes before what the catalogue says.
   */
  readonly revision: string;
  readonly settings: ModelSettings;
  readonly license: string;
}

/** Which version of a model this is, in words: its revision, and that of each component. */
export function wholeRevision({ revision, weights }: Pick<Model, 'revision' | 'weights'>): string {
  const components = weights?.components ?? [];
  return [revision, ...components.map((part) => `${part.folder}=${part.source}@${part.revision}`)].join(' ');
}

/**
 * Which of the program's loaders runs a model with files (`models/loaders.ts`), which has weights; or how a model without files is
 * run. `faulty` is for tests, and in no catalogue file.
 */
export interface LoadedBy<Loader extends string> {
  readonly loader: Loader;
  readonly weights: Weights;
}
export interface WithoutFiles {
  readonly loader: 'built-in' | 'server';
  readonly weights: null;
}

/** A model that turns one artifact into the next of a trajectory. */
export type GenerativeModel = GenerativeFacts &
  (WithoutFiles | LoadedBy<'text-to-image'> | LoadedBy<'image-to-text'> | LoadedBy<'faulty'>);

export interface GenerativeFacts extends ModelIdentity {
  readonly kind: 'generative';
  readonly input: Modality;
  readonly output: Modality;
  /** True where (input, seed) decides the output's bytes, so that a repeat is a true cycle and equal work may be reused. */
  readonly deterministic: boolean;
}

/** A model that turns an artifact into a vector of `dimension` finite float32 values, not all zero. */
export type EmbeddingModel = EmbeddingFacts &
  (WithoutFiles | LoadedBy<'text-embedder'> | LoadedBy<'image-embedder'>);

export interface EmbeddingFacts extends ModelIdentity {
  readonly kind: 'embedding';
  readonly input: Modality;
  readonly dimension: number;
}

export type Model = GenerativeModel | EmbeddingModel;
/** A model that has files. */
export type ModelWithFiles = Extract<Model, { readonly weights: Weights }>;

type ModelOfKind<Kind extends Model['kind']> = Extract<Model, { readonly kind: Kind }>;

export function isOfKind<Kind extends Model['kind']>(model: Model, kind: Kind): model is ModelOfKind<Kind> {
  return model.kind === kind;
}

/** The model of this name and kind; null where the catalogue has none, or has one of another kind. */
export function modelOfKind<Kind extends Model['kind']>(
  catalogue: ReadonlyMap<string, Model>,
  name: string,
  kind: Kind,
): ModelOfKind<Kind> | null {
  const model = catalogue.get(name);
  return model !== undefined && isOfKind(model, kind) ? model : null;
}

/** A model that people ask for by this name and that the program cannot run. */
export interface UnavailableModel {
  readonly name: string;
  /** What is missing, as a sentence. */
  readonly missing: string;
  /** Names of models to take instead, or other advice. */
  readonly instead: string;
}

/** A catalogue file of the user's, as it was read. */
export interface CatalogueFileRead {
  /** Absolute. */
  readonly path: string;
  /** Of its bytes, hexadecimal. */
  readonly sha256: string;
  /** Names of the models that it gives. */
  readonly models: readonly string[];
}

/** Model name -> model, in the order that `panic-tda models` lists them. */
export interface Catalogue extends ReadonlyMap<string, Model> {
  readonly unavailable?: ReadonlyMap<string, UnavailableModel>;
  /** What it was read from, beside the program's own file; absent where a test or a program made it. */
  readonly origin?: CatalogueOrigin;
}

export interface CatalogueOrigin {
  readonly files: readonly CatalogueFileRead[];
  /** What PANIC_TDA_CATALOGUE names; null where it is not set. */
  readonly variable: string | null;
  /** The file that is read from the models folder where it is there; null without a models folder. */
  readonly inModelsFolder: string | null;
}
