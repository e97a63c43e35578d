import type { Modality } from './artifact.js';

/** Values that change a model's output; part of the identity of every invocation. */
export type ModelSettings = Readonly<Record<string, string | number | boolean>>;

/** A part of a model that comes from another repository. */
export interface Component {
  /** `hub:owner/name`. */
  readonly source: string;
  /**
   * The pinned commit of that repository. It is part of the model's identity, as the model's own commit is.
   */
  readonly revision: string;
  /** A folder within the model's folder. The files lie there as in their repository. */
  readonly folder: string;
  /** Paths within its repository. */
  readonly files: readonly string[];
}

/** What a model with files of its own needs on the machine that runs it. */
export interface Weights {
  /**
   * Paths within the model's folder, laid out as in its repository; those of its components are among them.
   */
  readonly files: readonly string[];
  readonly components?: readonly Component[];
  /** SHA-256 (hex) and size of some files, by path, as far as they are known before the download. */
  readonly known?: Readonly<Record<string, KnownFile>>;
  /** Whether the repository needs an account that has agreed to its licence. */
  readonly gated: boolean;
  /** Memory of one loaded process at the model's settings, MiB; an estimate. */
  readonly memoryMiB: number;
  /** The number of inputs that are worth computing at once. */
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
   * Version of a built-in model, or the pinned commit of its repository. A change makes it another model. A
   * pin in the lock file of the models folder takes precedence over the catalogue.
   */
  readonly revision: string;
  readonly settings: ModelSettings;
  readonly license: string;
}

/** The version of a model in words: its revision, and the revision of each component. */
export function wholeRevision({ revision, weights }: Pick<Model, 'revision' | 'weights'>): string {
  const components = weights?.components ?? [];
  return [revision, ...components.map((part) => `${part.folder}=${part.source}@${part.revision}`)].join(' ');
}

/**
 * The loader that runs a model. A model with files has weights and one of the program's loaders
 * (`models/loaders.ts`); the other names say how a model without files runs. `faulty` is for tests, and no
 * catalogue file has it.
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
  /**
   * True if (input, seed) decides the output's bytes. Then a repeat is a true cycle, and equal work may be
   * reused.
   */
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

/**
 * The model of this name and kind; null if the catalogue has no such name, or has a model of another kind.
 */
export function modelOfKind<Kind extends Model['kind']>(
  catalogue: ReadonlyMap<string, Model>,
  name: string,
  kind: Kind,
): ModelOfKind<Kind> | null {
  const model = catalogue.get(name);
  return model !== undefined && isOfKind(model, kind) ? model : null;
}

/** A model that users ask for by this name and that the program cannot run. */
export interface UnavailableModel {
  readonly name: string;
  /** A sentence that says what is missing. */
  readonly missing: string;
  /** Names of models to take instead, or other advice. */
  readonly instead: string;
}

/** A catalogue file of the user, as the program read it. */
export interface CatalogueFileRead {
  /** The absolute path. */
  readonly path: string;
  /** SHA-256 of the file's bytes, in hexadecimal. */
  readonly sha256: string;
  /** Names of the models that the file gives. */
  readonly models: readonly string[];
}

/** Model name -> model, in the order that `panic-tda models` lists them. */
export interface Catalogue extends ReadonlyMap<string, Model> {
  readonly unavailable?: ReadonlyMap<string, UnavailableModel>;
  /**
   * The files that the catalogue was read from, beside the program's own file; absent if a test or a program
   * made the catalogue.
   */
  readonly origin?: CatalogueOrigin;
}

export interface CatalogueOrigin {
  readonly files: readonly CatalogueFileRead[];
  /** The path in PANIC_TDA_CATALOGUE; null if the variable is not set. */
  readonly variable: string | null;
  /** The catalogue file in the models folder, which is read if it exists; null without a models folder. */
  readonly inModelsFolder: string | null;
}
