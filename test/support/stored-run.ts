import { callColumns, openStore, type Store } from '../../db/index.js';
import type { Artifact } from '../../experiment/artifact.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { experimentId } from '../../experiment/ids.js';
import { modelOfKind } from '../../experiment/model.js';
import type { Fingerprint } from '../../experiment/provenance.js';
import { config as small, staged } from './small-experiment.js';
import { catalogue } from '../../models/index.js';

/** One run of the dummy models. */
export const dummyConfig: ExperimentConfig = {
  ...small,
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a red fox'],
  seeds: [3],
  embedding_models: ['Dummy'],
};

/**
 * Plans an experiment in a data folder and gives its run 0 these outputs, as if the models of its network had
 * made them. `cutTokens` is by step. Returns the open store.
 */
export async function storeOutputs(
  folder: string,
  config: ExperimentConfig,
  fingerprint: Fingerprint,
  outputs: readonly Artifact[],
  cutTokens: readonly number[] = [],
): Promise<Store> {
  const store = openStore(folder);
  const id = experimentId(config);
  await store.experiments.plan(id, config, 0);
  const run = await store.runs.get(id, 0);
  const hostId = await store.provenance.hostId(fingerprint);
  for (const [sequence, output] of outputs.entries()) {
    const model = modelOfKind(catalogue, run.network[sequence % run.network.length]!, 'generative')!;
    await store.invocations.commit(
      run,
      {
        ...(await store.invocations.progress(run)).next,
        modelId: await store.provenance.modelId(model),
        seed: 3,
        output: await staged(store, output),
        provenance: { source: 'computed', hostId, batchSize: 1, computeMs: 1 },
        call: callColumns({ model, answer: { cutTokens: cutTokens[sequence] ?? 0, outputCut: false } }),
        onCycle: 'stop',
      },
      sequence,
    );
  }
  return store;
}
