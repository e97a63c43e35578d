import type { Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dependencies } from '../activities/index.js';
import {
  connectionRoom,
  connectStore,
  isNewer,
  newerRemark,
  shortageText,
  upgradedText,
} from '../db/index.js';
import type { Store, StorePlace } from '../db/index.js';
import { errorMessage } from '../common/errors.js';
import { usableCores } from '../common/machine.js';
import {
  createModelPool,
  explainDecision,
  type DeviceSettings,
  loadCatalogue,
  type ServerAccess,
} from '../models/index.js';
import { TASK_QUEUES } from '../workflows/names.js';
import { requireAddressSpace } from './processes/address-space.js';
import { type DeploymentVersion, makeCurrent } from './temporal/worker-deployment.js';
import { createDiagramPool } from './diagrams/pool.js';
import { keepPollsWhileStopping } from './settings/temporal.js';
import { queueGauges, storeGauges } from './observation/fleet-gauges.js';
import { failuresWithoutSecrets } from './failures-without-secrets.js';
import { disagreementText, noRoutesToRecord, routesAsker, settleRoutes } from './settings/known-routes.js';
import { lateAnswers, POLLS_STAY_MS } from './late-answers.js';
import { mixedCodeText } from './temporal/mixed-code.js';
import { namespaceRemarks } from './temporal/namespace-remarks.js';
import { observe } from './observation/observation.js';
import { askOtherService } from './temporal/ask-other-service.js';
import { NEVER_ABORTED, type PatienceOptions, patiently } from './patience.js';
import { readinessOf } from './observation/readiness.js';
import { databaseGauges, diskGauges } from './observation/process-gauges.js';
import { queueStates } from './temporal/queue-states.js';
import { ownBuildId, requireOwnBuild } from './recorded-build.js';
import { allQueues, loadRoutes, type ModelRoutes, queueOfModel, routesText } from './settings/routes.js';
import { type ServedModelQueues, servedModelQueues } from './served-queues.js';
import {
  ensureSearchAttributes,
  INDEXED,
  missingSearchAttributes,
  unindexedText,
} from './temporal/search-attributes.js';
import { connectionProblem, refusal, requireNamespace, ServiceProblem } from './temporal/service-problems.js';
import { identifyService } from './temporal/service-identity.js';
import { type Outdated, watchTables } from './tables-watch.js';
import { type OpenClient, openClient } from './temporal/client.js';
import { unfitGauges, unfitHistories } from './temporal/unfit-histories.js';
import { queueOptions, sharedOptions } from './worker-options.js';
import { bundleSha256 } from './workflow-bundle.js';

export const QUEUES = ['main', 'gpu', 'cpu'] as const;
export type Queue = (typeof QUEUES)[number];

export interface WorkerSettings {
  readonly queues: readonly Queue[];
  /**
   * Names of the models to serve, or `unrouted` for those without a route; null for all models of this
   * machine.
   */
  readonly models: readonly string[] | null;
  /**
   * How many activities run at once on each queue of models and on that of diagrams; null for the default of
   * this machine.
   */
  readonly concurrency: number | null;
  /** The name by which Temporal and people know this worker. */
  readonly identity: string;
  /** The version of the package. */
  readonly version: string;
  /** Port for health and metrics on this machine's loopback address; 0 for any free port, null for none. */
  readonly listenPort: number | null;
  /** The names that an HTTP request may use for that port besides `localhost`. */
  readonly httpNames: readonly string[];
  /** How long stopping may take. */
  readonly drainSeconds: number;
  /**
   * The version of this worker, if the server's worker deployments decide which workers get work; null
   * otherwise.
   */
  readonly deployment: DeploymentVersion | null;
  /** Whether to make `deployment` the current version. */
  readonly setCurrent: boolean;
  readonly temporal: ClientConnectConfig;
  /** host:port of the Temporal service. */
  readonly address: string;
  /**
   * Whether to wait for a service that does not answer yet. A worker of `run` waits, since its server may be
   * about to start again.
   */
  readonly waitsForService: boolean;
  readonly place: StorePlace;
  readonly modelsFolder: string;
  readonly deviceSettings: DeviceSettings;
  readonly testModels: boolean;
  /** Path of the user's own catalogue file. */
  readonly catalogueFile: string | undefined;
  /** Path of the file of routes, if the user named one. */
  readonly routesFile: string | undefined;
  /** Whether the routes of that file replace those that the database has for all machines. */
  readonly recordRoutes: boolean;
  readonly activityMs: number;
  readonly servers: ServerAccess;
  readonly onNotice: (sentence: string) => void;
}

