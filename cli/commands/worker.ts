import { hostname } from 'node:os';
import { NewerTablesRefused } from '../../db/index.js';
import { isPanicError, PanicError } from '../../common/errors.js';
import { armFault } from '../../common/fault.js';
import { joinWorkers, openDataFolder } from '../../workers/settings/data-folder.js';
import { type DeploymentVersion, setCurrentCommand } from '../../workers/temporal/worker-deployment.js';
import { NEVER_ABORTED, patiently } from '../../workers/patience.js';
import { ownBuildId } from '../../workers/recorded-build.js';
import { ServiceProblem } from '../../workers/temporal/service-problems.js';
import { workerTemporal } from '../../workers/settings/temporal.js';
import { endWithParent, reportReady, reportUnable } from '../../workers/processes/supervisor.js';
import { DrainTimeout, QUEUES, startWorker } from '../../workers/worker.js';
import type { Queue, RunningWorker, WorkerSettings } from '../../workers/worker.js';
import { closeFolder } from '../session/closed-folder.js';
import { placeText } from '../context.js';
import type { Context } from '../context.js';
import { EXIT, SIGNAL_EXIT } from '../program/exit-codes.js';
import { proveObjectsPlace } from '../try-objects.js';
import { note } from '../terminal/output.js';
import { version } from '../program/package-info.js';
import { outageNotes } from '../session/patience.js';

export const DEFAULT_ADDRESS = '127.0.0.1:7233';

/** The value of `--build-id` for a build id that this program makes from its version and its workflow code. */
export const OWN_BUILD = 'auto';

/** Options of `worker`, as the user gave them. */
export interface WorkerOptions {
  readonly queues: string;
  readonly models?: string;
  readonly concurrency?: number;
  readonly identity?: string;
  readonly listen?: number;
  readonly drainSeconds: number;
  readonly deployment?: string;
  readonly buildId?: string;
  readonly setCurrent?: true;
  readonly recordRoutes?: true;
}

/** `worker`: serves task queues until it is stopped. */
export async function serveQueues(context: Context, options: WorkerOptions): Promise<number> {
  const { environment, folder, place, catalogue } = context;
  const queues = queuesOf(options.queues);
  const models = modelsOf(options, queues);
  const deployment = deploymentOf(options);
  // Refuse wrong options before anything is created.
  const temporal = workerTemporal(DEFAULT_ADDRESS);
  let started: RunningWorker | null = null;
  endWithParent(async () => await started?.stop());
  await patiently(() => proveObjectsPlace(context), { signal: NEVER_ABORTED, onOutage: outageNotes() });
  openDataFolder(folder.root);
  closeFolder(context);
  const using = joinWorkers(folder);
  if (environment.fault !== undefined) armFault(environment.fault);
  const address = temporal.connectionOptions.address ?? DEFAULT_ADDRESS;
  const identity = options.identity ?? `${process.pid}@${hostname()}:${queues.join('+')}`;
  const worker = await startOrTell({
    queues,
    models,
    concurrency: options.concurrency ?? null,
    identity,
    listenPort: options.listen ?? null,
    httpNames: environment.httpNames,
    drainSeconds: options.drainSeconds,
    deployment,
    setCurrent: options.setCurrent ?? false,
    version: version(),
    temporal,
    address,
    waitsForService: process.send !== undefined,
    place: { ...place, folder: openDataFolder(folder.root).root },
    modelsFolder: environment.modelsFolder,
    deviceSettings: environment.deviceSettings,
    testModels: environment.testModels,
    catalogueFile: environment.catalogueFile,
    routesFile: environment.routesFile,
    recordRoutes: options.recordRoutes ?? false,
    activityMs: environment.activityMs,
    servers: environment.servers,
    onNotice: note,
  });
  if (worker === null) {
    using.release();
    return EXIT.newerTables;
  }
  started = worker;
  let stopping = Promise.resolve();
  let asked = false;
  let code: number = EXIT.ok;
  const stop = (reason: string | null = null): void => {
    if (asked) return;
    asked = true;
    stopping = worker.stop(reason);
    // The code below awaits it and meets its rejection.
    stopping.catch(() => undefined);
  };
  const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (asked) stopAtOnce(worker, SIGNAL_EXIT[signal]);
    note(
      `Stopping: work under way is given back, within ${options.drainSeconds} s. Once more stops at once.`,
    );
    stop();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const leave = async (): Promise<void> => {
    const { reason, tablesAreNewer } = await worker.outdated;
    if (asked) return;
    code = tablesAreNewer ? EXIT.newerTables : EXIT.badInput;
    note(`Stopping: ${reason}. Work under way is given back, within ${options.drainSeconds} s.`);
    stop(reason);
    if (tablesAreNewer) await reportUnable(reason);
  };
  // The worker stopped before it was outdated.
  leave().catch(() => undefined);
  note(
    `${identity} serves ${worker.taskQueues.join(', ')} at ${address} with ${catalogue.size} models; data in ${folder.root}${place.database === null ? '' : `, rows in ${placeText({ place })}`}. Ctrl-C stops it.`,
  );
  if (worker.port !== null) {
    note(`Health: http://127.0.0.1:${worker.port}/health, /ready, /metrics`);
  }
  if (deployment !== null && options.setCurrent === undefined) {
    note(
      `It gets work once its build is the current version of ${deployment.deploymentName}: ${setCurrentCommand(deployment)}`,
    );
  }
  reportReady();
  try {
    await worker.ended;
  } catch (error) {
    // The drain below reports late work.
    if (!asked) {
      throw new Error(`the Temporal service at ${address} gives this worker no more work`, { cause: error });
    }
  } finally {
    // If one queue fails, stop all of them: a supervisor starts the whole worker again.
    stop();
    await stopping.catch((error: unknown) => {
      if (!(error instanceof DrainTimeout)) throw error;
      note(`panic-tda: ${error.message}; it is left to the time-out of its heartbeat.`);
      stopAtOnce(worker, code === EXIT.ok ? EXIT.failed : code);
    });
    using.release();
  }
  return code;
}

