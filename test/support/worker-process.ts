import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suiteAddress } from './suite-server.js';

export const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface WorkerProcessOptions {
  readonly namespace: string;
  readonly data: string;
  readonly queues?: string;
  /** Variables, the same for every worker, or those of the worker after so many deaths. */
  readonly env?: Variables | ((deaths: number) => Variables);
}

type Variables = Readonly<Record<string, string>>;

/** A real `panic-tda worker` that is started again whenever it dies, until `stop`. */
export interface WorkerProcess {
  readonly pid: number;
  /** How each worker that died and was started again ended, with the end of its log. */
  readonly deaths: readonly string[];
  stop(): Promise<void>;
}

/** In characters. */
const LOG_END = 4000;

export function startWorkerProcess(options: WorkerProcessOptions): WorkerProcess {
  const logFile = join(options.data, '..', 'worker.log');
  let stopped = false;
  const deaths: string[] = [];
  const { env = {} } = options;
  let child: ChildProcess = start();

  function start(): ChildProcess {
    const log = openSync(logFile, 'a');
    const started = spawn(
      process.execPath,
      [CLI, 'worker', '--queues', options.queues ?? 'all', '--data', options.data],
      {
        stdio: ['ignore', log, log],
        env: {
          ...process.env,
          NODE_OPTIONS: '',
          TEMPORAL_ADDRESS: suiteAddress(),
          TEMPORAL_NAMESPACE: options.namespace,
          PANIC_TDA_TEST_MODELS: '1',
          ...(typeof env === 'function' ? env(deaths.length) : env),
        },
      },
    );
    closeSync(log);
    started.once('exit', (code, signal) => {
      if (stopped) return;
      deaths.push(`${signal ?? code}: ${readFileSync(logFile, 'utf8').slice(-LOG_END)}`);
      child = start();
    });
    return started;
  }

  return {
    get pid() {
      return child.pid!;
    },
    deaths,
    async stop() {
      stopped = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
