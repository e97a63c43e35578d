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

export interface Fault {
  /** `point@hit`. */
  readonly fault: string;
  /**
   * Whether an activity makes one step and hands everything else over. Otherwise one activity takes a run to its
   * diagrams.
   */
  readonly stepByStep?: boolean;
}

export interface Drill {
  readonly data: string;
  readonly result: ExperimentResult;
  /** The faults that fired. */
  readonly fired: readonly string[];
  readonly deaths: readonly string[];
}

/**
 * Runs an experiment on a worker that dies at the first fault. The worker after it dies at the next fault, and so on,
 * until the experiment is done.
 */
export async function drill(name: string, faults: readonly Fault[], file: unknown): Promise<Drill> {
  const folder = join(sharedTemporaryFolder(), name.replaceAll(/[^a-z0-9]+/gi, '-'));
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true });
  const namespace = takeNamespace();
  const marker = (index: number): string => join(folder, `fired-${index}`);
  const env = (deaths: number): Record<string, string> => {
    const { stepByStep } = faults[deaths] ?? faults.at(-1) ?? {};
    return {
      ...(deaths < faults.length ? { PANIC_TDA_FAULT: `${faults[deaths]!.fault}@${marker(deaths)}` } : {}),
      ...(stepByStep ? { PANIC_TDA_ACTIVITY_MS: '0' } : {}),
    };
  };
  const worker = startWorkerProcess({ namespace, data, env });
  try {
    const result = await runExperiment(namespace, file, 'drill');
    const fired = faults.map(({ fault }) => fault).filter((_, index) => existsSync(marker(index)));
    return { data, result, fired, deaths: worker.deaths };
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
  workflowId: string,
): Promise<ExperimentResult> {
  return withClient(namespace, (client) =>
    client.workflow.execute('experiment', { taskQueue: 'panic-tda', workflowId, args: [file] }),
  );
}
