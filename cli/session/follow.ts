import { CancelledFailure, TerminatedFailure } from '@temporalio/common';
import { WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import type { Client, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { failureFacts } from '../../activities/failure-kinds.js';
import type { ExperimentOutcome } from '../../workflows/contract.js';
import type { ExperimentRow, Store } from '../../db/index.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { experimentFile, runCount } from '../../experiment/config.js';
import { PanicError } from '../../common/errors.js';
import type { experiment } from '../../workflows/index.js';
import {
  experimentWorkflowId,
  SEARCH_ATTRIBUTES,
  sharePriority,
  startAttributes,
  TASK_QUEUES,
} from '../../workflows/names.js';
import { codeSpan } from '../../workflows/markdown.js';
import { excerpt, oneLine } from '../terminal/format.js';
import type { LiveProgress } from '../terminal/live-display.js';
import { blockedOfExperiment, openActivities } from './open-activities.js';
import { note } from '../terminal/output.js';
import { outageNotes } from './patience.js';
import type { OutageWords } from './patience.js';
import { progressDisplay } from '../terminal/progress.js';
import { surrogatesMade } from '../documents/surrogates-made.js';
import type { Expected, Standing } from '../terminal/progress.js';
import { blockedStandstill, standstillOf } from './standstill.js';
import type { Standstill } from './standstill.js';
import { isOutage, outageReason, patiently } from '../../workers/patience.js';
import type { Outage } from '../../workers/patience.js';
import type { Session } from './connection.js';

const POLL_MS = 500;
/** The display explains counts that have not changed for so long. */
const STILL_MS = 3000;
const ASK_AGAIN_MS = 2000;
/** A summary has 400 bytes (`limit.userMetadataSummarySize` of Temporal). */
const NAME_WIDTH = 80;

export type ExperimentHandle = WorkflowHandleWithFirstExecutionRunId<typeof experiment>;

/**
 * Starts the workflow of the experiment, or finds it running. The rows decide what is left to do. A workflow
 * that still waits for the end of a pause, although the rows have no pause any more, gets the signal `resume`.
 */
export async function startExperiment(
  { client, unindexed }: Pick<Session, 'client' | 'unindexed'>,
  id: string,
  config: ExperimentConfig,
): Promise<ExperimentHandle> {
  // A workflow cannot start with attributes that its namespace lacks.
  const indexing = (await unindexed()) === null ? {} : ({ unindexed: true } as const);
  const handle = await client.workflow.start<typeof experiment>('experiment', {
    taskQueue: TASK_QUEUES.main,
    workflowId: experimentWorkflowId(id),
    args: [experimentFile(config)],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
    typedSearchAttributes: startAttributes(id, 'planning', indexing),
    priority: sharePriority({ experiment: id, weight: config.weight }),
    staticSummary: `experiment ${id}${config.name === null ? '' : ` ${codeSpan(excerpt(config.name, NAME_WIDTH))}`}: ${runCount(config)} runs`,
  });
  const { typedSearchAttributes } = await handle.describe();
  const shown = typedSearchAttributes.get(SEARCH_ATTRIBUTES.status);
  // Without attributes nothing shows whether the workflow waits. If it does not wait, the signal changes
  // nothing.
  if (shown === 'paused' || indexing.unindexed === true) await handle.signal('resume');
  return handle;
}

/**
 * How a followed workflow ended: with its result, by an error of its own, or because a command or an operator
 * ended it. `gone`: the service no longer knows the workflow.
 */
export type Followed =
  | { readonly kind: 'result'; readonly status: ExperimentOutcome }
  | { readonly kind: 'failed'; readonly error: Error }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'terminated'; readonly reason: string }
  | { readonly kind: 'gone' };

export interface FollowOptions {
  readonly silent: boolean;
  readonly diagramsExpected: number;
  /** Default: 0. */
  readonly surrogatesExpected?: number;
  /**
   * What the user reads while the rows cannot be read, or while the Temporal service cannot say how the
   * workflow ended.
   */
  readonly words: OutageWords;
  readonly signal: AbortSignal;
}

/**
 * Shows progress until the workflow ends. If the store or the Temporal service does not answer, it waits as
 * long as that takes, and the display says so.
 * @throws what the store or the service refuses with, or the reason of the signal when it is raised.
 */
export async function follow(
  handle: ExperimentHandle,
  store: Store,
  id: string,
  { silent, diagramsExpected, surrogatesExpected = 0, words, signal }: FollowOptions,
): Promise<Followed> {
  const expected = { diagrams: diagramsExpected, surrogates: surrogatesExpected };
  const display = progressDisplay({ silent, expected });
  const watch = watched(handle, store, id, expected, words);
  const ended = new AbortController();
  const outcome = outcomeOf(handle, words, signal).finally(() => ended.abort());
  // The end of this function awaits it. Until then its rejection must not count as unhandled.
  outcome.catch(() => undefined);
  const untilEnd = AbortSignal.any([signal, ended.signal]);
  try {
    while (!untilEnd.aborted) {
      const standing = await patiently(() => watch.look(), {
        signal: untilEnd,
        onOutage: (outage) => {
          const last = watch.outage(outage);
          if (last !== null) display.show(last);
        },
      });
      if (standing !== null) display.show(standing);
      await sleep(POLL_MS, undefined, { signal: untilEnd });
    }
    // The user may have stopped the command before the first look.
    signal.throwIfAborted();
  } catch (error) {
    if (!ended.signal.aborted || signal.aborted) throw error;
  } finally {
    if (ended.signal.aborted && !signal.aborted) await showLast(watch, display);
    display.done();
  }
  return await outcome;
}

/** Shows the counts at the end, if the store answers. The summary after them waits for the store. */
async function showLast(watch: Watch, display: LiveProgress<Standing>): Promise<void> {
  try {
    const standing = await watch.look();
    watch.outage(null);
    if (standing !== null) display.show({ ...standing, standstill: null });
  } catch (error) {
    if (!isOutage(error)) throw error;
  }
}

interface Watch {
  /** Where the experiment stands. Null while it has no rows. Throws what the store throws. */
  look(): Promise<Standing | null>;
  /**
   * Where the experiment stood at the last answer of the store, with the outage. Null if the store never
   * answered. Notes the begin and the end of an outage.
   */
  outage(outage: Outage | null): Standing | null;
}

function watched(
  handle: ExperimentHandle,
  store: Store,
  id: string,
  expected: Expected,
  words: OutageWords,
): Watch {
  let paused = false;
  let last: Standing | null = null;
  const tell = outageNotes(words);
  const stalls = standstills(handle, store);

  async function look(): Promise<Standing | null> {
    const row = await store.experiments.find(id);
    if (row === null) return null;
    const progress = await store.summaries.progress(id);
    const surrogates = await surrogatesMade(store, id, progress, expected.surrogates);
    if ((row.pausedAt !== null) !== paused) {
      paused = !paused;
      note(paused ? 'Paused; "resume" in another terminal lets it go on.' : 'It goes on.');
    }
    const standing = { progress, surrogates, paused, awaySince: null };
    last = { ...standing, standstill: stalls(row, standing) };
    return last;
  }

  return {
    look,
    outage(outage) {
      tell(outage);
      if (last === null || outage === null) return last;
      const { reason, since, nextTryAt } = outage;
      return {
        ...last,
        awaySince: since,
        standstill: { kind: 'waiting', text: oneLine(reason), nextTryAt },
      };
    },
  };
}

/**
 * Asks the Temporal service why nothing moves, after three seconds without a change and at most every other
 * second. The answer is for the next look, so a slow service does not hold up the display.
 */
function standstills(
  handle: ExperimentHandle,
  store: Store,
): (row: ExperimentRow, standing: Omit<Standing, 'standstill'>) => Standstill | null {
  let shown = '';
  let movedAt = performance.now();
  let askAt = 0;
  let known: Standstill | null = null;

  async function ask(row: ExperimentRow, counts: string): Promise<void> {
    let found: Standstill | null = null;
    try {
      const blocked = await blockedOfExperiment(handle.client, store, row);
      found =
        blocked === null
          ? standstillOf(await openActivities(handle.client, store, row), Date.now())
          : blockedStandstill(blocked);
    } catch (error) {
      // The explanation is an extra. Leave out what cannot be found, except an outage, since the experiment may
      // be waiting for just that.
      if (isOutage(error)) {
        const text = `no answer: ${oneLine(outageReason(error))}`;
        found = { kind: 'waiting', text, nextTryAt: null };
      }
    }
    if (counts === shown) known = found;
    askAt = performance.now() + ASK_AGAIN_MS;
  }

  return (row, standing) => {
    const counts = JSON.stringify(standing);
    const now = performance.now();
    if (counts !== shown || standing.paused) {
      shown = counts;
      movedAt = now;
      known = null;
    } else if (now - movedAt >= STILL_MS && now >= askAt) {
      askAt = Infinity;
      void ask(row, counts);
    }
    return known;
  };
}

async function outcomeOf(
  handle: ExperimentHandle,
  words: OutageWords,
  signal: AbortSignal,
): Promise<Followed> {
  const tell = outageNotes(words);
  for (;;) {
    try {
      const { status } = await handle.result();
      return { kind: 'result', status };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof WorkflowFailedError) return endOf(error);
      if (error instanceof WorkflowNotFoundError) return { kind: 'gone' };
      if (!isOutage(error)) throw error;
      const now = Date.now();
      const reason = `the Temporal service does not answer: ${outageReason(error)}`;
      tell({ reason, since: now, nextTryAt: now + POLL_MS });
    }
    await sleep(POLL_MS, undefined, { signal });
    // The result may come only in days. Ask for the state instead, to learn when the service answers again.
    await patiently(() => isThere(handle), { signal });
    tell(null);
  }
}

