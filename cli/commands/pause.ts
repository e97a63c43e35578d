import type { ExperimentRow, RunRow, Store } from '../../db/index.js';
import { isOpenExperiment } from '../../experiment/experiment-status.js';
import { hasEnded, isUnderWay } from '../../experiment/run-status.js';
import { PanicError } from '../../common/errors.js';
import type { ExperimentProgress } from '../../workflows/queries.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { stateText } from '../session/who-drives.js';
import { plural } from '../terminal/format.js';
import {
  openExperimentWorkflow,
  openRunWorkflow,
  signalled,
  tellingService,
} from '../session/open-workflow.js';
import type { Told } from '../session/open-workflow.js';
import { requireExperiment, requireRun, withWritableStore } from '../session/open-for-writing.js';
import { note, print, printJson } from '../terminal/output.js';

/** What was paused or resumed, as `--json` prints it. */
interface Outcome {
  readonly experiment: string;
  /** Null: all runs of the experiment. */
  readonly run: number | null;
  readonly paused: boolean;
  /** False if the rows said so already. */
  readonly changed: boolean;
  /** Whether an open workflow received the signal. Without one, the next workflow reads the rows. */
  readonly told: boolean;
}

/**
 * `pause ID [--run K]`: writes the rows first, so that no restart forgets the pause. Then it signals the open
 * workflow.
 */
export async function pauseExperiment(context: Context, id: string, run: number | null): Promise<number> {
  return await withWritableStore(context, async (store) => {
    const row = await requireExperiment(context, store, id);
    if (!isOpenExperiment(row.status)) throw nothingToPause(context, row);
    if (run !== null) return await pauseRun(context, store, row, await requireRun(store, row, run));
    const changed = await store.experiments.setPaused(row.id, true, Date.now());
    const told = await tellExperiment(context, row, 'pause');
    return report(context, { experiment: row.id, run: null, paused: true, changed }, told);
  });
}

/** `pause --all`: pauses every experiment of the data folder that is under way. */
export async function pauseAll(context: Context): Promise<number> {
  return await withWritableStore(context, async (store) => {
    const rows = (await store.experiments.list()).filter(
      ({ status, deletingAt }) => isOpenExperiment(status) && deletingAt === null,
    );
    if (rows.length === 0) note('No experiment is under way.');
    return await each(context, rows, async (row) => {
      const changed = await store.experiments.setPaused(row.id, true, Date.now());
      return { changed, told: await tellExperiment(context, row, 'pause') };
    });
  });
}

/**
 * `resume --all`: resumes every paused experiment that a workflow drives, and names the others. Starts nothing.
 */
export async function resumeAll(context: Context): Promise<number> {
  return await withWritableStore(context, async (store) => {
    const rows = (await store.experiments.list()).filter((row) => row.pausedAt !== null);
    if (rows.length === 0) note('No experiment is paused.');
    return await each(context, rows, async (row) => {
      const changed = await store.experiments.setPaused(row.id, false, Date.now());
      return { changed, told: await tellExperiment(context, row, 'resume') };
    });
  });
}

async function each(
  context: Context,
  rows: readonly ExperimentRow[],
  act: (row: ExperimentRow) => Promise<{ readonly changed: boolean; readonly told: Told }>,
): Promise<number> {
  let code: number = EXIT.ok;
  const outcomes: Outcome[] = [];
  for (const row of rows) {
    const paused = row.pausedAt === null;
    const { changed, told } = await act(row);
    const outcome = { experiment: row.id, run: null, paused, changed, told: told === 'told' };
    outcomes.push(outcome);
    if (!context.json) tell(context, outcome, told);
    if (typeof told === 'object') code = unheard(context, outcome, told.failed);
  }
  if (context.json) printJson(outcomes);
  return code;
}

async function pauseRun(context: Context, store: Store, row: ExperimentRow, run: RunRow): Promise<number> {
  if (!isUnderWay(run.status)) throw endedRun(context, run, 'paused');
  const changed = await store.runs.setHold(run, 'paused', Date.now());
  const told = await tellRun(context, run, 'pause');
  return report(context, { experiment: row.id, run: run.runIndex, paused: true, changed }, told);
}

/** `resume ID --run K`: resumes a run that was paused or cancelled by itself. */
export async function resumeRun(context: Context, id: string, index: number): Promise<number> {
  return await withWritableStore(context, async (store) => {
    const row = await requireExperiment(context, store, id);
    const run = await requireRun(store, row, index);
    if (hasEnded(run.status)) throw endedRun(context, run, 'resumed');
    const changed = await store.runs.setHold(run, null, Date.now());
    const told = await tellRun(context, run, 'resume');
    if (row.pausedAt !== null) {
      note(`The experiment as a whole is paused; "${context.command('resume', row.id)}" lets it go on.`);
    }
    return report(context, { experiment: row.id, run: index, paused: false, changed }, told);
  });
}

