import {
  CancellationScope,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { Routing, RunAdvance, RunRef } from '../activities/contract.js';
import { bookkeeping, cpu, embedding, gpu } from './activities.js';
import { failureOf } from './failure.js';
import type { SharedByRuns } from './fan-out.js';
import { SEARCH_ATTRIBUTES } from './names.js';
import { Redirections } from './redirections.js';

export interface RunInput extends RunRef, SharedByRuns {
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
  let { queue }: Routing = advanced ?? (input.routed === true ? await bookkeeping.routeRun(ref) : {});
  const redirections = new Redirections();
  for (let activities = 0; activities < ACTIVITIES_PER_EXECUTION; activities++) {
    const summary = `invocations from ${advanced?.next ?? 0} on`;
    const before: number = advanced?.next ?? -1;
    advanced = await gpu.advanceRun.executeWithOptions({ summary, ...on(queue) }, [ref]);
    setCurrentDetails(describe(advanced));
    const short = activities === 0 && input.advanced === undefined;
    // Each change of a search attribute is a write of the server's: a run that is over in a second is only told finished.
    if (short ? advanced.ended === null : advanced.ended !== null) {
      setStatus(advanced, advanced.ended === null ? 'invoking' : 'analysing');
    }
    if (advanced.ended !== null) return { ...advanced, ended: advanced.ended };
    if (advanced.next > before) redirections.forget();
    else if (advanced.queue !== queue) await redirections.follow(advanced.queue);
    queue = advanced.queue;
  }
  return continueAsNew<typeof run>({ ...input, advanced: advanced! });
}

/** Leaves out what the last activity of the trajectory found time for. */
async function embedAndMeasure(input: RunInput, model: string, done: RunAdvance): Promise<void> {
  const ref = { experiment: input.experiment, index: input.index };
  if (done.embedded?.includes(model) !== true) {
    await embed(ref, model, done.embeddingQueues?.[model]);
  }
  if (done.measured?.includes(model) !== true) {
    await cpu.diagramRun.executeWithOptions({ summary: model }, [ref, model]);
  }
}

async function embed(ref: RunRef, model: string, firstQueue: string | undefined): Promise<void> {
  const redirections = new Redirections();
  for (let queue = firstQueue; ;) {
    const made = await embedding.embedRun.executeWithOptions({ summary: model, ...on(queue) }, [ref, model]);
    if (typeof made === 'number') return;
    queue = made.queue;
    await redirections.follow(queue);
  }
}

function on(queue: string | undefined): { taskQueue?: string } {
  return queue === undefined ? {} : { taskQueue: queue };
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
