import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbeddedRun } from '../embedded-run.js';
import { openFleet } from '../fleet.js';
import { until } from '../cli-process.js';
import { dataFolderAt, readRunInfo } from '../../../workers/settings/data-folder.js';

const ENDLESS = {
  networks: [['DummyT2I', 'SlowI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [-1],
  embedding_models: [],
  max_length: 100_000,
};

/**
 * Starts what suites start: a worker, another one that is frozen, and a run with its own server and workers,
 * which are in process groups of their own. Writes their process ids to the file that LEFT_BEHIND names. Ends
 * none of them.
 */
export async function leaveProcesses(): Promise<void> {
  const fleet = await openFleet();
  const worker = await fleet.worker(['--queues', 'cpu']);
  const frozen = await fleet.worker(['--queues', 'cpu']);
  process.kill(frozen.process.pid!, 'SIGSTOP');
  const data = join(fleet.folder, 'embedded');
  mkdirSync(data);
  const file = join(fleet.folder, 'endless.json');
  writeFileSync(file, JSON.stringify(ENDLESS));
  const run = startEmbeddedRun(data, ['run', file]);
  const info = () => readRunInfo(dataFolderAt(data));
  await until(() => info()?.serverPid !== undefined && info()?.workerPids?.length === 2);
  const { serverPid, workerPids = [] } = info()!;
  const pids = [worker.process.pid, frozen.process.pid, run.pid, serverPid, ...workerPids];
  writeFileSync(process.env['LEFT_BEHIND']!, JSON.stringify(pids));
}
