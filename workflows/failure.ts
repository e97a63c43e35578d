import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  ContinueAsNew,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { RunStop, WorkFailure } from './contract.js';

const MESSAGE_LIMIT = 1000;

/**
 * The form in which a run's row keeps an error. Null for `continueAsNew`, which is thrown but is no failure.
 */
export function failureOf(error: unknown): Extract<RunStop, { status: 'failed' }> | null {
  if (error instanceof ContinueAsNew) return null;
  let cause = error;
  while (cause instanceof ActivityFailure || cause instanceof ChildWorkflowFailure) {
    if (cause.cause === undefined) break;
    cause = cause.cause;
  }
  return { status: 'failed', kind: kindOf(cause), message: cut(messageOf(cause)) };
}

/**
 * Cuts a long message, but never within a surrogate pair: half a pair is not valid UTF-8, and no row can hold
 * it.
 */
function cut(message: string): string {
  const kept = message.slice(0, MESSAGE_LIMIT);
  return kept.length < message.length && /[\ud800-\udbff]$/.test(kept) ? kept.slice(0, -1) : kept;
}

function kindOf(cause: unknown): string {
  if (cause instanceof ApplicationFailure) return cause.type ?? 'Error';
  if (cause instanceof TimeoutFailure) return 'Timeout' satisfies WorkFailure;
  return cause instanceof Error ? cause.name : 'Error';
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
