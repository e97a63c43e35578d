import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectStore } from '../../db/index.js';
import { compiledFile } from '../../common/compiled-file.js';
import { acquireRunLock, openDataFolder } from '../../workers/settings/data-folder.js';
import { childEnvironment, type ChildNeed } from '../../common/child-environment.js';
import { databaseVariables } from '../../workers/settings/database.js';
import { deviceVariables } from '../../workers/settings/devices.js';
import { isServed } from '../../models/servers/preflight.js';
import { supervise } from '../../workers/processes/supervisor.js';
import type { SupervisedProcess, SupervisorEvent } from '../../workers/processes/supervisor.js';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import { startTemporalServer } from '../../workers/temporal/server.js';
import type { TemporalServer } from '../../workers/temporal/server.js';
import { unlessAborted } from '../terminal/abort.js';
import { closeFolder } from './closed-folder.js';
import { readingStore } from '../context.js';
import type { Context } from '../context.js';
import { EMBEDDED_WORKERS, workerWords } from './embedded-workers.js';
import { note } from '../terminal/output.js';
import { outageNotes } from './patience.js';
import { isPanicError } from '../../common/errors.js';
import { patiently } from '../../workers/patience.js';
import type { OpenClient } from '../../workers/temporal/client.js';
import { connect, sessionOver } from './connection.js';
import type { Session } from './connection.js';

/** For a worker that has not served yet. */
const START_ATTEMPTS = 3;
/**
 * For a worker that served once: the attempts in a row, with their pauses, take some two minutes, which
 * outlasts a passing trouble.
 */
const RESTART_ATTEMPTS = 10;

/** Pause between two questions while something starts. */
const ASK_AGAIN_MS = 2000;

/** How long a server that is still starting may take to start and stop in order, when everything is to stop. */
const HALF_STARTED_MS = 5000;

/**
 * Starts a Temporal server and workers for one experiment, and supervises them. `devices` says in `run.json`
 * where models are computed. `signal` also ends the start.
 * @throws PanicError `InvalidInput` if another process runs experiments in the data folder.
 */
