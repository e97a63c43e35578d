import type { Artifact } from '../experiment/artifact.js';
import type { Fingerprint } from '../experiment/provenance.js';

/** One answer of a generative model. */
export interface Generated {
  readonly output: Artifact;
  /** Tokens at the end of the input for which the model had no room; 0 where it read everything. */
  readonly cutTokens: number;
  /** Whether the model stopped at its limit of tokens, so that the end of the output is missing. */
  readonly outputCut: boolean;
  readonly fingerprint: Fingerprint;
  /** Inputs that the model computed together. */
  readonly batchSize: number;
  /** Time the model itself took, milliseconds: the input's share of its batch. */
  readonly computeMs: number;
}

/** One vector per input, in order: finite, of the model's dimension, not all zero. */
export interface Embedded {
  readonly vectors: readonly Float32Array[];
  /**
   * For each input, the tokens at its end for which the model had no room. Null where the model runs on a server,
   * which does not say.
   */
  readonly cutTokens: readonly number[] | null;
  /** Equal for all of the vectors. */
  readonly fingerprint: Fingerprint;
  readonly computeMs: number;
}

/**
 * Runs catalogue models off the caller's event loop: built-in models in worker threads, a model with files in a
 * process of its own. It checks what the models are given and what they answer. It computes calls of one model
 * together that come at about the same time.
 *
 * Throws PanicError: `ModelOutputInvalid` (blank caption, wrong size, non-finite vector), `ModelFilesMissing`,
 * `DeviceError` (the process died of this input; the next call starts a fresh one), `InvalidInput` (unknown model,
 * wrong modality, a device that does not work), `ResourceLimit` (the model is larger than the memory given to
 * models, or takes longer than a call or its loading may).
 * An aborted signal rejects with the signal's reason.
 */
export interface ModelPool {
  generate(model: string, input: Artifact, seed: number, signal?: AbortSignal): Promise<Generated>;
  embed(model: string, inputs: readonly Artifact[], signal?: AbortSignal): Promise<Embedded>;
  /** The state of each model that was called since the pool was made, by name. */
  activity(): readonly ModelActivity[];
  close(): Promise<void>;
}

/** What the pool does at this moment for one model, or for all built-in models together. */
export interface ModelActivity {
  readonly model: string;
  /** Calls that wait for their turn. */
  readonly waiting: number;
  /** Calls that the model computes now. */
  readonly computing: number;
  /**
   * Memory of its loaded process, MiB; the estimate until its first batch. Null where no process is loaded, or the
   * model needs none.
   */
  readonly residentMiB: number | null;
}