/**
 * Resumes a paused experiment whose workflow is open. Returns null if no workflow is open, so that the caller
 * has to start one. The rows change in either case.
 */
export async function resumeOpen(context: Context, id: string): Promise<number | null> {
  return await withWritableStore(context, async (store) => {
    const row = await requireExperiment(context, store, id);
    if (row.pausedAt === null && !(await isHeld(context, row))) return null;
    const changed = await store.experiments.setPaused(row.id, false, Date.now());
    const told = await tellExperiment(context, row, 'resume');
    if (told === 'not open') return null;
    const held = (await store.experiments.heldRuns(row.id)).filter(({ hold }) => hold === 'paused');
    const code = report(context, { experiment: row.id, run: null, paused: false, changed }, told);
    if (held.length > 0) noteHeld(context, row.id, held);
    return code;
  });
}

/** Whether an open workflow still waits for a `resume` that could not reach it when the rows changed. */
async function isHeld(context: Context, row: ExperimentRow): Promise<boolean> {
  const held = await tellingService(context, async (session) => {
    const workflow = await openExperimentWorkflow(session, row);
    return workflow !== null && (await workflow.query<ExperimentProgress>('progress')).paused;
  });
  return held === 'told';
}

/** Names the paused runs that a resumed experiment still waits for. */
export function noteHeld(context: Context, id: string, held: readonly { readonly runIndex: number }[]): void {
  const which = held.length === 1 ? `Run ${held[0]!.runIndex} stays` : `${plural(held.length, 'run')} stay`;
  const first = context.command('resume', id, '--run', held[0]!.runIndex);
  note(`${which} paused, each for itself; "${first}" lets ${held.length === 1 ? 'it' : 'the first'} go on.`);
}

function tellExperiment(context: Context, row: ExperimentRow, name: 'pause' | 'resume'): Promise<Told> {
  return tellingService(context, async (session) =>
    signalled(await openExperimentWorkflow(session, row), name),
  );
}

function tellRun(context: Context, run: RunRow, name: 'pause' | 'resume'): Promise<Told> {
  return tellingService(context, async (session) =>
    signalled(await openRunWorkflow(session, run.experimentId, run.runIndex), name),
  );
}

function report(context: Context, outcome: Omit<Outcome, 'told'>, told: Told): number {
  const whole = { ...outcome, told: told === 'told' };
  if (context.json) printJson(whole);
  else tell(context, whole, told);
  return typeof told === 'object' ? unheard(context, whole, told.failed) : EXIT.ok;
}

function tell(context: Context, { experiment, run, paused, changed }: Outcome, told: Told): void {
  const what = run === null ? `Experiment ${experiment}` : `Run ${run} of experiment ${experiment}`;
  const already = changed ? '' : ' already';
  const words = run === null ? [experiment] : [experiment, '--run', run];
  if (paused) {
    const effect =
      told === 'told' ? ' What is being computed stops within seconds; what is stored stays.' : '';
    print(`${what} is paused${already}.${effect} "${context.command('resume', ...words)}" lets it go on.`);
    return;
  }
  const goesOn =
    told === 'told'
      ? 'goes on'
      : run === null
        ? `is paused no longer; no process runs it, "${context.command('resume', experiment)}" does`
        : `is held no longer; it goes on when its turn comes while the experiment runs, or with "${context.command('resume', experiment)}"`;
  print(`${what} ${goesOn}.`);
}

function unheard(context: Context, { experiment, run, paused }: Outcome, why: string): number {
  const words = [paused ? 'pause' : 'resume', experiment, ...(run === null ? [] : ['--run', run])];
  const meanwhile = paused
    ? 'Work that is under way notices with its next activity.'
    : 'A workflow that waits does not know yet.';
  note(
    `The database says so, but the workflow could not be told: ${why}\n${meanwhile} Repeat "${context.command(...words)}" when the service answers.`,
  );
  return EXIT.unknown;
}

function nothingToPause(context: Context, { id, status }: ExperimentRow): PanicError {
  const next = status === 'completed' ? '' : `; "${context.command('status', id)}" says more`;
  return new PanicError(
    'InvalidInput',
    `experiment ${id} is ${stateText(status)}, so there is nothing to pause${next}`,
  );
}

function endedRun(context: Context, { experimentId, runIndex, status }: RunRow, asked: string): PanicError {
  const instead = {
    failed: `; "${context.command('retry', experimentId, '--run', runIndex)}" runs it again`,
    cancelled: `; "${context.command('resume', experimentId, '--run', runIndex)}" lets it go on`,
    finished: '',
    pending: '',
    running: '',
  }[status];
  return new PanicError(
    'InvalidInput',
    `run ${runIndex} of experiment ${experimentId} is ${status} and cannot be ${asked}${instead}`,
  );
}
