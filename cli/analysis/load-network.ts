import type { EndCycle, Trajectory } from '../../analysis/index.js';
import type { ExperimentReader } from '../../db/index.js';
import type { Pacer } from '../../tda/pacer.js';
import type { ChosenModel } from './chosen-models.js';
import type { ChosenRun, LeftOut } from './chosen-runs.js';
import {
  type CommonHorizon,
  commonHorizon,
  cycleInSteps,
  damaged,
  type StoredSteps,
  upToHorizon,
} from './common-horizon.js';
import type { NetworkRuns } from './network-runs.js';

/** A run under an embedding model, up to the horizon that all runs of its network have. */
export interface LoadedRun {
  readonly run: ChosenRun;
  /** Cut at the horizon, or extended to it by the cycle of the run. */
  readonly trajectory: Trajectory;
  /** Steps that are stored, up to the horizon that the user asked for. */
  readonly storedSteps: number;
  /** The exact cycle that the run met, in steps; null also where the horizon does not hold a round of it. */
  readonly cycle: EndCycle | null;
  /** SHA-256 of all points of the run, as `diagrams` has it. */
  readonly pointsSha256: string;
}

/** The runs of a network under an embedding model. */
export interface LoadedNetwork extends CommonHorizon {
  readonly network: string;
  readonly runs: readonly LoadedRun[];
}

/**
 * Reads the trajectories of a network. Vectors beyond the horizon are not kept. Null if no run has an output that the
 * model embeds; single runs without any are left out.
 */
export async function loadNetwork(
  reader: ExperimentReader,
  { network, runs }: NetworkRuns,
  model: ChosenModel,
  horizon: number,
  pacer: Pacer,
  leftOut: LeftOut[],
): Promise<LoadedNetwork | null> {
  const stored: Stored[] = [];
  for (const run of runs) {
    const read = await readRun(reader, run, model, horizon, pacer);
    if (read === null) leftOut.push(withoutEmbeddings(run, model));
    else stored.push(read);
  }
  if (stored.length === 0) return null;
  const common = commonHorizon(stored, horizon, `vectors by ${model.name}`);
  return { network, ...common, runs: stored.map((one) => upTo(one, common, model.dimension)) };
}

interface Stored extends StoredSteps {
  readonly vectors: Float32Array;
  /** The row of each step. */
  readonly rows: Uint32Array;
  readonly pointsSha256: string;
}

const NO_ROW = 2 ** 32 - 1;

async function readRun(
  reader: ExperimentReader,
  run: ChosenRun,
  { id: model, dimension }: ChosenModel,
  horizon: number,
  pacer: Pacer,
): Promise<Stored | null> {
  const rowAt = new Uint32Array(Math.min(run.length, horizon)).fill(NO_ROW);
  const parts: Float32Array[] = [];
  let kept = 0;
  let isEmbedded = false;
  for await (const portion of reader.vectorsOf(run.id, model)) {
    isEmbedded = true;
    const first = kept;
    const within: number[] = [];
    for (const [place, sequences] of portion.sequences.entries()) {
      if (sequences[0] === undefined || sequences[0] >= rowAt.length) continue;
      for (const sequence of sequences) if (sequence < rowAt.length) rowAt[sequence] = kept;
      within.push(place);
      kept++;
    }
    const part = new Float32Array((kept - first) * dimension);
    for (const [row, place] of within.entries()) {
      part.set(portion.points.subarray(place * dimension, (place + 1) * dimension), row * dimension);
    }
    parts.push(part);
    await pacer.spend(portion.points.length);
  }
  if (!isEmbedded) return null;
  const vectors = joined(parts);
  const invocations = Uint32Array.from(rowAt.keys()).filter((sequence) => rowAt[sequence] !== NO_ROW);
  const rows = rowAt.filter((row) => row !== NO_ROW);
  return { run, vectors, rows, invocations, pointsSha256: await digestOf(reader, run, model) };
}

function joined(parts: Float32Array[]): Float32Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  // Each part is let go as it is copied.
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const OF_DIAGRAM = ['modelId', 'pointsSha256'] as const;

async function digestOf(reader: ExperimentReader, run: ChosenRun, model: number): Promise<string> {
  for await (const { modelId, pointsSha256 } of reader.diagramsOf(run.id, OF_DIAGRAM)) {
    if (modelId === model) return pointsSha256.toString('hex');
  }
  throw damaged(run, 'has no diagram, although it is finished');
}

function withoutEmbeddings({ experiment, index }: ChosenRun, { name }: ChosenModel): LeftOut {
  return { experiment, run: index, reason: `${name} embeds none of its outputs` };
}

function upTo(stored: Stored, common: CommonHorizon, dimension: number): LoadedRun {
  const { run, vectors, rows, pointsSha256 } = stored;
  return {
    run,
    trajectory: { vectors, dimension, sequence: upToHorizon(stored, rows, common) },
    storedSteps: rows.length,
    cycle: cycleInSteps(stored, common),
    pointsSha256,
  };
}
