import { ensureTemporalFailure, TemporalFailure } from '@temporalio/common';
import { ContinueAsNew, patched } from '@temporalio/workflow';
import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

/**
 * Code of another version may meet the history of a workflow: after a roll back, or where a worker with other code serves the same
 * queue. The SDK sees it where the commands differ, and fails the workflow's task, which the server gives to a worker again until one
 * has the right code. This sees it in the rest: code that throws at what it does not know, while it is replayed. A worker loads this
 * file as its interceptors (scripts/bundle-workflows.mjs), once for each workflow, so that what a module keeps is one workflow's.
 */
let unfit: Error | null = null;

/** Goes into the history where a bug first showed, so that the same error in a replay is known for that bug. */
const BUG = 'bug';

/** This code does not know what a history has; another version does. */
class UnfitCode extends Error {
  override readonly name = 'UnfitCode';
}

/**
 * Decides what an error of workflow code is, and is to be asked by each `catch` that does more than throw it again. A bug, or what
 * Temporal tells of activities and children, is left to the caller. An error that code has in a replay, and that the history has not, is
 * of code that does not fit: then the task fails at its end, and nothing that the caller does has an effect.
 */
export function judge(error: unknown): void {
  if (error instanceof TemporalFailure || error instanceof ContinueAsNew) return;
  if (error instanceof UnfitCode || !patched(BUG)) {
    unfit ??= error instanceof Error ? error : new Error(String(error));
  }
}

/** Work whose error waits for other work before it is met: it is judged at once, while it is known whether this is a replay. */
export async function judged<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    judge(error);
    throw error;
  }
}

/** Throws where the input of a workflow has what this code does not know: the workflow was begun by code of another version. */
export function requireKnown<T extends object>(input: T, known: Readonly<Record<keyof T, true>>): void {
  const unknown = Object.keys(input).filter((key) => !Object.hasOwn(known, key));
  if (unknown.length > 0) {
    throw new UnfitCode(`the workflow's input has what this version does not know: ${unknown.join(', ')}`);
  }
}

/** A bug fails the workflow, which people see; the SDK would fail its task again and again. */
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
