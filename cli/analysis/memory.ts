import { embeddingTotals } from '../../db/index.js';
import type { ExperimentReader } from '../../db/index.js';
import { usableMemoryBytes } from '../../common/machine.js';
import { PanicError } from '../../common/errors.js';
import { bytes, plural } from '../terminal/format.js';
import type { ChosenModel } from './chosen-models.js';
import type { NetworkRuns } from './network-runs.js';

/** What a run has under an embedding model: steps, and the distinct vectors among them. */
export interface RunSize {
  readonly steps: number;
  readonly distinct: number;
}

/** A number for each pair of runs, several times at once: distances, their squares, and a copy. */
const NUMBERS_PER_PAIR = 4;
/** The row of each step as it is stored, sorted and cut, and its invocation. */
const NUMBERS_PER_STEP = 4;

/**
 * The most memory that the trajectories of a network take, and what is computed from them. `horizonSteps` is the
 * number of steps to which runs are cut or extended.
 */
export function networkBytes(sizes: readonly RunSize[], horizonSteps: number, dimension: number): number {
  let vectors = 0;
  let largest = 0;
  for (const { distinct } of sizes) {
    const ofRun = Math.min(distinct, horizonSteps) * dimension * 4;
    vectors += ofRun;
    largest = Math.max(largest, ofRun);
  }
  const runs = sizes.length;
  const pairs = (runs * (runs - 1)) / 2;
  return vectors + largest + runs * horizonSteps * NUMBERS_PER_STEP * 4 + pairs * NUMBERS_PER_PAIR * 8;
}

/** What runs of experiments have under a model, by the ids of their rows. Runs without any are absent. */
export async function sizesOf(
  reader: ExperimentReader,
  experiments: Iterable<string>,
  { id: modelId }: ChosenModel,
): Promise<Map<number, RunSize>> {
  const sizes = new Map<number, RunSize>();
  for (const experiment of experiments) {
    const query = embeddingTotals({ experiment, only: { modelId } }, OF_RUN, ['run.id']);
    for await (const { 'run.id': run, steps, distinct } of reader.totals(query)) {
      if (run !== null) sizes.set(run, { steps, distinct });
    }
  }
  return sizes;
}

const OF_RUN = { steps: { over: 'rows' }, distinct: { over: 'distinct', of: 'vectorId' } } as const;

/** Half of the memory that this machine shares out: other programs, and workers, need the rest. */
export function memoryLimit(): number {
  return usableMemoryBytes() / 2;
}

/**
 * Refuses work that would not fit into memory, before it begins.
 *
 * @throws PanicError `InvalidInput` with the figure and the remedy.
 */
export function refuseTooLarge(
  { network, runs }: Pick<NetworkRuns, 'network' | 'runs'>,
  { name }: Pick<ChosenModel, 'name'>,
  needed: number,
  limit: number,
): void {
  if (needed <= limit) return;
  throw new PanicError(
    'InvalidInput',
    `${plural(runs.length, 'run')} of ${network} under ${name} need ${bytes(needed)} of memory, and an analysis may take ${bytes(limit)}, ` +
      'half of what this machine has; take a lower --horizon, fewer experiments, or another machine',
  );
}
