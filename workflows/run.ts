import { CancelledFailure, CancellationScope, continueAsNew, setCurrentDetails } from '@temporalio/workflow';
import type { Plan, Routing, RunAdvance, RunRef } from './contract.js';
import { bookkeeping, cpu, embedding, gpu } from './activities.js';
import { setAttributes } from './attributes.js';
import { failureOf } from './failure.js';
import { judge, judged, requireKnown } from './fit.js';
import { FREE, Hold, isInterruption } from './hold.js';
import type { Held } from './hold.js';
import { codeSpan } from './markdown.js';
import { SEARCH_ATTRIBUTES } from './names.js';
import type { Indexing } from './names.js';
import { Redirections } from './redirections.js';

/** What every run of an experiment gets. */
export type SharedByRuns = Pick<Plan, 'experiment' | 'embeddingModels' | 'routed' | 'unindexed'>;

/** Picks these fields from a plan, or from another object that has them. */
export function sharedByRuns({ experiment, embeddingModels, routed, unindexed }: SharedByRuns): SharedByRuns {
  return {
    experiment,
    embeddingModels,
    ...(routed === undefined ? {} : { routed }),
    ...(unindexed === undefined ? {} : { unindexed }),
  };
}

export interface RunInput extends RunRef, SharedByRuns {
  /** Where the previous execution stopped, if this one continues it. */
  readonly advanced?: RunAdvance;
  /** What held the run, if it continues as new while it is paused. */
  readonly held?: Held;
}

const KNOWN_INPUT: Readonly<Record<keyof RunInput, true>> = {
  experiment: true,
  index: true,
  embeddingModels: true,
  routed: true,
  unindexed: true,
  advanced: true,
  held: true,
};

export interface RunResult {
  readonly length: number;
  readonly ended: 'length' | 'cycle';
}

// Replaying one activity costs about 4 ms. With 200 a restart takes less than a second, and continuing as new
// is cheap.
const ACTIVITIES_PER_EXECUTION = 200;

/**
 * Drives one run from its prompt to its persistence diagrams: invocations in sequence, then embeddings and
 * diagrams. Continues as new after 200 activities of the trajectory, and passes on its ids and where it stands.
 */
export async function run(input: RunInput): Promise<RunResult> {
  requireKnown(input, KNOWN_INPUT);
  const shown: Shown = { status: 'invoking', details: '' };
  const hold = holdOf(input, shown);
  try {
    const end = await advanceToTheEnd(input, hold, shown);
    // The work for every model is kept, also if the work for another model fails.
    const measured = await Promise.allSettled(
      input.embeddingModels.map((model) => judged(embedAndMeasure(input, model, end, hold))),
    );
    for (const outcome of measured) if (outcome.status === 'rejected') throw outcome.reason;
    setStatus(input, end, end.ended === 'cycle' ? 'cycle' : 'finished');
    await hold.settled();
    return { length: end.next, ended: end.ended };
  } catch (error) {
    judge(error);
    await hold.settled();
    await writeDownTheStop(input, error);
    throw error;
  }
}

/** What the web UI shows of a run that is not held. */
interface Shown {
  status: 'invoking' | 'analysing';
  details: string;
}

/** The web UI shows a pause in the status of the run and in the first line of its details. */
function holdOf(input: RunInput, shown: Shown): Hold {
  const { experiment, index, held = FREE } = input;
  return new Hold(
    held,
    (paused) => {
      const status = paused ? 'paused' : shown.status;
      setAttributes(input, [{ key: SEARCH_ATTRIBUTES.status, value: status }]);
      setCurrentDetails(paused ? `**paused**\n\n${shown.details}` : shown.details);
    },
    (paused) => bookkeeping.recordPause({ experiment, index }, paused),
  );
}