export async function openEmbeddedSession(
  context: Context,
  experiment: string,
  devices: readonly string[],
  signal: AbortSignal,
): Promise<Session> {
  const folder = openDataFolder(context.folder.root);
  closeFolder(context);
  const lock = await acquireRunLock(folder);
  lock.update({ experiment, ...(devices.length > 0 && { devices }) });
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
  // `status`, `cancel` and `doctor` read this. The processes change when the supervisor restarts one.
  const announce = (): void => {
    if (server === null || stopped !== null) return;
    const { address, uiAddress, namespace, pid } = server;
    const workerPids = workers.flatMap((worker) => worker.pid ?? []);
    lock.update({
      temporalAddress: address,
      uiAddress: uiAddress ?? undefined,
      namespace,
      serverPid: pid,
      workerPids,
    });
  };
  const onEvent = (event: SupervisorEvent): void => {
    tell(event);
    if (event.kind === 'started' || event.kind === 'ready') announce();
  };
  try {
    await takeUp(context, experiment);
    const cli = await unlessAborted(
      findTemporalCli({ fetch: true, environment: context.environment, onProgress: note }),
      signal,
    );
    const starting = startTemporalServer({
      cli,
      databaseFile: join(folder.temporal, 'temporal.sqlite'),
      logFile: join(folder.logs, 'temporal-server.log'),
      httpNames: context.environment.httpNames,
      onEvent,
      onNotice: note,
    });
    parts.push({ stop: () => stopEvenIfStarting(starting) });
    server = await unlessAborted(starting, signal);
    const { address, uiAddress, namespace } = server;
    const open = await unlessAborted(
      Promise.race([connectPatiently(address, namespace), server.givenUp]),
      signal,
    );
    parts.push({ stop: open.close });
    workers.push(
      ...EMBEDDED_WORKERS.map((queues) => startWorker(context, { address, namespace }, queues, onEvent)),
    );
    parts.push({ stop: async () => void (await Promise.all(workers.map((worker) => worker.stop()))) });
    const parted = Promise.race([server.givenUp, ...workers.map((worker) => worker.givenUp)]);
    const ready = Promise.all(workers.map((worker) => worker.ready));
    await unlessAborted(Promise.race([tellingOfStore(context, ready), parted]), signal);
    announce();
    const failed = new AbortController();
    parted.catch((error: unknown) => failed.abort(error));
    return sessionOver(open, { address, uiAddress, embedded: true, failed: failed.signal, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Waits until the embedded server answers. The supervisor restarts a server that died, and the caller learns
 * from it when it gives up.
 */
async function connectPatiently(address: string, namespace: string): Promise<OpenClient> {
  for (;;) {
    try {
      return await connect({ address }, namespace, () => `the embedded server at ${address} does not answer`);
    } catch (error) {
      if (!isPanicError(error, 'InvalidInput')) throw error;
    }
    await sleep(ASK_AGAIN_MS, undefined, { ref: false });
  }
}

/**
 * Tells the user that the store does not answer. The workers wait for it before they serve, but say so only in
 * their logs.
 */
async function tellingOfStore(context: Context, ready: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  const watching = (async () => {
    const options = { signal: done.signal, onOutage: outageNotes() };
    for (;;) {
      await sleep(ASK_AGAIN_MS, undefined, { signal: done.signal });
      await patiently(() => readingStore(context, () => undefined), options);
    }
  })();
  // The watching ends when the workers are ready. If the store refuses, the workers report it.
  watching.catch(() => undefined);
  try {
    await ready;
  } finally {
    done.abort();
  }
}

/**
 * Marks that work on the experiment begins again. No process of this folder worked on it until now, but its
 * workflow may still be open and then continues without a new plan.
 */
async function takeUp(context: Context, id: string): Promise<void> {
  const row = await readingStore(context, async (store) => (await store?.experiments.find(id)) ?? null);
  if (row === null || row.driverRunId === null) return;
  const write = async (): Promise<void> => {
    const store = await connectStore(context.place);
    try {
      await store.experiments.takeUp(id, Date.now());
    } finally {
      await store.close();
    }
  };
  await (context.asking === undefined ? write() : context.asking(write));
}

async function stopEvenIfStarting(starting: Promise<TemporalServer>): Promise<void> {
  const stopped = starting.then(
    (server) => server.stop(),
    // A server that failed to start has stopped itself.
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
    args: [compiledFile('cli/main.js'), ...workerWords(queues, context.folder.root)],
    env: childEnvironment('worker', {
      needs: needsOf(context),
      extra: {
        ...deviceVariables(context.environment.deviceSettings),
        ...databaseVariables(context.environment.database),
        TEMPORAL_ADDRESS: server.address,
        TEMPORAL_NAMESPACE: server.namespace,
        TEMPORAL_TLS: 'false',
      },
    }),
    logFile: join(context.folder.logs, `${name}.log`),
    ready: 'message',
    startAttempts: START_ATTEMPTS,
    restartAttempts: RESTART_ATTEMPTS,
    onEvent,
  });
}

/**
 * Either worker may write pictures and rows. The worker with the book-keeping also asks model servers before
 * the other worker uses them.
 */
function needsOf({ environment, catalogue }: Context): ChildNeed[] {
  const needs: ChildNeed[] = [];
  if (environment.database !== null) needs.push('postgres');
  if (environment.objects?.kind === 's3') needs.push('bucket');
  if ([...catalogue.values()].some(isServed)) needs.push('modelServers');
  return needs;
}

function tell(event: SupervisorEvent): void {
  if (event.kind === 'exited' && !event.expected) note(`${event.name} (process ${event.pid}) ${event.how}.`);
  if (event.kind === 'restarting')
    note(`${event.name} starts again in ${(event.delayMs / 1000).toFixed(1)} s.`);
  if (event.kind === 'started' && event.restarts > 0)
    note(`${event.name} runs again (process ${event.pid}).`);
}
