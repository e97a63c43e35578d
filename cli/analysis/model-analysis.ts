import type { ExperimentReader, Store } from '../../db/index.js';
import { openReader } from '../../db/index.js';
import { Pacer } from '../../tda/pacer.js';
import { absorption, type Absorption, type NetworkTimes, timesOf } from './absorption.js';
import { analyseNetwork, type NetworkAnalysis } from './analyse-network.js';
import { analyseFactors, type StatisticFactors } from './factor-analysis.js';
import { readStoredNumbers } from './stored-numbers.js';
import type { ChosenModel } from './chosen-models.js';
import type { LeftOut } from './chosen-runs.js';
import { loadNetwork, type LoadedNetwork } from './load-network.js';
import { memoryLimit, networkBytes, refuseTooLarge, type RunSize, sizesOf } from './memory.js';
import type { NetworkRuns } from './network-runs.js';
import type { PlannedPart, WorkProgress } from './work-progress.js';

/** The runs of a network under a model without their vectors, and what they have in common. */
export interface AnalysedNetwork extends NetworkAnalysis, Omit<LoadedNetwork, 'runs'> {
  readonly runs: readonly AnalysedRun[];
}

export interface AnalysedRun extends Pick<
  LoadedNetwork['runs'][number],
  'run' | 'storedSteps' | 'cycle' | 'pointsSha256'
> {
  /** The step at which it enters the exact cycle in which it ends; null if it ends in none. */
  readonly absorbedAt: number | null;
  readonly distinctPoints: number;
}

export interface AnalysedModel {
  readonly model: ChosenModel;
  readonly networks: readonly AnalysedNetwork[];
  readonly absorption: Absorption;
  readonly factors: readonly StatisticFactors[];
  /** Runs whose trajectories have no numbers of this revision in the store. */
  readonly runsWithoutNumbers: number;
}

/** A model and the networks that it analyses, with the sizes of their runs. */
export interface PlannedModel {
  readonly model: ChosenModel;
  readonly networks: readonly NetworkRuns[];
  readonly sizes: ReadonlyMap<number, RunSize>;
}

/**
 * Looks at how much there is to do, and refuses what does not fit into memory.
 *
 * @throws PanicError `InvalidInput` with the figure and the remedy.
 */
export async function planModels(
  store: Store,
  models: readonly ChosenModel[],
  networks: readonly NetworkRuns[],
  horizon: number,
): Promise<PlannedModel[]> {
  const experiments = new Set(networks.flatMap(({ runs }) => runs.map(({ experiment }) => experiment)));
  const reader = await openReader(store.db);
  const limit = memoryLimit();
  try {
    const planned: PlannedModel[] = [];
    for (const model of models) {
      const sizes = await sizesOf(reader, experiments, model);
      for (const network of networks) {
        refuseTooLarge(
          network,
          model,
          networkBytes(present(network, sizes), horizon, model.dimension),
          limit,
        );
      }
      planned.push({ model, networks, sizes });
    }
    return planned;
  } finally {
    await reader.close();
  }
}

function present({ runs }: NetworkRuns, sizes: ReadonlyMap<number, RunSize>): RunSize[] {
  return runs.flatMap(({ id }) => sizes.get(id) ?? []);
}

/** Operations of a draw of a test for each pair of runs, and those of a number that is read from the database. */
const PER_PAIR_OF_DRAW = 1;
const PER_NUMBER_READ = 3;
const DRAWS = 3 * 999;
/** Two tests of some sixty numbers, for each run. */
const OPERATIONS_OF_FACTORS = 60 * 2 * 999 * 10;

/** The parts of the work, in the order in which `analyseModel` does them. */
export function partsOf(planned: readonly PlannedModel[], horizon: number): PlannedPart[] {
  return planned.flatMap(({ model, networks, sizes }) => [
    ...networks.flatMap((network) => {
      const runs = present(network, sizes);
      const steps = runs.reduce((most, { steps }) => Math.max(most, Math.min(steps, horizon)), 0);
      const numbers = runs.reduce((sum, { distinct }) => sum + distinct * model.dimension, 0);
      const pairs = (runs.length * (runs.length - 1)) / 2;
      const overTime = pairs * steps * model.dimension;
      const of = `${network.network} under ${model.name}`;
      return [
        { name: `reading ${of}`, operations: numbers * PER_NUMBER_READ },
        { name: `divergence of ${of}`, operations: overTime },
        { name: `convergence of ${of}`, operations: overTime },
        { name: `tests of ${of}`, operations: pairs * (model.dimension + DRAWS * PER_PAIR_OF_DRAW) },
      ];
    }),
    { name: `factors under ${model.name}`, operations: sizes.size * OPERATIONS_OF_FACTORS },
  ]);
}

export interface ModelOptions {
  readonly horizon: number;
  readonly groupOf: ReadonlyMap<string, string> | null;
  readonly signal: AbortSignal;
  readonly progress: WorkProgress;
}

/** Analyses one model, network by network: the vectors of one network are in memory at a time. */
export async function analyseModel(
  store: Store,
  { model, networks }: PlannedModel,
  { horizon, groupOf, signal, progress }: ModelOptions,
  leftOut: LeftOut[],
): Promise<AnalysedModel> {
  const analysed: AnalysedNetwork[] = [];
  const times: NetworkTimes[] = [];
  for (const network of networks) {
    progress.next();
    const loaded = await reading(store, (reader) =>
      loadNetwork(reader, network, model, horizon, new Pacer(signal), leftOut),
    );
    signal.throwIfAborted();
    if (loaded === null) {
      // The stages of this network.
      for (let stage = 0; stage < 3; stage++) progress.next();
      continue;
    }
    const onStage = (): void => progress.next();
    const found = await analyseNetwork(loaded, { model: model.name, groupOf, signal, onStage });
    const ofNetwork = timesOf(loaded);
    times.push(ofNetwork);
    analysed.push({
      ...loaded,
      ...found,
      runs: loaded.runs.map((run, place) => told(run, ofNetwork.times[place]!)),
    });
  }
  progress.next();
  const pacer = new Pacer(signal);
  const used = analysed.flatMap(({ runs }) => runs.map(({ run }) => run));
  const stored = await reading(store, (reader) => readStoredNumbers(reader, used, model, pacer));
  return {
    model,
    networks: analysed,
    absorption: absorption(model.name, times),
    factors: await analyseFactors(used, stored, pacer),
    runsWithoutNumbers: stored.runsWithout,
  };
}

/** The snapshot is open only while rows are read: it keeps what others delete. */
async function reading<T>(store: Store, use: (reader: ExperimentReader) => Promise<T>): Promise<T> {
  const reader = await openReader(store.db);
  try {
    return await use(reader);
  } finally {
    await reader.close();
  }
}

function told(
  { run, storedSteps, cycle, pointsSha256, trajectory }: LoadedNetwork['runs'][number],
  absorbedAt: number | null,
): AnalysedRun {
  return {
    run,
    storedSteps,
    cycle,
    pointsSha256,
    absorbedAt,
    distinctPoints: new Set(trajectory.sequence).size,
  };
}
