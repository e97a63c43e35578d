import { ensureTemporalFailure, TemporalFailure } from '@temporalio/common';
import { ContinueAsNew, patched } from '@temporalio/workflow';
import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

/**
 * Code of another version may meet the history of a workflow: after a roll back, or if a worker with other code
 * serves the same queue. The SDK notices this where the commands differ. It fails the task of the workflow, and
 * the server gives the task to workers again until one has the right code. This file notices the remaining
 * case: code that throws during a replay because it meets something unknown. A worker loads this file as its
 * interceptors (scripts/bundle-workflows.mjs). Each workflow loads its own copy, so a variable of the module
 * belongs to one workflow.
 */
let unfit: Error | null = null;

/**
 * A marker that goes into the history where a bug first showed, so that the same error in a replay counts as
 * that bug.
 */
const BUG = 'bug';

/** The history has something that this code does not know and another version does. */
class UnfitCode extends Error {
  override readonly name = 'UnfitCode';
}

/**
 * Decides what an error of workflow code means. Each `catch` that does more than rethrow must call it. A bug,
 * or a failure that Temporal reports for an activity or child, is left to the caller. An error during a replay
 * that the history does not have comes from code that does not fit. The task then fails at its end, and nothing
 * that the caller does takes effect.
 */
export function judge(error: unknown): void {
  if (error instanceof TemporalFailure || error instanceof ContinueAsNew) return;
  if (error instanceof UnfitCode || !patched(BUG)) {
    unfit ??= error instanceof Error ? error : new Error(String(error));
  }
}

/**
 * Judges an error of `work` at once, while it is known whether this is a replay. The caller may meet the error
 * only after other work.
 */
export async function judged<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    judge(error);
    throw error;
  }
}

/**
 * Throws if the input of a workflow has a key that this code does not know: code of another version began the
 * workflow.
 */
export function requireKnown<T extends object>(input: T, known: Readonly<Record<keyof T, true>>): void {
  const unknown = Object.keys(input).filter((key) => !Object.hasOwn(known, key));
  if (unknown.length > 0) {
    throw new UnfitCode(`the workflow's input has what this version does not know: ${unknown.join(', ')}`);
  }
}

/** A bug fails the workflow, and people see that. The SDK would fail its task again and again. */
async function ending<T>(work: Promise<T>): Promise<T> {
  try {
    return await judged(work);
  } catch (error) {
    throw error instanceof ContinueAsNew ? error : ensureTemporalFailure(error);
  }
}

export const interceptors: WorkflowInterceptorsFactory = () => ({
  inbound: [
    {
      execute: (input, next) => ending(next(input)),
      handleSignal: (input, next) => ending(next(input)),
    },
  ],
  internals: [
    {
      concludeActivation(input, next) {
        if (unfit !== null) {
          throw new UnfitCode(`this version does not fit the history: ${unfit.name}: ${unfit.message}`);
        }
        return next(input);
      },
    },
  ],
});
