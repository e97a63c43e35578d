import { setTimeout as sleep } from 'node:timers/promises';
import type { ExperimentRow, RunRow, Store } from '../../db/index.js';
import { isOpenExperiment } from '../../experiment/experiment-status.js';
import { hasEnded, isUnderWay } from '../../experiment/run-status.js';
import { PanicError } from '../../common/errors.js';
import { isOutage, outageReason } from '../../workers/patience.js';
import { blockedText } from '../documents/blocked.js';
import { readingExperiments } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { createObserver, elsewhereText, stateText } from '../session/who-drives.js';
import { findExperiment } from '../lookup/find-experiment.js';
import { plural } from '../terminal/format.js';
import { openExperimentWorkflow, openRunWorkflow } from '../session/open-workflow.js';
import { requireExperiment, requireRun, withWritableStore } from '../session/open-for-writing.js';
import { note, print, printJson } from '../terminal/output.js';
import { outageNotes } from '../session/patience.js';
import { findSession } from '../session/open.js';

const POLL_MS = 200;

/** `cancel ID`: asks the workflow to end, and waits until the rows say that it has. */
export async function cancelExperiment(context: Context, id: string, waitMs: number): Promise<number> {
  return await readingExperiments(context, async (store) => {
    const row = await findExperiment(context, store, id);
    const session = await findSession(context);
    try {
      const workflow = session === null ? null : await openExperimentWorkflow(session, row);
      if (workflow === null) throw await notRunning(context, row);
      await workflow.cancel();
      note(`Cancelling experiment ${row.id}.`);
      const cancelled = await untilEnded(store, row.id, waitMs);
      if (!cancelled) await noteBlocked(context, store, row);
      return await report(context, store, row.id, cancelled);
    } finally {
      await session?.stop();
    }
  });
}

/**
 * `cancel ID --run K`: cancels one run of an experiment that is running. The run counts as not finished, and
 * the experiment continues with the others. The row is written first, so that a run which has not begun does
 * not begin.
 */
export async function cancelRun(
  context: Context,
  id: string,
  index: number,
  waitMs: number,
): Promise<number> {
  return await withWritableStore(context, async (store) => {
    const row = await requireExperiment(context, store, id);
    const run = await requireRun(store, row, index);
    const session = await findSession(context);
    try {
      if (session === null || (await openExperimentWorkflow(session, row)) === null) {
        throw await notRunning(context, row);
      }
      if (hasEnded(run.status) || run.hold === 'cancelled') {
        throw new PanicError(
          'InvalidInput',
          `run ${index} of experiment ${row.id} is ${run.hold ?? run.status}; there is nothing to cancel`,
        );
      }
      await store.runs.setHold(run, 'cancelled', Date.now());
      const workflow = await openRunWorkflow(session, row.id, index);
      await workflow?.cancel();
      const ended = workflow === null || (await untilRunEnded(store, run, waitMs));
      if (!ended) await noteBlocked(context, store, row);
      return reportRun(context, await store.runs.get(row.id, index), ended);
    } finally {
      await session?.stop();
    }
  });
}

/**
 * A workflow that waits for other code does not react until a worker has that code, or until an operator
 * terminates the workflow.
 */
async function noteBlocked(context: Context, store: Store, row: ExperimentRow): Promise<void> {
  const observer = createObserver(context);
  try {
    const blocked = await observer.blocked(store, row);
    if (blocked === null) return;
    note(
      `${blockedText(blocked)}. It ends then; "temporal workflow terminate --workflow-id ${blocked.example.workflowId}" ends it at once.`,
    );
  } finally {
    await observer.close();
  }
}

function untilRunEnded(store: Store, { experimentId, runIndex }: RunRow, waitMs: number): Promise<boolean> {
  return isSoWithin(waitMs, async () => {
    const { status } = await store.runs.get(experimentId, runIndex);
    return !isUnderWay(status);
  });
}

/** Whether `isSo` becomes true within the time. A store that does not answer may answer again within it. */
async function isSoWithin(waitMs: number, isSo: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  const tell = outageNotes();
  for (;;) {
    try {
      const so = await isSo();
      tell(null);
      if (so) return true;
    } catch (error) {
      if (!isOutage(error)) throw error;
      const now = Date.now();
      tell({ reason: outageReason(error), since: now, nextTryAt: now + POLL_MS });
    }
    if (performance.now() >= deadline) return false;
    await sleep(POLL_MS);
  }
}

function reportRun(context: Context, { experimentId, runIndex, status }: RunRow, ended: boolean): number {
  const outcome = status === 'pending' ? 'cancelled' : status;
  if (context.json) printJson({ experiment: experimentId, run: runIndex, status: outcome, ended });
  if (!ended) {
    note(`Run ${runIndex} was told to end and has not yet; perhaps no worker serves it.`);
    return EXIT.unknown;
  }
  if (outcome !== 'cancelled')
    note(`Run ${runIndex} had ended by itself (${status}) before it could be cancelled.`);
  else if (!context.json) {
    const resume = context.command('resume', experimentId, '--run', runIndex);
    print(`Run ${runIndex} is cancelled; what is stored stays. "${resume}" lets it go on.`);
  }
  return EXIT.ok;
}

/** Whether the rows say within the time that the experiment and each of its runs has ended. */
function untilEnded(store: Store, id: string, waitMs: number): Promise<boolean> {
  return isSoWithin(waitMs, async () => {
    const { status } = await store.experiments.get(id);
    const { running } = await store.experiments.runsByStatus(id);
    return !isOpenExperiment(status) && running === 0;
  });
}

async function report(context: Context, store: Store, id: string, ended: boolean): Promise<number> {
  const { status } = await store.experiments.get(id);
  const runs = await store.experiments.runsByStatus(id);
  const { invocations } = await store.summaries.progress(id);
  if (context.json) printJson({ experiment: id, status, ended, runs, invocations });
  if (!ended) {
    note(
      `The experiment was told to end and has not yet; perhaps no worker serves it. "${context.command('status', id)}" shows where it stands.`,
    );
    return EXIT.unknown;
  }
  if (status !== 'cancelled') note('The experiment had ended by itself before it could be cancelled.');
  else if (!context.json) {
    print(
      `Cancelled. ${plural(invocations, 'invocation')} and ${plural(runs.finished, 'finished run')} stay; "${context.command('resume', id)}" continues.`,
    );
  }
  return EXIT.ok;
}

async function notRunning(context: Context, row: ExperimentRow): Promise<PanicError> {
  const { id, status } = row;
  const observer = createObserver(context);
  try {
    const driven = await observer.driven(row);
    if (driven.by === 'elsewhere') {
      return new PanicError(
        'InvalidInput',
        `experiment ${id} cannot be cancelled from here: ${elsewhereText(driven)}; cancel it there, or, where that service is gone for good, take it over with "${context.command('resume', id, '--take-over')}"`,
      );
    }
  } finally {
    await observer.close();
  }
  const why = isOpenExperiment(status)
    ? `it was interrupted; "${context.command('resume', id)}" would continue it`
    : `it is ${stateText(status)}`;
  return new PanicError(
    'InvalidInput',
    `experiment ${id} is not running, so there is nothing to cancel: ${why}`,
  );
}
