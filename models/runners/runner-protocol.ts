import type { Artifact } from '../../experiment/artifact.js';
import { errorMessage, type FailureKind, isPanicError, PanicError } from '../../common/errors.js';
import type { Fingerprint } from '../../experiment/provenance.js';

/**
 * The messages between the pool and a runner of a RunnerGroup. A runner gets one request at a time and gives one
 * reply to each. Processes of models with files get batches instead: see process-protocol.ts.
 */
export type RunnerRequest =
  | { readonly task: 'generate'; readonly model: string; readonly input: Artifact; readonly seed: number }
  | { readonly task: 'embed'; readonly model: string; readonly inputs: readonly Artifact[] };

export type RunnerAnswer =
  | {
      readonly task: 'generate';
      readonly output: Artifact;
      readonly cutTokens: number;
      readonly outputCut: boolean;
      readonly fingerprint: Fingerprint;
      readonly computeMs: number;
    }
  | {
      readonly task: 'embed';
      readonly vectors: readonly Float32Array[];
      /** For each input; absent where the runner cannot know. */
      readonly cutTokens?: readonly number[];
      readonly fingerprint: Fingerprint;
      readonly computeMs: number;
    };

export interface RunnerFailure {
  /** The kind of a PanicError, or null for an unexpected error. */
  readonly kind: FailureKind | null;
  readonly message: string;
}

export type RunnerReply =
  | { readonly ok: true; readonly answer: RunnerAnswer }
  | { readonly ok: false; readonly failure: RunnerFailure };

export function failureReply(error: unknown): RunnerReply {
  return { ok: false, failure: runnerFailure(error) };
}

export function runnerFailure(error: unknown): RunnerFailure {
  return { kind: isPanicError(error) ? error.kind : null, message: errorMessage(error) };
}

export function failureError(failure: RunnerFailure): Error {
  return failure.kind === null ? new Error(failure.message) : new PanicError(failure.kind, failure.message);
}
