import type { Artifact } from '../experiment/artifact.js';
import type { Fingerprint } from '../experiment/provenance.js';

/** One answer of a generative model. */
export interface Generated {
  readonly output: Artifact;
  /** Tokens at the end of the input that the model had no room for; 0 where it read everything. */
  readonly cutTokens: number;
  /** Whether the model stopped at its limit of tokens, so that the end of the output is missing. */
  readonly outputCut: boolean;
  readonly fingerprint: Fingerprint;
  /** Inputs that were computed together. */
  readonly batchSize: number;
  /** Time the model itself took, milliseconds: the input's share of its batch. */
  readonly computeMs: number;
}

/** One vector per input, in order: finite, of the model's dimension, not all zero. */
export interface Embedded {
  readonly vectors: readonly Float32Array[];
  /** For each input, the tokens at its end that the model had no room for. Null where nobody knows: a server does not say. */
  readonly cutTokens: readonly number[] | null;
  /** Equal for all of them. */
  readonly fingerprint: Fingerprint;
  readonly computeMs: number;
}

/**
 * Runs catalogue models off the caller's event loop (worker threads for built-in models, a child process per model with
 * files) and checks what they are given and what they answer. Calls of one model that come at about the same time are
 * computed together.
 *
 * Throws PanicError: `ModelOutputInvalid` (empty caption, wrong size, non-finite vector), `ModelFilesMissing`,
 * `DeviceError` (the process died of this input; the next call starts a fresh one), `InvalidInput` (unknown model, wrong
 * modality, a device that does not work), `ResourceLimit` (the model is larger than the memory given to models, or takes longer
 * than a call or its loading may).
 * An aborted signal rejects with the signal's reason.
 */
export interface ModelPool {
  generate(model: string, input: Artifact, seed: number, signal?: AbortSignal): Promise<Generated>;
  embed(model: string, inputs: readonly Artifact[], signal?: AbortSignal): Promise<Embedded>;
  /** How the models stand that were called since the pool was made, by name. */
  activity(): readonly ModelActivity[];
  close(): Promise<void>;
}

/** What the pool does for one model, or for the built-in ones together, at this moment. */
export interface ModelActivity {
  readonly model: string;
  /** Calls that wait for their turn. */
  readonly waiting: number;
  /** Calls that are being computed. */
  readonly computing: number;
  /** What its loaded process takes, or is taken to until its first batch; null where none is loaded, or it needs none. MiB. */
  readonly residentMiB: number | null;
}