export interface RunningWorker {
  /** The task queues that this worker polls. */
  readonly taskQueues: readonly string[];
  /** Port of health and metrics; null if there is none. */
  readonly port: number | null;
  /**
   * Hands unfinished work back and ends. `reason` is what `/ready` answers if the user did not ask for the
   * stop. Resolves when everything is closed, also if a queue failed before. Rejects with `DrainTimeout` if
   * closing takes longer than `drainSeconds`.
   */
  stop(reason?: string | null): Promise<void>;
  /** Kills the processes of models, so that the caller can exit at once. */
  kill(): void;
  /** Resolves when this worker has to stop because of its tables; rejects if it stopped before. */
  readonly outdated: Promise<Outdated>;
  /** Resolves after `stop`. Rejects as soon as one queue fails; the other queues go on until `stop`. */
  readonly ended: Promise<void>;
}

/** Work was still under way when the time for stopping was over. */
export class DrainTimeout extends Error {
  override readonly name = 'DrainTimeout';
}

/**
 * Serves task queues until it is stopped. A process has one worker, which owns its store connection and its
 * model pool. The order of the parts matters: each one needs those before it, and `opened` closes them in
 * reverse.
 */
export async function startWorker(settings: WorkerSettings): Promise<RunningWorker> {
  const opened: Closing[] = [];
  try {
    return await start(settings, opened);
  } catch (error) {
    // An open connection would keep the process from ending.
    for (const close of opened.toReversed()) await Promise.resolve(close()).catch(() => undefined);
    throw error;
  }
}

type Closing = () => Promise<void> | void;

