import type { ExperimentResult } from '../../activities/index.js';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { takeNamespace, withClient } from '../support/suite-server.js';
import { startWorkerProcess } from '../support/worker-process.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';

/**
 * Four runs of a pair of models, with pictures and texts embedded, so that every durable step happens several
 * times.
 */
export const DRILL_EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog', 'two hares on a hill'],
  seeds: [3, 7],
  embedding_models: ['Dummy', 'HashedNgram'],
  max_length: 12,
  on_cycle: 'continue',
};

/** The same experiment with surrogates of every diagram. Only the activity of the diagrams makes these. */
export const NULL_MODEL_EXPERIMENT = { ...DRILL_EXPERIMENT, null_model: { surrogates: 2 } };

/** The same experiment without embeddings and diagrams. */
export const TRAJECTORIES_EXPERIMENT = { ...DRILL_EXPERIMENT, embedding_models: [] };

export interface Drill {
  readonly data: string;
  readonly result: ExperimentResult;
  /** Whether the armed fault fired. */
  readonly fired: boolean;
  readonly deaths: readonly string[];
}

/**
 * Starts an experiment (that of the drills unless `file` gives another) on a worker that dies at the fault, and
 * restarts the worker until the experiment is done. With `stepByStep`, an activity makes one step and hands
 * everything else over. Otherwise one activity takes a run to its diagrams.
 */
export async function drill(
  name: string,
  fault: string | null,
  { stepByStep = false, file = DRILL_EXPERIMENT }: { stepByStep?: boolean; file?: unknown } = {},
): Promise<Drill> {
  const folder = join(sharedTemporaryFolder(), name.replaceAll(/[^a-z0-9]+/gi, '-'));
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true });
  const marker = join(folder, 'fired');
  const namespace = takeNamespace();
  const env = {
    ...(fault === null ? {} : { PANIC_TDA_FAULT: `${fault}@${marker}` }),
    ...(stepByStep ? { PANIC_TDA_ACTIVITY_MS: '0' } : {}),
  };
  const worker = startWorkerProcess({ namespace, data, env });
  try {
    const result = await runExperiment(namespace, file);
    return { data, result, fired: existsSync(marker), deaths: worker.deaths };
  } finally {
    await worker.stop();
  }
}

/**
 * Like `temporal workflow start --type experiment --task-queue panic-tda --workflow-id drill --input-file …`,
 * with the result.
 */
export function runExperiment(
  namespace: string,
  file: unknown,
  workflowId = 'drill',
): Promise<ExperimentResult> {
  return withClient(namespace, (client) =>
    client.workflow.execute('experiment', { taskQueue: 'panic-tda', workflowId, args: [file] }),
  );
}
