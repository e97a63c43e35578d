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
/** Counts that have not changed for so long are explained. */
const STILL_MS = 3000;
const ASK_AGAIN_MS = 2000;
/** A summary has 400 bytes (`limit.userMetadataSummarySize` of Temporal). */
const NAME_WIDTH = 80;

export type ExperimentHandle = WorkflowHandleWithFirstExecutionRunId<typeof experiment>;

/**
 * Starts the experiment's workflow, or finds it running. The rows decide what there is left to do; one that still waits for the end
 * of a pause of which the rows know nothing any more is told.
 */
export async function startExperiment(
  { client, unindexed }: Pick<Session, 'client' | 'unindexed'>,
  id: string,
  config: ExperimentConfig,
): Promise<ExperimentHandle> {
  // A workflow cannot be started with attributes that its namespace lacks.
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
  // Without attributes nothing shows whether it waits; where it does not, the signal changes nothing.
  if (shown === 'paused' || indexing.unindexed === true) await handle.signal('resume');
  return handle;
}

/**
 * How a followed workflow ended: with its result, by an error of its own, or because another command, or an operator, ended it. `gone`: the
 * service has no such workflow any more.
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
  /** Default: none. */
  readonly surrogatesExpected?: number;
  /** What is told where the rows cannot be read, or the Temporal service cannot be asked how the workflow ended. */
  readonly words: OutageWords;
  readonly signal: AbortSignal;
}

/**
 * Shows progress until the workflow ends. A store or a Temporal service that is away is waited for, as long as it takes, and the display
 * says so.
 * @throws what the store or the service refuses with; the signal's reason when it is raised.
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
  // Its rejection is met below; until then it must not count as unhandled.
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
  } catch (error) {
    if (!ended.signal.aborted || signal.aborted) throw error;
  } finally {
    if (ended.signal.aborted && !signal.aborted) await showLast(watch, display);
    display.done();
  }
  return await outcome;
}

/** The counts at the end, where the store answers; the summary after them waits for it. */
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
  /** Where the experiment stands; null while it has no rows. Throws what the store throws. */
  look(): Promise<Standing | null>;
  /** Where it stood when the store answered last, and that it does not now; null where it never answered. Notes it at its begin and end. */
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
 * Asks the Temporal service why nothing moves, where nothing has for three seconds, and at most every other second. The answer is
 * for the next look: a service that is slow to answer holds up no display.
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
      // An extra: what cannot be found out is left out, unless that is itself what is waited for.
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
    // The result comes at the end, perhaps in days: what it is asked for now says that there are answers again.
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

/** A workflow's failure as the error that caused it. */
function rootCause(error: Error): Error {
  let cause = error;
  while (cause.cause instanceof Error) cause = cause.cause;
  const type = 'type' in cause ? cause.type : undefined;
  return failureFacts(type)?.asksUser === true ? new PanicError('InvalidInput', cause.message) : cause;
}

/**
 * Ends workflows that an interrupted `run` of another experiment left open in the embedded server: whoever runs one
 * experiment does not ask for the others. Their rows stay, and `resume` continues them. Returns their ids.
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
