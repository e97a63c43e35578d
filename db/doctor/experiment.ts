import { runCoordinates, runCount } from '../../experiment/config.js';
import { storedConfig } from '../../experiment/stored-config.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { experimentId } from '../../experiment/ids.js';
import type { Snapshot } from '../connection/database.js';
import { experimentReader } from '../read/experiment-reader.js';
import { runTotals } from '../read/totals.js';
import type { RunRecord, StoredExperiment } from '../read/rows.js';
import { paced } from './yield-turns.js';
import type { OnRows } from './yield-turns.js';
import type { Repair } from './repair.js';
import type { Violation } from './violation.js';

/** The columns of an experiment that the checks read. */
export const CHECKED_OF_EXPERIMENT = [
  'id',
  'config',
  'runCount',
  'status',
  'driverWorkflowId',
  'startedAt',
  'finishedAt',
  'deletingAt',
] as const;

export type CheckedExperiment = Pick<StoredExperiment, (typeof CHECKED_OF_EXPERIMENT)[number]>;

/** The experiment's configuration; null, with a violation, if it is not the one that its id was made from. */
export function* checkConfig(record: CheckedExperiment): Generator<Violation, ExperimentConfig | null> {
  const config = configOf(record);
  if (config === null) {
    const message = 'its config is not the one that its id was made from, so its runs cannot be checked';
    yield { invariant: 0, table: 'experiments', id: record.id, message, repair: null };
  }
  return config;
}

/** Null where the stored config is not the one that the id was made from. */
export function configOf({ id, config }: Pick<CheckedExperiment, 'id' | 'config'>): ExperimentConfig | null {
  try {
    const parsed = storedConfig(config);
    return experimentId(parsed) === id ? parsed : null;
  } catch {
    return null;
  }
}

const PLANNED = [
  'id',
  'runIndex',
  'network',
  'seed',
  'drawnSeed',
  'maxLength',
  'prompt.text',
] as const satisfies readonly (keyof RunRecord)[];

type PlannedRun = Pick<RunRecord, (typeof PLANNED)[number]>;

/** The first runs of an experiment whose planning was cut off, or goes on. Nothing of it has begun, and the next `resume` plans the rest. */
export interface UnfinishedPlan {
  readonly experiment: string;
  /** Runs that are there, of `of` in the plan. */
  readonly planned: number;
  readonly of: number;
}

const BEGUN = `
  select id from runs where experiment_id = ? and (status <> 'pending' or stop_reason is not null
    or exists (select 1 from invocations where run_id = runs.id))
  limit 1`;

/** Whether an experiment that has its first runs alone is still to be planned: it never had a driver, and no run has begun. */
async function isStillPlanned(
  snapshot: Snapshot,
  { id, driverWorkflowId: driver, startedAt }: CheckedExperiment,
  planned: number,
): Promise<boolean> {
  // The first runs come in the transaction of the experiment's row.
  if (planned === 0 || driver !== null || startedAt !== null) return false;
  for await (const _ of snapshot.rows(BEGUN, id)) return false;
  return true;
}

/**
 * Invariant 0: the rows are the product of networks, seeds and prompts, each once. Where the last ones are missing since they are
 * still to be planned, `onUnfinished` hears of it instead.
 */
export async function* checkPlan(
  snapshot: Snapshot,
  record: CheckedExperiment,
  config: ExperimentConfig,
  onRows: OnRows,
  onUnfinished: (plan: UnfinishedPlan) => void,
): AsyncGenerator<Violation, void, undefined> {
  const count = runCount(config);
  if (record.runCount !== count) {
    const message = `its run_count is ${record.runCount}, its config makes ${count} runs`;
    const repair = { kind: 'restore experiment', experiment: record.id } as const;
    yield { invariant: 0, table: 'experiments', id: record.id, message, repair };
  }
  let next = 0;
  for await (const run of paced(experimentReader(snapshot).runsOf(record.id, PLANNED), onRows)) {
    if (run.runIndex > next) yield missingRuns(record.id, config, next, Math.min(run.runIndex, count) - 1);
    const found =
      run.runIndex < next || run.runIndex >= count
        ? unplanned(run, next, count)
        : differenceFromPlan(run, config);
    if (found !== null) {
      const message = `run ${run.runIndex} of experiment ${record.id}: ${found.text}`;
      yield { invariant: 0, table: 'runs', id: run.id, message, repair: found.repair };
    }
    next = Math.max(next, run.runIndex + 1);
  }
  if (next >= count) return;
  if (await isStillPlanned(snapshot, record, next)) {
    onUnfinished({ experiment: record.id, planned: next, of: count });
  } else {
    yield missingRuns(record.id, config, next, count - 1);
  }
}