async function start(settings: WorkerSettings, opened: Closing[]): Promise<RunningWorker> {
  const { queues, temporal, place, modelsFolder, deviceSettings, identity, servers, deployment } = settings;
  const catalogueOptions = {
    modelsFolder,
    testModels: settings.testModels,
    catalogueFile: settings.catalogueFile,
  };
  const catalogue = await loadCatalogue(catalogueOptions);
  const ofFile = loadRoutes({ routesFile: settings.routesFile, dataFolder: place.folder }, catalogue);
  if (settings.recordRoutes && ofFile.file === null) throw noRoutesToRecord();
  // Filled when the database has answered with the routes.
  const taskQueues: string[] = [];

  requireAddressSpace(webAssemblyMemories(queues));
  keepPollsWhileStopping(POLLS_STAY_MS);
  const build = { version: settings.version, deployment, bundleSha256: bundleSha256() };
  const observed = await observe({ ...settings, build }, taskQueues);
  opened.push(() => observed.close());
  const { metrics } = observed;
  const namespace = temporal.namespace ?? 'default';
  const service = await connected(settings, namespace, (options) =>
    openClient({ connectTimeout: '5s', ...options }, namespace, identity),
  );
  opened.push(() => service.close());
  const waiting = { signal: NEVER_ABORTED, onOutage: outageNotices(settings.onNotice) };
  const asked = <T>(ask: () => Promise<T>): Promise<T> =>
    settings.waitsForService ? patiently(ask, waiting) : ask();
  const described = await asked(() => requireNamespace(service.connection, settings.address, namespace));
  for (const remark of described === null ? [] : namespaceRemarks(namespace, described))
    settings.onNotice(`Warning: ${remark}.`);
  const connection = await connected(settings, namespace, (options) => NativeConnection.connect(options));
  opened.push(() => connection.close());
  const indexing = indexingOf(service, namespace);
  const unindexed = await asked(() => indexing.ensure());
  if (unindexed !== null) settings.onNotice(`Warning: ${unindexed}.`);
  const open = (): Promise<Store> =>
    connectStore(place, (file, before) => settings.onNotice(upgradedText(file, before, 'panic-tda upgrade')));
  const store = await patiently(open, waiting);
  opened.push(() => store.close());
  if (isNewer(store.db.tables)) settings.onNotice(newerRemark(store.db.name, store.db.tables));
  const given = await patiently(() => store.objectsPlace.settle(), waiting);
  if (given !== null) settings.onNotice(given);
  // With SQLite, the file in the data folder belongs to the database beside it.
  const ownFile = place.database === null && settings.routesFile === undefined;
  const servedBy = (by: ModelRoutes): ServedModelQueues =>
    queues.includes('gpu')
      ? servedModelQueues(settings.models, { routes: by, catalogue, modelsFolder })
      : NO_MODELS;
  const recording = {
    identity,
    replace: settings.recordRoutes || ownFile,
    now: Date.now(),
    requireServable: servedBy,
  };
  const { routes, disagreements, replaced } = await patiently(
    () => settleRoutes(store, ofFile, recording),
    waiting,
  );
  const routesNow = routesAsker(store, ofFile);
  const disagreement = disagreementText(disagreements);
  if (disagreement !== null) settings.onNotice(`Warning: ${disagreement}.`);
  if (replaced.length > 0)
    settings.onNotice(`Routes recorded for all machines; until now ${replaced.join('; ')}.`);
  if (routes.byModel.size > 0) settings.onNotice(`Routes: ${routesText(routes)}.`);
  const served = servedBy(routes);
  for (const sentence of served.leftOut) settings.onNotice(sentence);
  const polled = queues.flatMap((queue) => {
    const ofQueue = queue === 'gpu' ? served.queues : [TASK_QUEUES[queue]];
    return ofQueue.map((taskQueue) => ({ queue, taskQueue }));
  });
  taskQueues.push(...polled.map(({ taskQueue }) => taskQueue));
  if (deployment !== null && queues.includes('main'))
    await patiently(() => requireOwnBuild(store, deployment, settings.version), waiting);
  if (deployment === null && queues.includes('main')) await tellOfOtherCode(service.client, settings);
  const shortage = await patiently(() => shortageOf(store, place), waiting);
  if (shortage !== null) settings.onNotice(`Warning: ${shortage}.`);
  const models = await createModelPool({
    ...catalogueOptions,
    devices: deviceSettings,
    servers,
    onDevice: (decision) => {
      for (const line of explainDecision(decision)) settings.onNotice(line);
    },
  });
  const diagrams = createDiagramPool({ threads: usableCores() });
  const deps: Dependencies = {
    store,
    catalogue,
    models: metrics.watchModels(models),
    modelsFolder: queues.includes('gpu') ? modelsFolder : null,
    servers,
    routing: {
      queueOf: (model) => queueOfModel(routes, model),
      serves: (model) => served.queues.includes(queueOfModel(routes, model)),
    },
    diagrams: metrics.watchDiagrams(diagrams),
    client: service.client,
    askOtherService: (driver, other) =>
      askOtherService(driver, other, temporal.connectionOptions, ASKED_TIMES),
    isIndexed: async () => (await indexing.remark()) === null,
    service: () => identifyService(service.connection, settings.address, namespace, place),
    activityMs: settings.activityMs,
    now: Date.now,
  };
  const shared = {
    ...sharedOptions(settings.drainSeconds, deployment, ownBuildId(settings.version)),
    interceptors: { activity: [lateAnswers, failuresWithoutSecrets, metrics.activities] },
    connection,
    namespace,
    identity,
  };
  const options = polled.map(({ queue, taskQueue }) => ({
    taskQueue,
    ...queueOptions(queue, deps, settings.concurrency),
  }));
  const workers = await Promise.all(options.map(async (one) => Worker.create({ ...shared, ...one })));
  const unfit = unfitHistories({
    client: service.client,
    onFirst: (sentence) => settings.onNotice(`Warning: ${sentence}.`),
  });
  opened.push(() => unfit.close());
  for (const worker of workers) unfit.watch(worker);
  const running = workers.map((worker) => worker.run());
  const ended = Promise.all(running).then(() => undefined);
  // The caller that awaits it sees its rejection; until then Node must not count the rejection as unhandled.
  ended.catch(() => undefined);
  const tables = watchTables(store);
  observed.begin(
    readinessOf({
      service,
      address: settings.address,
      namespace,
      store,
      workers,
      models: settings.models,
      catalogue,
      modelsFolder,
      unindexed: indexing.remark,
      newerTables: () => tables.remark(),
      unfit: () => unfit.problem(),
      routes,
      routesNow,
      tellsQueues: queues.includes('main'),
    }),
    {
      models: [...catalogue.values()].filter(({ name }) => deps.routing.serves(name)),
      activities: [...new Set(options.flatMap(({ activities = {} }) => Object.keys(activities)))].filter(
        (name) => name !== 'default',
      ),
    },
    [
      diskGauges(place.folder),
      databaseGauges(store),
      ...(queues.includes('main')
        ? [
            unfitGauges(unfit),
            storeGauges(store),
            queueGauges(service.client, async () =>
              allQueues(
                await routesNow().then(
                  (known) => known.routes,
                  () => routes,
                ),
              ),
            ),
          ]
        : []),
    ],
  );
  const stopping = new AbortController();
  if (deployment !== null && settings.setCurrent) {
    void makeCurrent(service.client, deployment, settings.onNotice, stopping.signal);
  }

  async function close(): Promise<void> {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.allSettled(running);
    await unfit.close();
    await Promise.all([models.close(), diagrams.close(), service.close(), observed.close()]);
    await connection.close();
    await store.close();
  }

  async function stop(reason: string | null = null): Promise<void> {
    observed.drain(reason);
    stopping.abort();
    tables.stop();
    const waited = new AbortController();
    const { drainSeconds } = settings;
    // The SDK's own time-out does not cover what hangs after it.
    const late = sleep(drainSeconds * 1000, undefined, { signal: waited.signal }).then(() => {
      throw new DrainTimeout(`work was still under way ${drainSeconds} s after the worker was asked to stop`);
    });
    await Promise.race([close(), late]).finally(() => waited.abort());
  }
  return {
    taskQueues,
    port: observed.port,
    stop,
    kill: () => void models.close(),
    outdated: tables.outdated,
    ended,
  };
}

