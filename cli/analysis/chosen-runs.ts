import type { InvocationCycle } from '../../analysis/index.js';
import { openReader } from '../../db/index.js';
import type { ExperimentReader, ExperimentRow, Store } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import { isCompleteExperiment } from '../../experiment/experiment-status.js';
import type { Context } from '../context.js';
import { findExperiment } from '../lookup/find-experiment.js';

/** A finished run of the experiments to analyse. */
export interface ChosenRun {
  /** The id of its row. */
  readonly id: number;
  readonly experiment: string;
  readonly index: number;
  readonly network: readonly string[];
  readonly prompt: string;
  /** -1: the run drew its seeds. */
  readonly seed: number;
  readonly drawnSeed: number | null;
  /** Invocations. */
  readonly length: number;
  /** Null if the run met no cycle, or drew its seeds. */
  readonly cycle: InvocationCycle | null;
}

/** What the analysis does not use, and why. */
export interface LeftOut {
  readonly experiment: string;
  /** The index of a run; null for the whole experiment. */
  readonly run: number | null;
  /** The end of a sentence that begins with the experiment or the run. */
  readonly reason: string;
}

export interface Chosen {
  readonly experiments: readonly ExperimentRow[];
  readonly runs: readonly ChosenRun[];
  readonly leftOut: readonly LeftOut[];
}

/**
 * The finished runs of experiments, each once. An experiment that has not ended is left out as a whole: its finished
 * runs are those that ended early. So are copies: runs of one network, prompt and seed are one run.
 *
 * @throws PanicError `InvalidInput` for an unknown id, and if no run is left.
 */
export async function chooseRuns(context: Context, store: Store, ids: readonly string[]): Promise<Chosen> {
  const experiments: ExperimentRow[] = [];
  for (const id of ids) {
    const row = await findExperiment(context, store, id);
    if (!experiments.some((other) => other.id === row.id)) experiments.push(row);
  }
  const finished: ChosenRun[] = [];
  const leftOut: LeftOut[] = [];
  const reader = await openReader(store.db);
  try {
    for (const row of experiments) {
      const reason = unfitness(context, row);
      if (reason === null) await addRuns(reader, row, finished, leftOut);
      else leftOut.push({ experiment: row.id, run: null, reason });
    }
  } finally {
    await reader.close();
  }
  const runs = withoutCopies(finished, leftOut);
  if (runs.length === 0) {
    throw new PanicError('InvalidInput', `there is no finished run to analyse\n${leftOutText(leftOut)}`);
  }
  const used = experiments.filter(({ id }) => runs.some(({ experiment }) => experiment === id));
  return { experiments: used, runs, leftOut };
}

function unfitness({ command }: Context, { id, status, deletingAt }: ExperimentRow): string | null {
  if (deletingAt !== null) return 'it is being deleted';
  if (isCompleteExperiment(status)) return null;
  return `it has not ended (${status}), and its finished runs are those that ended early; "${command('resume', id)}" runs the rest`;
}

const OF_RUN = [
  'id',
  'runIndex',
  'network',
  'prompt.text',
  'seed',
  'drawnSeed',
  'status',
  'length',
  'cycleStart',
  'cycleLength',
] as const;

async function addRuns(
  reader: ExperimentReader,
  { id: experiment, config }: ExperimentRow,
  finished: ChosenRun[],
  leftOut: LeftOut[],
): Promise<void> {
  const networks = new Map(config.networks.map((network) => [JSON.stringify(network), network]));
  for await (const row of reader.runsOf(experiment, OF_RUN)) {
    const { id, runIndex: index, status, length, cycleStart, cycleLength, seed, drawnSeed } = row;
    if (status !== 'finished' || length === null) {
      leftOut.push({ experiment, run: index, reason: `it is ${status}` });
      continue;
    }
    const network = networks.get(row.network);
    const prompt = row['prompt.text'];
    if (network === undefined || prompt === null) {
      throw new PanicError(
        'StoreConflict',
        `run ${index} of experiment ${experiment} has a network or a prompt that its experiment lacks; "panic-tda doctor" says what mends it`,
      );
    }
    const cycle =
      cycleStart === null || cycleLength === null ? null : { start: cycleStart, length: cycleLength };
    finished.push({ id, experiment, index, network, prompt, seed, drawnSeed, length, cycle });
  }
}

/** Of runs of one network, prompt and seed, the first of the longest; a run in a cycle has no end. */
function withoutCopies(runs: readonly ChosenRun[], leftOut: LeftOut[]): ChosenRun[] {
  const kept = new Map<string, ChosenRun>();
  const keyOf = ({ network, prompt, seed, drawnSeed }: ChosenRun): string =>
    JSON.stringify([network, prompt, seed, drawnSeed]);
  const lengthOf = ({ length, cycle }: ChosenRun): number => (cycle === null ? length : Infinity);
  for (const run of runs) {
    const other = kept.get(keyOf(run));
    if (other === undefined || lengthOf(run) > lengthOf(other)) kept.set(keyOf(run), run);
  }
  return runs.filter((run) => {
    const one = kept.get(keyOf(run))!;
    if (one !== run) {
      const reason = `it is the same run as run ${one.index} of experiment ${one.experiment} (network, prompt and seed)`;
      leftOut.push({ experiment: run.experiment, run: run.index, reason });
    }
    return one === run;
  });
}

const MOST_NAMED = 10;

/** A line for each reason, with the runs that it is about. */
export function leftOutText(leftOut: readonly LeftOut[]): string {
  const lines = leftOut.map(({ experiment, run, reason }) =>
    run === null
      ? `  experiment ${experiment}: ${reason}`
      : `  run ${run} of experiment ${experiment}: ${reason}`,
  );
  const more = lines.length - MOST_NAMED;
  return [...lines.slice(0, MOST_NAMED), ...(more > 0 ? [`  and ${more} more`] : [])].join('\n');
}
