import { dirname } from 'node:path';
import type { Ended } from './cli-process.js';
import { runCommand } from './standing-program.js';
import { suiteAddress, takeNamespace } from './suite-server.js';
import { startWorkerProcess } from './worker-process.js';

/** Runs a command that follows an experiment (`run FILE`, `resume ID`) beside a worker on the suite's server. */
export async function withWorker(
  data: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const namespace = takeNamespace();
  const worker = startWorkerProcess({ namespace, data, env });
  try {
    const service = { TEMPORAL_ADDRESS: suiteAddress(), TEMPORAL_NAMESPACE: namespace };
    return await runCommand(dirname(data), [...args, '--data', data], { ...service, ...env });
  } finally {
    await worker.stop();
  }
}