async function advanceToTheEnd(
  input: RunInput,
  hold: Hold,
  shown: Shown,
): Promise<RunAdvance & { readonly ended: 'length' | 'cycle' }> {
  const ref = { experiment: input.experiment, index: input.index };
  let advanced = input.advanced;
  let { queue }: Routing = advanced ?? (input.routed === true ? await bookkeeping.routeRun(ref) : {});
  const redirections = new Redirections();
  for (let activities = 0; activities < ACTIVITIES_PER_EXECUTION; activities++) {
    const summary = `invocations from ${advanced?.next ?? 0} on`;
    const before: number = advanced?.next ?? -1;
    const { resumes } = hold;
    advanced = await hold.whileFree(() =>
      gpu.advanceRun.executeWithOptions({ summary, ...on(queue) }, [ref]),
    );
    if (advanced.held !== undefined) {
      learn(hold, advanced.held, resumes);
      continue;
    }
    shown.details = describe(advanced);
    setCurrentDetails(shown.details);
    if (advanced.ended !== null) shown.status = 'analysing';
    const short = activities === 0 && input.advanced === undefined;
    // Each change of a search attribute makes the server write. A run that ends within one activity therefore
    // sets only its last status.
    if (short ? advanced.ended === null : advanced.ended !== null) {
      setStatus(input, advanced, advanced.ended === null ? 'invoking' : 'analysing');
    }
    if (advanced.ended !== null) return { ...advanced, ended: advanced.ended };
    if (advanced.next > before) redirections.forget();
    else if (advanced.queue !== queue) await redirections.follow(advanced.queue);
    queue = advanced.queue;
  }
  await hold.settled();
  return continueAsNew<typeof run>({
    ...input,
    advanced: advanced!,
    ...(hold.paused ? { held: hold.state } : {}),
  });
}

/** Takes over a hold from the rows. The rows also know what a user asked for before this workflow began. */
function learn(hold: Hold, held: NonNullable<RunAdvance['held']>, resumes: number): void {
  if (held === 'run-cancelled') throw new CancelledFailure('the run was cancelled before it began');
  hold.learn(held === 'run-paused' ? 'self' : 'parent', resumes);
}

/** Embeds and measures for one model, without the part that the last activity of the trajectory already did. */
async function embedAndMeasure(input: RunInput, model: string, done: RunAdvance, hold: Hold): Promise<void> {
  const ref = { experiment: input.experiment, index: input.index };
  if (done.embedded?.includes(model) !== true) {
    await embed(ref, model, done.embeddingQueues?.[model], hold);
  }
  if (done.measured?.includes(model) !== true) {
    await hold.whileFree(() => cpu.diagramRun.executeWithOptions({ summary: model }, [ref, model]));
  }
}

async function embed(ref: RunRef, model: string, firstQueue: string | undefined, hold: Hold): Promise<void> {
  const redirections = new Redirections();
  for (let queue = firstQueue; ;) {
    const options = { summary: model, ...on(queue) };
    const made = await hold.whileFree(() => embedding.embedRun.executeWithOptions(options, [ref, model]));
    if (typeof made === 'number') return;
    queue = made.queue;
    await redirections.follow(queue);
  }
}

function on(queue: string | undefined): { taskQueue?: string } {
  return queue === undefined ? {} : { taskQueue: queue };
}

function setStatus(indexing: Indexing, advanced: RunAdvance, status: string): void {
  setAttributes(indexing, [
    { key: SEARCH_ATTRIBUTES.network, value: advanced.network },
    { key: SEARCH_ATTRIBUTES.status, value: status },
  ]);
}

function describe({ network, seed, prompt, next, maxLength, ended, cycleLength }: RunAdvance): string {
  const cycle = cycleLength === null ? '' : `, in a cycle of ${cycleLength}`;
  const state = ended === null ? '' : ended === 'cycle' ? ' - ended at its cycle' : ' - complete';
  return `${codeSpan(network)}, seed ${seed}\n\n> ${codeSpan(prompt)}\n\n${next} of at most ${maxLength} invocations${cycle}${state}`;
}

/** The row must say how the run stopped, even while the workflow is being cancelled. */
async function writeDownTheStop(input: RunInput, error: unknown): Promise<void> {
  const ref = { experiment: input.experiment, index: input.index };
  const outcome = isInterruption(error) ? ({ status: 'cancelled' } as const) : failureOf(error);
  if (outcome === null) return;
  setAttributes(input, [{ key: SEARCH_ATTRIBUTES.status, value: outcome.status }]);
  await CancellationScope.nonCancellable(() => bookkeeping.stopRun(ref, outcome));
}
