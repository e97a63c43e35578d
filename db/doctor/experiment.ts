import type Database from 'better-sqlite3';
import { runCoordinates, runCount, storedConfig } from '../../experiment/config.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { experimentId } from '../../experiment/ids.js';
import { RESTORE, resume } from './violation.js';
import type { Violation } from './violation.js';

export interface ExperimentRecord {
  readonly id: string;
  readonly config: string;
  readonly runCount: number;
  readonly status: string;
  readonly driver: string | null;
  readonly finishedAt: number | null;
}

/** The experiment's configuration, or null with a violation where it is not the one that its id was made from. */
export function* checkConfig(record: ExperimentRecord): Generator<Violation, ExperimentConfig | null> {
  const config = parsedConfig(record);
  if (config === null) {
    yield {
      invariant: 0,
      table: 'experiments',
      id: record.id,
      message: `its config is not the one that its id was made from, so its runs cannot be checked; ${RESTORE}`,
    };
  }
  return config;
}

function parsedConfig({ id, config }: ExperimentRecord): ExperimentConfig | null {
  try {
    const parsed = storedConfig(config);
    return experimentId(parsed) === id ? parsed : null;
  } catch {
    return null;
  }
}

interface PlannedRun {
  readonly id: number;
  readonly runIndex: number;
  readonly network: string;
  readonly seed: number;
  readonly drawnSeed: number | null;
  readonly maxLength: number;
  readonly prompt: string | null;
}

/** Invariant 0: the rows are the product of networks, seeds and prompts, each once. */
export function planCheck(db: Database.Database) {
  const planned = db.prepare<[string], PlannedRun>(`
    select runs.id, run_index as runIndex, network, seed, drawn_seed as drawnSeed, max_length as maxLength, text as prompt
    from runs left join artifacts on artifacts.id = prompt_id
    where experiment_id = ? order by run_index, runs.id`);

  return function* check(record: ExperimentRecord, config: ExperimentConfig): Generator<Violation> {
    const count = runCount(config);
    if (record.runCount !== count) {
      yield {
        invariant: 0,
        table: 'experiments',
        id: record.id,
        message: `its run_count is ${record.runCount}, its config makes ${count} runs; ${RESTORE}`,
      };
    }
    let next = 0;
    for (const run of planned.iterate(record.id)) {
      if (run.runIndex > next) yield missingRuns(record.id, next, Math.min(run.runIndex, count) - 1);
      const problem =
        run.runIndex < next || run.runIndex >= count
          ? `index ${run.runIndex} is ${run.runIndex < next ? 'there twice' : `not in the plan of ${count} runs`}`
          : differenceFromPlan(run, config);
      if (problem !== null) {
        const message = `run ${run.runIndex} of experiment ${record.id}: ${problem}; ${RESTORE}`;
        yield { invariant: 0, table: 'runs', id: run.id, message };
      }
      next = Math.max(next, run.runIndex + 1);
    }
    if (next < count) yield missingRuns(record.id, next, count - 1);
  };
}

function missingRuns(experiment: string, from: number, to: number): Violation {
  const range = from === to ? `${from}` : `${from}..${to}`;
  const what = from === to ? `run ${range} is` : `runs ${range} are`;
  return {
    invariant: 0,
    table: 'runs',
    id: `${experiment}/${range}`,
    message: `${what} missing; ${RESTORE}`,
  };
}

function differenceFromPlan(run: PlannedRun, config: ExperimentConfig): string | null {
  const plan = runCoordinates(config, run.runIndex);
  const network = JSON.stringify(plan.network);
  if (run.network !== network) return `its network is ${run.network}, its plan says ${network}`;
  if (run.seed !== plan.seed) return `its seed is ${run.seed}, its plan says ${plan.seed}`;
  if ((run.seed === -1) !== (run.drawnSeed !== null)) {
    return `its drawn seed is ${run.drawnSeed}, which does not go with seed ${run.seed}`;
  }
  if (run.prompt !== plan.prompt) {
    return `its prompt is ${JSON.stringify(run.prompt)}, its plan says ${JSON.stringify(plan.prompt)}`;
  }
  if (run.maxLength !== config.max_length) {
    return `its max_length is ${run.maxLength}, its plan says ${config.max_length}`;
  }
  return null;
}

type RunsByStatus = Readonly<Record<string, number>>;

/** Invariant 6: what the experiment's row says agrees with its runs, whatever crashed. */
export function statusCheck(db: Database.Database) {
  const byStatus = db.prepare<[string], { status: string; runs: number }>(
    'select status, count(*) as runs from runs where experiment_id = ? group by status',
  );

  return function* check(record: ExperimentRecord): Generator<Violation> {
    const counts = Object.fromEntries(byStatus.all(record.id).map(({ status, runs }) => [status, runs]));
    for (const problem of statusProblems(record, counts)) {
      const message = `${problem}; ${resume(record.id)}`;
      yield { invariant: 6, table: 'experiments', id: record.id, message };
    }
  };
}

function* statusProblems(record: ExperimentRecord, runs: RunsByStatus): Generator<string> {
  const { status, driver, finishedAt } = record;
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