/** A sentence if the database may refuse connections once every process fills its pool. */
async function shortageOf({ db }: Store, { database }: StorePlace): Promise<string | null> {
  const room = await connectionRoom(db);
  return room === null || database === null ? null : shortageText(room, database.poolSize);
}

/** Warns of other workers without a version that have other workflow code. */
async function tellOfOtherCode(
  client: Client,
  { identity, version, onNotice }: Pick<WorkerSettings, 'identity' | 'version' | 'onNotice'>,
): Promise<void> {
  try {
    const [main] = await queueStates(client, [TASK_QUEUES.main]);
    const others = main!.unversioned.filter((other) => other.identity !== identity);
    const mixed = mixedCodeText([...others, { identity, buildId: ownBuildId(version) }]);
    if (mixed !== null) onNotice(`Warning: ${mixed}.`);
  } catch (error) {
    onNotice(`Warning: whether other workers have other workflow code is not known: ${errorMessage(error)}`);
  }
}

/**
 * How many WebAssembly memories the worker needs: one for the SDK, which reads the source map of workflows,
 * and one for each diagram thread.
 */
function webAssemblyMemories(queues: readonly Queue[]): number {
  return (queues.includes('main') ? 1 : 0) + (queues.includes('cpu') ? usableCores() : 0);
}

/**
 * @throws ServiceProblem with the reason if the service cannot be connected to, and the worker does not wait
 * for it.
 */
async function connected<T>(
  {
    temporal: { connectionOptions },
    address,
    waitsForService,
  }: Pick<WorkerSettings, 'temporal' | 'address' | 'waitsForService'>,
  namespace: string,
  connect: (options: ClientConnectConfig['connectionOptions']) => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await connect(connectionOptions);
    } catch (error) {
      if (!waitsForService || refusal(error, address, namespace) !== null) {
        throw new ServiceProblem(await connectionProblem(error, connectionOptions, namespace), error);
      }
    }
    await sleep(CONNECT_AGAIN_MS);
  }
}

const CONNECT_AGAIN_MS = 1000;

function outageNotices(onNotice: (sentence: string) => void): NonNullable<PatienceOptions['onOutage']> {
  let away = false;
  return (outage) => {
    if (away === (outage !== null)) return;
    away = !away;
    onNotice(outage === null ? 'It answers now.' : `Waiting until it answers: ${outage.reason}`);
  };
}

/**
 * Whether the namespace has our search attributes. Each method answers with a remark if the namespace lacks
 * some, and with null otherwise.
 */
function indexingOf({ connection }: OpenClient, namespace: string) {
  let found = INDEXED;
  const remark = (): string | null => (found.missing.length === 0 ? null : unindexedText(namespace, found));
  return {
    ensure: async (): Promise<string | null> => {
      found = await ensureSearchAttributes(connection, namespace);
      return remark();
    },
    remark: async (): Promise<string | null> => {
      found = { ...found, missing: await missingSearchAttributes(connection, namespace) };
      return remark();
    },
  };
}

/** How often to ask another service, which may be away for a moment. */
const ASKED_TIMES = 3;

const NO_MODELS: ServedModelQueues = { queues: [], leftOut: [] };
