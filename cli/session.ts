import { Client, Connection } from '@temporalio/client';
import { fileURLToPath } from 'node:url';
import { PanicError } from '../experiment/errors.js';
import { acquireRunLock, openDataFolder, readRunInfo } from '../workers/data-folder.js';
import type { RunLock } from '../workers/data-folder.js';
import { childEnvironment, configuredTemporal } from '../workers/environment.js';
import { supervise } from '../workers/supervisor.js';
import type { SupervisedProcess, SupervisorEvent } from '../workers/supervisor.js';
import { findTemporalCli } from '../workers/temporal-cli.js';
import { startTemporalServer } from '../workers/temporal-server.js';
import type { TemporalServer } from '../workers/temporal-server.js';
import { join } from 'node:path';
import type { Context } from './context.js';
import { note } from './output.js';

/** A Temporal service to run experiments on, and workers that serve it. */
export interface Session {
  readonly client: Client;
  /** Address of the web UI, where we started it ourselves. */
  readonly uiAddress: string | null;
  readonly embedded: boolean;
  stop(): Promise<void>;
}

// Two processes: a native crash of a model takes neither the workflows nor the diagrams with it.
const EMBEDDED_WORKERS = ['main,cpu', 'gpu'] as const;

/** The service that the user has configured, with workers that are there; or else our own server and workers. */
export async function openSession(context: Context): Promise<Session> {
  return (await openConfiguredSession()) ?? (await openEmbeddedSession(context));
}

/** The configured service, or null where none is. */
async function openConfiguredSession(): Promise<Session | null> {
  const configured = configuredTemporal();
  if (configured === undefined) return null;
  const { client, close } = await connect(configured.connectionOptions, configured.namespace ?? 'default');
  return { client, uiAddress: null, embedded: false, stop: close };
}

/** The service that runs now: the configured one, or the embedded one of a `run` in this data folder. Starts nothing. */
export async function findSession(context: Context): Promise<Session | null> {
  const configured = await openConfiguredSession();
  if (configured !== null) return configured;
  const running = readRunInfo(context.folder);
  if (running?.temporalAddress === undefined) return null;
  const { client, close } = await connect(
    { address: running.temporalAddress },
    running.namespace ?? 'default',
  );
  return { client, uiAddress: running.uiAddress ?? null, embedded: true, stop: close };
}

async function connect(options: Parameters<typeof Connection.connect>[0], namespace: string) {
  try {
    const connection = await Connection.connect({ connectTimeout: '10s', ...options });
    return { client: new Client({ connection, namespace }), close: () => connection.close() };
  } catch (error) {
    throw new PanicError(
      'InvalidInput',
      `the Temporal service at ${options?.address ?? 'the configured address'} does not answer; check TEMPORAL_ADDRESS, or unset it to use the embedded server`,
      { cause: error },
    );
  }
}

async function openEmbeddedSession(context: Context): Promise<Session> {
  const folder = openDataFolder(context.folder.root);
  const lock = await acquireRunLock(folder);
  const started: { stop(): Promise<void> }[] = [];
  const stopAll = async (): Promise<void> => {
    for (const part of started.splice(0).reverse()) await part.stop();
    lock.release();
  };
  try {
    const cli = await findTemporalCli({ fetch: true, environment: context.environment, onProgress: note });
    const server = await startTemporalServer({
      cli,
      databaseFile: join(folder.temporal, 'temporal.sqlite'),
      logFile: join(folder.logs, 'temporal-server.log'),
      onEvent: tell,
      onNotice: note,
    });
    started.push(server);
    const { client, close } = await connect({ address: server.address }, server.namespace);
    started.push({ stop: close });
    const workers = EMBEDDED_WORKERS.map((queues) => startWorker(context, server, queues));
    started.push({ stop: async () => void (await Promise.all(workers.map((worker) => worker.stop()))) });
    await Promise.all(workers.map((worker) => worker.ready));
    announce(lock, server, workers);
    return { client, uiAddress: server.uiAddress, embedded: true, stop: stopAll };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

function startWorker(context: Context, server: TemporalServer, queues: string): SupervisedProcess {
  const name = `worker-${queues.replace(',', '-')}`;
  return supervise({
    name,
    command: process.execPath,
    args: [
      fileURLToPath(new URL('./main.js', import.meta.url)),
      'worker',
      '--queues',
      queues,
      '--data',
      context.folder.root,
    ],
    env: childEnvironment({
      TEMPORAL_ADDRESS: server.address,
      TEMPORAL_NAMESPACE: server.namespace,
      TEMPORAL_TLS: 'false',
      TEMPORAL_API_KEY: undefined,
    }),
    logFile: join(context.folder.logs, `${name}.log`),
    ready: 'message',
    startAttempts: 3,
    onEvent: tell,
  });
}

function announce(lock: RunLock, server: TemporalServer, workers: readonly SupervisedProcess[]): void {
  lock.update({
    temporalAddress: server.address,
    uiAddress: server.uiAddress,
    namespace: server.namespace,
    serverPid: server.pid,
    workerPids: workers.flatMap((worker) => worker.pid ?? []),
  });
}

function tell(event: SupervisorEvent): void {
  if (event.kind === 'exited' && !event.expected) note(`${event.name} ${event.how}`);
  if (event.kind === 'restarting')
    note(`${event.name} starts again in ${(event.delayMs / 1000).toFixed(1)} s`);
}
