import type { Client, WorkflowHandle } from '@temporalio/client';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExperimentResult } from '../../activities/index.js';
import type { experiment } from '../../workflows/index.js';
import { sharedTemporaryFolder } from './temporary-folder.js';
import { connectClient, takeNamespace } from './suite-server.js';
import { startWorkerProcess } from './worker-process.js';
import type { WorkerProcess } from './worker-process.js';

/** A namespace on the suite's server and a data folder, with one real worker for all queues. */
export interface Laboratory {
  readonly folder: string;
  readonly data: string;
  readonly namespace: string;
  readonly client: Client;
  readonly worker: WorkerProcess;
  start(file: unknown, workflowId: string): Promise<WorkflowHandle<typeof experiment>>;
  run(file: unknown, workflowId: string): Promise<ExperimentResult>;
  close(): Promise<void>;
}

export async function openLaboratory(env: Readonly<Record<string, string>> = {}): Promise<Laboratory> {
  const folder = sharedTemporaryFolder();
  const data = join(folder, 'data');
  mkdirSync(data);
  const namespace = takeNamespace();
  const { client, close } = await connectClient(namespace);
  const worker = startWorkerProcess({ namespace, data, env });
  const start = (file: unknown, workflowId: string) =>
    client.workflow.start<typeof experiment>('experiment', {
      taskQueue: 'panic-tda',
      workflowId,
      args: [file],
    });
  return {
    folder,
    data,
    namespace,
    client,
    worker,
    start,
    run: async (file, workflowId) => await (await start(file, workflowId)).result(),
    close: async () => {
      await worker.stop();
      await close();
    },
  };
}

/** Writes an experiment to a file, for command lines. */
export function experimentFile(folder: string, name: string, experiment: unknown): string {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify(experiment));
  return path;
}
