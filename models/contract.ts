import type { Artifact } from '../experiment/artifact.js';
import type { HostFingerprint } from '../experiment/provenance.js';

/** One answer of a generative model. */
export interface Generated {
  readonly output: Artifact;
  /** Tokens at the end of the input that the model had no room for; 0 where it read everything. */
  readonly cutTokens: number;
  readonly host: HostFingerprint;
  readonly batchSize: number;
  /** Time the model itself took, milliseconds. */
  readonly computeMs: number;
}

/** One vector per input, in order: finite, of the model's dimension, not all zero. */
export interface Embedded {
  readonly vectors: readonly Float32Array[];
  /** For each input, the tokens at its end that the model had no room for. Null where nobody knows: a server does not say. */
  readonly cutTokens: readonly number[] | null;
  readonly host: HostFingerprint;
  readonly computeMs: number;
}

/**
 * Runs catalogue models off the caller's event loop (worker threads for built-in models, a child process per neural
 * model) and checks what they answer.
 *
 * Throws PanicError: `ModelOutputInvalid` (empty caption, wrong size, non-finite vector), `ModelFilesMissing`,
 * `DeviceError` (the host died; the next call starts a fresh one), `InvalidInput` (unknown model, wrong modality).
 * An aborted signal rejects with the signal's reason.
 */
export interface ModelPool {
  generate(model: string, input: Artifact, seed: number, signal?: AbortSignal): Promise<Generated>;
  embed(model: string, inputs: readonly Artifact[], signal?: AbortSignal): Promise<Embedded>;
  close(): Promise<void>;
}
