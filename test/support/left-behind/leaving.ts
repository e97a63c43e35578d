import { spawn } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataFolderAt, readRunInfo } from '../../../workers/settings/data-folder.js';
import { until } from '../child-processes.js';
import { startEmbeddedRun } from '../embedded-run.js';
import { processesWithArgument } from '../processes-with-argument.js';
import { sharedTemporaryFolder } from '../temporary-folder.js';

const ENDLESS = {
  networks: [['DummyT2I', 'GatedI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [-1],
  embedding_models: [],
  max_length: 100_000,
};

/** Starts a process, another one that is frozen, and one in a process group of its own. */
export function leaveSimpleProcesses(): void {
  const [plain, frozen, apart] = [false, false, true].map(
    (detached) => spawn('sleep', ['3600'], { detached, stdio: 'ignore' }).pid!,
  );
  process.kill(frozen!, 'SIGSTOP');
  left('simple', [plain!, frozen!, apart!]);
}

/**
 * Starts a run with its own server and workers, which are in process groups of their own. Leaves them, and the
 * server of the suite, after the test.
 */
export async function leaveRun(): Promise<void> {
  const folder = sharedTemporaryFolder();
  const data = join(folder, 'embedded');
  const file = join(folder, 'endless.json');
  writeFileSync(file, JSON.stringify(ENDLESS));
  const run = startEmbeddedRun(data, ['run', file], undefined, { GATED_I2T_GATE: join(folder, 'gate') });
  const info = () => readRunInfo(dataFolderAt(data));
  await until(
    'the run has its server and its workers',
    () => info()?.serverPid !== undefined && info()?.workerPids?.length === 2,
  );
  const { serverPid, workerPids = [] } = info()!;
  const ofSuite = processesWithArgument(join(process.env['SUITE_FOLDER']!, 'temporal.sqlite'));
  left('run', [run.pid, serverPid!, ...workerPids, ...ofSuite]);
}

/** Writes process ids to the file of this name in the folder that LEFT_BEHIND names. */
function left(name: 'simple' | 'run', pids: readonly number[]): void {
  const file = join(process.env['LEFT_BEHIND']!, name);
  writeFileSync(`${file}.new`, JSON.stringify(pids));
  // The test never reads half of it.
  renameSync(`${file}.new`, file);
}
