import {
  CancellationScope,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { Analysed, RunAdvance, RunRef } from '../activities/contract.js';
import { bookkeeping, cpu, embedding, gpu } from './activities.js';
import { failureOf } from './failure.js';
import { SEARCH_ATTRIBUTES } from './names.js';

export interface RunInput extends RunRef {
  readonly embeddingModels: readonly string[];
  /** What the execution before this one knew, when this one continues it. */
  readonly advanced?: RunAdvance;
}

export interface RunResult {
  readonly length: number;
  readonly ended: 'length' | 'cycle';
}

// Replaying one activity costs about 4 ms: 200 keep a restart under a second, and continuing as new is cheap.
const ACTIVITIES_PER_EXECUTION = 200;

/**
 * One run from its prompt to its persistence diagrams: invocations in sequence, then embeddings and diagrams.
 * Continues as new every 200 activities of the trajectory, carrying its ids and where it stands.
 */
export async function run(input: RunInput): Promise<RunResult> {
  try {
    const end = await advanceToTheEnd(input);
    // Every model's work is kept, also when another one's fails.
    const measured = await Promise.allSettled(
      input.embeddingModels.map((model) => embedAndMeasure(input, model, end)),
    );
    for (const outcome of measured) if (outcome.status === 'rejected') throw outcome.reason;
    setStatus(end, end.ended === 'cycle' ? 'cycle' : 'finished');
    return { length: end.next, ended: end.ended };
  } catch (error) {
    await writeDownTheStop(input, error);
    throw error;
  }
}

async function advanceToTheEnd(
  input: RunInput,
): Promise<RunAdvance & { readonly ended: 'length' | 'cycle' }> {
  const ref = { experiment: input.experiment, index: input.index };
  let advanced = input.advanced;
  for (let activities = 0; activities < ACTIVITIES_PER_EXECUTION; activities++) {
    const summary = `invocations from ${advanced?.next ?? 0} on`;
    advanced = await gpu.advanceRun.executeWithOptions({ summary }, [ref]);
    setCurrentDetails(describe(advanced));
    const short = activities === 0 && input.advanced === undefined;
    // Each change of a search attribute is a write of the server's: a run that is over in a second is only told finished.
    if (short ? advanced.ended === null : advanced.ended !== null) {
      setStatus(advanced, advanced.ended === null ? 'invoking' : 'analysing');
    }
    if (advanced.ended !== null) return { ...advanced, ended: advanced.ended };
  }
  return continueAsNew<typeof run>({ ...input, advanced: advanced! });
}

/** Leaves out what the last activity of the trajectory found time for. */
async function embedAndMeasure(input: RunInput, model: string, done: Analysed): Promise<void> {
  const ref = { experiment: input.experiment, index: input.index };
  if (done.embedded?.includes(model) !== true) {
    await embedding.embedRun.executeWithOptions({ summary: model }, [ref, model]);
  }
  if (done.measured?.includes(model) !== true) {
    await cpu.diagramRun.executeWithOptions({ summary: model }, [ref, model]);
  }
}

function setStatus(advanced: RunAdvance, status: string): void {
  upsertSearchAttributes([
    { key: SEARCH_ATTRIBUTES.network, value: advanced.network },
    { key: SEARCH_ATTRIBUTES.status, value: status },
  ]);
}

function describe({ network, seed, prompt, next, maxLength, ended, cycleLength }: RunAdvance): string {
  const cycle = cycleLength === null ? '' : `, in a cycle of ${cycleLength}`;
  const state = ended === null ? '' : ended === 'cycle' ? ' - ended at its cycle' : ' - complete';
  return `**${network}**, seed ${seed}\n\n> ${prompt}\n\n${next} of at most ${maxLength} invocations${cycle}${state}`;
}

/** The row must say how the run stopped even when the workflow is being cancelled. */
async function writeDownTheStop(input: RunInput, error: unknown): Promise<void> {
  const ref = { experiment: input.experiment, index: input.index };
  const outcome = isCancellation(error) ? ({ status: 'cancelled' } as const) : failureOf(error);
  if (outcome === null) return;
  upsertSearchAttributes([{ key: SEARCH_ATTRIBUTES.status, value: outcome.status }]);
  await CancellationScope.nonCancellable(() => bookkeeping.stopRun(ref, outcome));
}
