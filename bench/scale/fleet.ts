import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../../common/child-environment.js';
import { supervise, type SupervisedProcess } from '../../workers/processes/supervisor.js';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import { startTemporalServer } from '../../workers/temporal/server.js';

export const CLI = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

const QUEUES = { main: 'main,cpu', gpu: 'gpu' } as const;

/** A Temporal server and workers on one data folder, for any number of commands at a time. */
export interface Fleet {
  readonly address: string;
  /** The environment in which a command uses this server. */
  readonly environment: Record<string, string>;
  /**
   * Sends SIGKILL to the gpu worker, or also to the main one, and starts others in their place at once. Returns
   * the time, in milliseconds since 1970.
   */
  kill(which: 'gpu' | 'all'): Promise<number>;
  stop(): Promise<void>;
}

/**
 * The processes that `panic-tda run` starts for itself, and one more worker for each entry of `more`, with
 * its queues. `extra` goes into the environment of workers and commands.
 */
export async function startFleet(
  data: string,
  extra: Record<string, string>,
  more: readonly (keyof typeof QUEUES)[] = [],
): Promise<Fleet> {
  const logs = join(data, '..', 'logs');
  mkdirSync(logs, { recursive: true });
  const server = await startTemporalServer({
    cli: await findTemporalCli({ fetch: false }),
    databaseFile: join(data, '..', 'temporal', 'temporal.sqlite'),
    logFile: join(logs, 'temporal-server.log'),
  });
  const { address } = server;
  const environment = childEnvironment('worker', {
    needs: ['postgres'],
    extra: {
      ...extra,
      PANIC_TDA_TEST_MODELS: '1',
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: server.namespace,
      TEMPORAL_TLS: 'false',
      TEMPORAL_API_KEY: undefined,
      PANIC_TDA_OBJECTS: undefined,
    },
  });
  const worker = (queues: string, number = 1): SupervisedProcess =>
    supervise({
      name: `worker ${queues}`,
      command: process.execPath,
      args: [CLI, 'worker', '--queues', queues, '--data', data],
      env: environment,
      logFile: join(logs, `worker-${queues.replace(',', '-')}-${number}.log`),
      ready: 'message',
      startAttempts: 3,
    });
  const workers = { main: worker(QUEUES.main), gpu: worker(QUEUES.gpu) };
  const others = more.map((name, index) => worker(QUEUES[name], index + 2));
  const all = (): SupervisedProcess[] => [...Object.values(workers), ...others];
  const stop = async (): Promise<void> => {
    await Promise.all(all().map((one) => one.stop()));
    await server.stop();
  };
  try {
    await Promise.all(all().map((one) => one.ready));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    address,
    environment,
    async kill(which) {
      const killed = which === 'all' ? (['main', 'gpu'] as const) : (['gpu'] as const);
      for (const name of killed) process.kill(pidOf(workers[name]), 'SIGKILL');
      const at = Date.now();
      // Their supervisors do not restart them, since the pauses of a supervisor double from one kill to the
      // next.
      for (const name of killed) {
        await workers[name].stop();
        workers[name] = worker(QUEUES[name]);
      }
      return at;
    },
    stop,
  };
}

function pidOf({ name, pid }: SupervisedProcess): number {
  if (pid === undefined) throw new Error(`${name} is not running`);
  return pid;
}