function stopAtOnce(worker: RunningWorker, code: number): never {
  worker.kill();
  process.exit(code);
}

function modelsOf({ models }: WorkerOptions, queues: readonly Queue[]): string[] | null {
  if (models === undefined) return null;
  if (!queues.includes('gpu')) {
    throw new PanicError(
      'InvalidInput',
      `--models is about the queue gpu, which --queues ${queues.join(',')} does not serve`,
    );
  }
  const names = models.split(',').map((name) => name.trim());
  if (names.includes('')) {
    throw new PanicError('InvalidInput', `--models: found "${models}"; allowed: names with commas between`);
  }
  return [...new Set(names)];
}

function deploymentOf({ deployment, buildId, setCurrent }: WorkerOptions): DeploymentVersion | null {
  if (deployment === undefined && buildId === undefined && setCurrent === undefined) return null;
  if (deployment === undefined || buildId === undefined) {
    throw new PanicError(
      'InvalidInput',
      'a versioned worker needs both --deployment NAME and --build-id ID; leave out both, and --set-current, for one that is not',
    );
  }
  return { deploymentName: deployment, buildId: buildId === OWN_BUILD ? ownBuildId(version()) : buildId };
}

/**
 * Null if the tables belong to a newer version and this one may not write to them. The user has read the reason
 * then.
 */
async function startOrTell(settings: WorkerSettings): Promise<RunningWorker | null> {
  try {
    return await startWorker(settings);
  } catch (error) {
    // A service may answer later. Other refusals do not pass by themselves.
    if (isPanicError(error, 'InvalidInput') && !(error instanceof ServiceProblem)) {
      await reportUnable(error.message);
    }
    if (!(error instanceof NewerTablesRefused)) throw error;
    note(`panic-tda: ${error.message}`);
    return null;
  }
}

function queuesOf(list: string): Queue[] {
  if (list === 'all') return [...QUEUES];
  return list.split(',').map((name) => {
    const queue = QUEUES.find((known) => known === name.trim());
    if (queue === undefined) {
      throw new PanicError(
        'InvalidInput',
        `--queues: found "${name}"; allowed: ${QUEUES.join(', ')}, or all`,
      );
    }
    return queue;
  });
}
