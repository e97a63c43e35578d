import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { dataFolderAt, readRunInfo } from '../../workers/settings/data-folder.js';
import type { RunInfo } from '../../workers/settings/data-folder.js';
import { processesWithArgument } from './processes-with-argument.js';
import { CLI } from './worker-process.js';
import { exitCode, isRunning } from './child-processes.js';

export interface EmbeddedRun {
  readonly pid: number;
  /** Exit code (null if a signal ended it) and output. */
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

/**
 * A real `panic-tda run FILE` (or `resume ID`) with its own server and workers. `main` may be another version
 * of the program.
 */
export function startEmbeddedRun(
  data: string,
  command: readonly string[],
  main = CLI,
  env: Readonly<Record<string, string>> = {},
): EmbeddedRun {
  const child = spawn(process.execPath, [main, ...command, '--data', data, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      TEMPORAL_ADDRESS: '',
      TEMPORAL_NAMESPACE: '',
      PANIC_TDA_TEST_MODELS: '1',
      ...env,
    },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = exitCode(child).then((code) => ({ code, stdout, stderr }));
  return { pid: child.pid!, ended };
}

/** The running process's record of itself and its children. Throws if none runs. */
export function runInfo(data: string): RunInfo & { readonly serverPid: number } {
  const info = readRunInfo(dataFolderAt(data));
  if (info?.serverPid === undefined) throw new Error(`no run is under way in ${data}`);
  return { ...info, serverPid: info.serverPid };
}

/** Every process of this data folder: the run, its server, its workers. */
export function processesOf(data: string): number[] {
  const server = join(data, 'temporal', 'temporal.sqlite');
  return [...processesWithArgument(data), ...processesWithArgument(server)].filter(isRunning);
}

export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended already.
    }
  }
}
