import { ANALYSIS_REVISION } from '../../analysis/index.js';
import type { ExperimentReader } from '../../db/index.js';
import { RUN_STATISTIC_NAMES, RUN_STATISTICS } from '../../experiment/run-statistics.js';
import { BAR_STATISTICS, DIAGRAM_STATISTICS } from '../../experiment/statistics.js';
import type { Pacer } from '../../tda/pacer.js';
import type { ChosenModel } from './chosen-models.js';
import type { ChosenRun } from './chosen-runs.js';

/** A number that the store keeps of each run under a model. */
export interface StoredNumber {
  /** The column of its table, with the homology dimension: `H1 entropy`. */
  readonly statistic: string;
  /** By run; null: the number is not defined for the run. Undefined: the run has no row. */
  readonly values: readonly (number | null | undefined)[];
}

export interface StoredNumbers {
  readonly numbers: readonly StoredNumber[];
  /** Runs without numbers of their trajectory, or with those of another revision. */
  readonly runsWithout: number;
}

const OF_TRAJECTORY = ['modelId', 'revision', ...RUN_STATISTIC_NAMES] as const;
const OF_BARS = ['diagram.modelId', 'dimension', ...DIAGRAM_STATISTICS] as const;
/** Operations, about, of reading the rows of a run. */
const PER_RUN = 100_000;

/** Reads every per-run number that is stored: of trajectories, and of each homology dimension. */
export async function readStoredNumbers(
  reader: ExperimentReader,
  runs: readonly ChosenRun[],
  model: ChosenModel,
  pacer: Pacer,
): Promise<StoredNumbers> {
  const found = new Map<string, (number | null | undefined)[]>();
  const add = (statistic: string, place: number, value: number | null): void => {
    const values = found.get(statistic) ?? Array.from<number | null | undefined>({ length: runs.length });
    values[place] = value;
    found.set(statistic, values);
  };
  let runsWith = 0;
  for (const [place, { id }] of runs.entries()) {
    for await (const row of reader.statisticsOf(id, OF_TRAJECTORY)) {
      if (row.modelId !== model.id || row.revision !== ANALYSIS_REVISION) continue;
      runsWith++;
      for (const name of RUN_STATISTIC_NAMES) add(RUN_STATISTICS[name].column, place, row[name]);
    }
    for await (const row of reader.dimensionsOf({ run: id }, OF_BARS)) {
      if (row['diagram.modelId'] !== model.id) continue;
      for (const name of DIAGRAM_STATISTICS)
        add(`H${row.dimension} ${BAR_STATISTICS[name].column}`, place, row[name]);
    }
    await pacer.spend(PER_RUN);
  }
  return {
    numbers: [...found].map(([statistic, values]) => ({ statistic, values })),
    runsWithout: runs.length - runsWith,
  };
}
