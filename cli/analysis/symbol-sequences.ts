import { createHash } from 'node:crypto';
import type { ExperimentReader } from '../../db/index.js';
import type { Modality } from '../../experiment/artifact.js';
import type { Pacer } from '../../tda/pacer.js';
import type { ChosenRun, LeftOut } from './chosen-runs.js';
import {
  type CommonHorizon,
  commonHorizon,
  damaged,
  type StoredSteps,
  upToHorizon,
} from './common-horizon.js';
import type { NetworkRuns } from './network-runs.js';

/** The outputs of a run at each of its steps, up to the horizon of its network. */
export interface OutputSequence {
  readonly run: ChosenRun;
  /** The id of the output of each step. */
  readonly outputs: Uint32Array;
  /** Whether it met an exact cycle, so that the end of the run did not cut its last dwell. */
  readonly inCycle: boolean;
  /** Steps that are stored, up to the horizon that the user asked for. */
  readonly storedSteps: number;
  /** SHA-256 over the digests of these stored outputs, in order. */
  readonly outputsSha256: string;
}

export interface NetworkSequences extends CommonHorizon {
  readonly network: string;
  /** The kind of outputs that are its symbols. */
  readonly modality: Modality;
  readonly runs: readonly OutputSequence[];
}

/**
 * Reads the exact outputs of the runs of a network: captions, or pictures where it makes no captions, or those that are
 * `wanted`. Null if no run has such an output; single runs without any are left out.
 */
export async function loadSequences(
  reader: ExperimentReader,
  { network, runs }: NetworkRuns,
  wanted: Modality | null,
  horizon: number,
  pacer: Pacer,
  leftOut: LeftOut[],
): Promise<NetworkSequences | null> {
  const modality = wanted ?? (await modalityOf(reader, runs[0]!));
  const stored: StoredOutputs[] = [];
  for (const run of runs) {
    const read = await readOutputs(reader, run, modality, horizon, pacer);
    if (read.outputs.length > 0) stored.push(read);
    else leftOut.push({ experiment: run.experiment, run: run.index, reason: WITHOUT[modality] });
  }
  if (stored.length === 0) return null;
  const common = commonHorizon(stored, horizon, 'outputs');
  return {
    network,
    modality,
    ...common,
    runs: stored.map((one) => ({
      run: one.run,
      outputs: upToHorizon(one, one.outputs, common),
      inCycle: one.run.cycle !== null,
      storedSteps: one.outputs.length,
      outputsSha256: one.sha256,
    })),
  };
}

const WITHOUT: Readonly<Record<Modality, string>> = {
  text: 'it has no text among its outputs up to the horizon',
  image: 'it has no picture among its outputs up to the horizon',
};

async function modalityOf(reader: ExperimentReader, { id, network }: ChosenRun): Promise<Modality> {
  let seen = 0;
  for await (const { 'output.modality': modality } of reader.stepsOf(id, OF_STEP)) {
    seen++;
    if (modality === 'text') return 'text';
    if (seen === network.length) break;
  }
  return 'image';
}

interface StoredOutputs extends StoredSteps {
  readonly outputs: Uint32Array;
  readonly sha256: string;
}

const OF_STEP = ['sequence', 'outputId', 'output.modality', 'output.sha256'] as const;
/** Operations, about, of a row that is read. */
const PER_ROW = 1000;

async function readOutputs(
  reader: ExperimentReader,
  run: ChosenRun,
  modality: Modality,
  horizon: number,
  pacer: Pacer,
): Promise<StoredOutputs> {
  const most = Math.min(run.length, horizon);
  const outputs = new Uint32Array(most);
  const invocations = new Uint32Array(most);
  const digest = createHash('sha256');
  let count = 0;
  for await (const step of reader.stepsOf(run.id, OF_STEP)) {
    await pacer.spend(PER_ROW);
    if (step.sequence >= most) break;
    if (step['output.modality'] !== modality) continue;
    const sha256 = step['output.sha256'];
    if (sha256 === null) throw damaged(run, `has lost the output of its invocation ${step.sequence}`);
    digest.update(sha256);
    outputs[count] = step.outputId;
    invocations[count] = step.sequence;
    count++;
  }
  return {
    run,
    outputs: outputs.slice(0, count),
    invocations: invocations.slice(0, count),
    sha256: digest.digest('hex'),
  };
}
