import type { Artifact } from '../../experiment/artifact.js';
import { errorMessage, type FailureKind, isPanicError, PanicError } from '../../experiment/errors.js';
import type { HostFingerprint } from '../../experiment/provenance.js';

/**
 * What the pool and a host of a HostGroup say to each other. A host gets one request at a time and gives one reply to each.
 * Processes of models with files are spoken to in batches: see process-protocol.ts.
 */
export type HostRequest =
  | { readonly task: 'generate'; readonly model: string; readonly input: Artifact; readonly seed: number }
  | { readonly task: 'embed'; readonly model: string; readonly inputs: readonly Artifact[] };

export type HostAnswer =
  | {
      readonly task: 'generate';
      readonly output: Artifact;
      readonly cutTokens: number;
      readonly outputCut: boolean;
      readonly host: HostFingerprint;
      readonly computeMs: number;
    }
  | {
      readonly task: 'embed';
      readonly vectors: readonly Float32Array[];
      /** For each input; absent where the host cannot say. */
      readonly cutTokens?: readonly number[];
      readonly host: HostFingerprint;
      readonly computeMs: number;
    };

export interface HostFailure {
  /** The kind of a PanicError, or null for an error that nobody foresaw. */
  readonly kind: FailureKind | null;
  readonly message: string;
}

export type HostReply =
  | { readonly ok: true; readonly answer: HostAnswer }
  | { readonly ok: false; readonly failure: HostFailure };

export function failureReply(error: unknown): HostReply {
  return { ok: false, failure: hostFailure(error) };
}

export function hostFailure(error: unknown): HostFailure {
  return { kind: isPanicError(error) ? error.kind : null, message: errorMessage(error) };
}

export function failureError(failure: HostFailure): Error {
  return failure.kind === null ? new Error(failure.message) : new PanicError(failure.kind, failure.message);
}
