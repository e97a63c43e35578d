import { Client, Connection } from '@temporalio/client';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PanicError } from '../experiment/errors.js';
import { acquireRunLock, openDataFolder, readRunInfo } from '../workers/data-folder.js';
import { childEnvironment, configuredTemporal } from '../workers/environment.js';
import { supervise } from '../workers/supervisor.js';
import type { SupervisedProcess, SupervisorEvent } from '../workers/supervisor.js';
import { findTemporalCli } from '../workers/temporal-cli.js';
import { startTemporalServer } from '../workers/temporal-server.js';
import type { TemporalServer } from '../workers/temporal-server.js';
import type { Context } from './context.js';
import { note } from './output.js';

/** A Temporal service to run experiments on, and workers that serve it. */
export interface Session {
  readonly client: Client;
  /** host:port of the service. */
  readonly address: string;
  /** Address of the web UI, where it is the embedded server's. */
  readonly uiAddress: string | null;
  readonly embedded: boolean;
  stop(): Promise<void>;
}

// Two processes: a native crash of a model takes neither the workflows nor the diagrams with it.
const EMBEDDED_WORKERS = ['main,cpu', 'gpu'] as const;

/** A server that is still coming up when everything is to stop gets this long to come up and be stopped in order. */
const HALF_STARTED_MS = 5000;

/**
 * The service that the user has configured, with workers that are there; or else our own server and workers, made for
 * this experiment. `signal` ends the start, too.
 */
export async function openSession(
  context: Context,
  experiment: string,
  signal: AbortSignal,
): Promise<Session> {
  return (await openConfiguredSession()) ?? (await openEmbeddedSession(context, experiment, signal));
}

/** The service that runs now: the configured one, or the embedded one of a `run` in this data folder. Starts nothing. */
export async function findSession(context: Context): Promise<Session | null> {
  const configured = await openConfiguredSession();
  if (configured !== null) return configured;
  const running = readRunInfo(context.folder);
  if (running?.temporalAddress === undefined) return null;
  const address = running.temporalAddress;
  const { client, close } = await connect(
    { address },
    running.namespace ?? 'default',
    `process ${running.pid} runs experiments in ${context.folder.root}, but its Temporal server at ${address} does not answer; try again in a moment`,
  );
  return { client, address, uiAddress: running.uiAddress ?? null, embedded: true, stop: close };
}

/** The configured service, or null where none is. */
async function openConfiguredSession(): Promise<Session | null> {
  const configured = configuredTemporal();
  if (configured === undefined) return null;
  const address = configured.connectionOptions.address ?? 'the configured address';
  const { client, close } = await connect(
    configured.connectionOptions,
    configured.namespace ?? 'default',
    noAnswerFrom(address),
  );
  return { client, address, uiAddress: null, embedded: false, stop: close };
}

export function noAnswerFrom(address: string): string {
  return `the Temporal service at ${address} does not answer; check TEMPORAL_ADDRESS, or unset it to use the embedded server`;
}

async function connect(
  options: Parameters<typeof Connection.connect>[0],
  namespace: string,
  noAnswer: string,
): Promise<{ client: Client; close: () => Promise<void> }> {
  try {
    const connection = await Connection.connect({ connectTimeout: '5s', ...options });
    return { client: new Client({ connection, namespace }), close: () => connection.close() };
  } catch (error) {
    throw new PanicError('InvalidInput', noAnswer, { cause: error });
  }
}

async function openEmbeddedSession(
  context: Context,
  experiment: string,
  signal: AbortSignal,
): Promise<Session> {
  const folder = openDataFolder(context.folder.root);
  const lock = await acquireRunLock(folder);
  lock.update({ experiment });
  const parts: { stop(): Promise<void> }[] = [];
  let stopped: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      for (const part of parts.toReversed()) await part.stop();
      lock.release();
    })();
    return stopped;
  };
  const workers: SupervisedProcess[] = [];
  let server: TemporalServer | null = null;
  // What `status`, `cancel` and `doctor` read: the processes change when one is restarted.
  const announce = (): void => {
    if (server === null || stopped !== null) return;
    const { address, uiAddress, namespace, pid } = server;
    const workerPids = workers.flatMap((worker) => worker.pid ?? []);
    lock.update({ temporalAddress: address, uiAddress, namespace, serverPid: pid, workerPids });
  };
  const onEvent = (event: SupervisorEvent): void => {
    tell(event);
    if (event.kind === 'started' || event.kind === 'ready') announce();
  };
  try {
    const cli = await unlessAborted(
      findTemporalCli({ fetch: true, environment: context.environment, onProgress: note }),
      signal,
    );
    const starting = startTemporalServer({
      cli,
      databaseFile: join(folder.temporal, 'temporal.sqlite'),
      logFile: join(folder.logs, 'temporal-server.log'),
      onEvent,
      onNotice: note,
    });
    parts.push({ stop: () => stopEvenIfStarting(starting) });
    server = await unlessAborted(starting, signal);
    const { address, uiAddress, namespace } = server;
    const noAnswer = `the embedded Temporal server at ${address} does not answer; its log is ${join(folder.logs, 'temporal-server.log')}`;
    const { client, close } = await connect({ address }, namespace, noAnswer);
    parts.push({ stop: close });
    workers.push(
      ...EMBEDDED_WORKERS.map((queues) => startWorker(context, { address, namespace }, queues, onEvent)),
    );
    parts.push({ stop: async () => void (await Promise.all(workers.map((worker) => worker.stop()))) });
    await unlessAborted(Promise.all(workers.map((worker) => worker.ready)), signal);
    announce();
    return { client, address, uiAddress, embedded: true, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function stopEvenIfStarting(starting: Promise<TemporalServer>): Promise<void> {
  const stopped = starting.then(
    (server) => server.stop(),
    // One that failed to start has stopped itself.
    () => undefined,
  );
  let started = false;
  void starting.then(
    () => (started = true),
    () => undefined,
  );
  await Promise.race([stopped, sleep(HALF_STARTED_MS, undefined, { ref: false })]);
  if (started) await stopped;
}

/** The promise's result, or the signal's reason as soon as it is raised; the work itself goes on, and is the caller's to stop. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return await new Promise<T>((resolve, reject) => {
    const raise = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', raise, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', raise));
  });
}

function startWorker(
  context: Context,
  server: { readonly address: string; readonly namespace: string },
  queues: string,
  onEvent: (event: SupervisorEvent) => void,
): SupervisedProcess {
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
    onEvent,
  });
}

function tell(event: SupervisorEvent): void {
  if (event.kind === 'exited' && !event.expected) note(`${event.name} (process ${event.pid}) ${event.how}.`);
  if (event.kind === 'restarting')
    note(`${event.name} starts again in ${(event.delayMs / 1000).toFixed(1)} s.`);
  if (event.kind === 'started' && event.restarts > 0)
    note(`${event.name} runs again (process ${event.pid}).`);
}