function missingRuns(experiment: string, config: ExperimentConfig, from: number, to: number): Violation {
  const range = from === to ? `${from}` : `${from}..${to}`;
  const message = from === to ? `run ${range} is missing` : `runs ${range} are missing`;
  let fixed = false;
  for (let index = from; index <= to && !fixed; index++) fixed = runCoordinates(config, index).seed !== -1;
  const repair = { kind: 'plan runs', experiment, from, to, fixed } as const;
  return { invariant: 0, table: 'runs', id: `${experiment}/${range}`, message, repair };
}

interface Difference {
  readonly text: string;
  readonly repair: Repair;
}

function unplanned({ id, runIndex }: PlannedRun, next: number, count: number): Difference {
  const where = runIndex < next ? 'there twice' : `not in the plan of ${count} runs`;
  return { text: `index ${runIndex} is ${where}`, repair: { kind: 'delete run', run: id } };
}

function differenceFromPlan(run: PlannedRun, config: ExperimentConfig): Difference | null {
  const text = planDifference(run, config);
  if (text === null) return null;
  const lost = run.drawnSeed === null && runCoordinates(config, run.runIndex).seed === -1;
  return { text, repair: { kind: lost ? 'restart run' : 'restore run', run: run.id } };
}

function planDifference(run: PlannedRun, config: ExperimentConfig): string | null {
  const plan = runCoordinates(config, run.runIndex);
  const network = JSON.stringify(plan.network);
  if (run.network !== network) return `its network is ${run.network}, its plan says ${network}`;
  if (run.seed !== plan.seed) return `its seed is ${run.seed}, its plan says ${plan.seed}`;
  if ((run.seed === -1) !== (run.drawnSeed !== null)) {
    return `its drawn seed is ${run.drawnSeed}, which does not go with seed ${run.seed}`;
  }
  if (run['prompt.text'] !== plan.prompt) {
    return `its prompt is ${JSON.stringify(run['prompt.text'])}, its plan says ${JSON.stringify(plan.prompt)}`;
  }
  if (run.maxLength !== config.max_length) {
    return `its max_length is ${run.maxLength}, its plan says ${config.max_length}`;
  }
  return null;
}

type RunsByStatus = Readonly<Record<string, number>>;

/** Invariant 6: the experiment's row agrees with its runs, whatever crashed. */
export async function* checkStatus(
  snapshot: Snapshot,
  record: CheckedExperiment,
): AsyncGenerator<Violation, void, undefined> {
  const counts: Record<string, number> = {};
  const byStatus = runTotals({ experiment: record.id }, { runs: { over: 'rows' } }, ['status']);
  for await (const { status, runs } of experimentReader(snapshot).totals(byStatus)) counts[status] = runs;
  for (const message of statusProblems(record, counts)) {
    const repair = { kind: 'restore experiment', experiment: record.id } as const;
    yield { invariant: 6, table: 'experiments', id: record.id, message, repair };
  }
}

export function* statusProblems(record: CheckedExperiment, runs: RunsByStatus): Generator<string> {
  const { status, driverWorkflowId: driver, finishedAt } = record;
  const all = Object.values(runs).reduce((sum, count) => sum + count, 0);
  const running = runs['running'] ?? 0;
  const finished = runs['finished'] ?? 0;
  if (status === 'running') {
    if (driver === null) yield 'its status is running, and no workflow drives it';
    return;
  }
  if (driver !== null) yield `its status is ${status}, and workflow ${driver} still drives it`;
  if (running > 0) yield `its status is ${status}, and ${running} of its runs are running`;
  if (status === 'planned') return;
  if (finishedAt === null) yield `its status is ${status}, and it has no time of its end`;
  if (status === 'completed' && finished < all) {
    yield `its status is completed, and ${all - finished} of its ${all} runs are not finished`;
  }
  if (status === 'completed_with_failures' && finished === all) {
    yield 'its status is completed_with_failures, and all of its runs are finished';
  }
}