async function isThere(handle: ExperimentHandle): Promise<boolean> {
  try {
    await handle.describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

function endOf(error: WorkflowFailedError): Followed {
  if (error.cause instanceof CancelledFailure) return { kind: 'cancelled' };
  if (error.cause instanceof TerminatedFailure) return { kind: 'terminated', reason: error.cause.message };
  return { kind: 'failed', error: rootCause(error) };
}

/** The innermost error of a workflow's failure. */
function rootCause(error: Error): Error {
  let cause = error;
  while (cause.cause instanceof Error) cause = cause.cause;
  const type = 'type' in cause ? cause.type : undefined;
  return failureFacts(type)?.asksUser === true ? new PanicError('InvalidInput', cause.message) : cause;
}

/**
 * Ends workflows that an interrupted `run` of another experiment left open in the embedded server, since the
 * user asked only for this experiment. The rows of the others stay, and `resume` continues them. Returns their
 * ids.
 */
export async function setOthersAside(client: Client, id: string): Promise<string[]> {
  const open = client.workflow.list({ query: `WorkflowType = "experiment" AND ExecutionStatus = "Running"` });
  const others: string[] = [];
  for await (const { workflowId, runId, typedSearchAttributes } of open) {
    if (workflowId === experimentWorkflowId(id)) continue;
    await client.workflow.getHandle(workflowId, runId).terminate(`set aside: experiment ${id} was asked for`);
    others.push(typedSearchAttributes.get(SEARCH_ATTRIBUTES.experiment) ?? workflowId);
  }
  return others;
}
