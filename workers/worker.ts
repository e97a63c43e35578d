import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { LogEntry, WorkerOptions } from '@temporalio/worker';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  createAdvanceRun,
  createBookkeeping,
  createDiagramRun,
  createEmbedRun,
} from '../activities/index.js';
import type { Dependencies } from '../activities/index.js';
import { openStore } from '../db/index.js';
import { createModelPool, type HostSettings, loadCatalogue, type ServerAccess } from '../models/index.js';
import { TASK_QUEUES } from '../workflows/names.js';
import { createDiagramPool } from './diagram-pool.js';
import { openClient } from './temporal-client.js';
import { ensureSearchAttributes } from './temporal-service.js';

export const QUEUES = ['main', 'gpu', 'cpu'] as const;
export type Queue = (typeof QUEUES)[number];

export interface WorkerSettings {
  readonly queues: readonly Queue[];
  readonly temporal: ClientConnectConfig;
  readonly dataFolder: string;
  readonly modelsFolder: string;
  readonly hosts: HostSettings;
  readonly testModels: boolean;
  /** Path of the user's own catalogue file. */
  readonly catalogueFile: string | undefined;
  readonly activityMs: number;
  readonly servers: ServerAccess;
  readonly onNotice: (sentence: string) => void;
}

export interface RunningWorker {
  /** Hands unfinished work back and ends; resolves when everything is closed, also where a queue failed before. */
  stop(): Promise<void>;
  /** Resolves after `stop`; rejects as soon as one queue fails, while the others go on until `stop`. */
  readonly ended: Promise<void>;
}

const SHARED: Partial<WorkerOptions> = {
  // 0: a step that is not committed is given back at once, instead of being waited for.
  shutdownGraceTime: 0,
  shutdownForceTime: '10s',
  // Heartbeats are sent once a second and time out after five; the default throttle would leave one second of slack.
  maxHeartbeatThrottleInterval: '1s',
};

/** Serves task queues until it is stopped. One per process: it owns the process's store connection and model pool. */
export async function startWorker(settings: WorkerSettings): Promise<RunningWorker> {
  Runtime.install({ logger: new DefaultLogger('WARN', log), shutdownSignals: [] });
  const {
    queues,
    temporal,
    dataFolder,
    modelsFolder,
    hosts,
    testModels,
    catalogueFile,
    activityMs,
    servers,
  } = settings;
  const namespace = temporal.namespace ?? 'default';
  const connection = await NativeConnection.connect(temporal.connectionOptions);
  const service = await openClient(temporal.connectionOptions, namespace);
  await ensureSearchAttributes(service.connection, namespace).catch((error: unknown) => {
    settings.onNotice(
      `The search attributes could not be made (${String(error)}); ask the server's operator to add them.`,
    );
  });
  const store = openStore(dataFolder);
  const catalogueOptions = { modelsFolder, testModels, catalogueFile };
  const models = createModelPool({ ...catalogueOptions, hosts, servers });
  const diagrams = createDiagramPool({ threads: availableParallelism() });
  const deps: Dependencies = {
    store,
    catalogue: loadCatalogue(catalogueOptions),
    models,
    modelsFolder: queues.includes('gpu') ? modelsFolder : null,
    diagrams,
    client: service.client,
    activityMs,
    now: Date.now,
  };
  const workers = await Promise.all(
    queues.map((queue) => createWorker(queue, deps, { connection, namespace })),
  );
  const running = workers.map((worker) => worker.run());
  const ended = Promise.all(running).then(() => undefined);

  async function stop(): Promise<void> {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.allSettled(running);
    await Promise.all([models.close(), diagrams.close(), service.close()]);
    await connection.close();
    await store.close();
  }
  return { stop, ended };
}

/** What the SDK warns about, but for the queues that have no workflows on purpose. */
function log({ level, message, meta }: LogEntry): void {
  if (message.startsWith('No workflows registered')) return;
  const details = meta === undefined ? '' : ` ${JSON.stringify(meta, errorsAsText)}`;
  process.stderr.write(`${new Date().toISOString()} ${level} ${message}${details}\n`);
}

function errorsAsText(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Error ? `${value.name}: ${value.message}` : value;
}

async function createWorker(
  queue: Queue,
  deps: Dependencies,
  connect: { readonly connection: NativeConnection; readonly namespace: string },
): Promise<Worker> {
  const options = { ...SHARED, ...connect, taskQueue: TASK_QUEUES[queue] };
  return Worker.create({ ...options, ...(await OPTIONS[queue](deps)) });
}

const OPTIONS = {
  main: async (deps: Dependencies) => ({
    ...(await workflowSource()),
    activities: createBookkeeping(deps),
    // More than the runs that are open at once, or every step replays its history.
    maxCachedWorkflows: 1200,
    // After a crash other workers wait this long for the dead one's sticky queue before they take its workflows.
    stickyQueueScheduleToStartTimeout: '1s',
    // A bug in workflow code fails the workflow, which people see, instead of retrying its task for ever.
    workflowFailureErrorTypes: { '*': ['Error'] },
  }),
  gpu: async (deps: Dependencies) => ({
    activities: { advanceRun: createAdvanceRun(deps), embedRun: createEmbedRun(deps) },
    // Deep enough for model calls of different runs to meet, small enough to share with other workers.
    maxConcurrentActivityTaskExecutions: 40,
  }),
  cpu: async (deps: Dependencies) => ({
    activities: { diagramRun: createDiagramRun(deps) },
    maxConcurrentActivityTaskExecutions: 2 * availableParallelism(),
  }),
} satisfies Record<Queue, (deps: Dependencies) => Promise<Partial<WorkerOptions>>>;

/** The bundle that the build made; it saves a second at every start. Without one (a test of the sources) it is made now. */
async function workflowSource() {
  const bundle = fileURLToPath(new URL('../workflows/bundle.js', import.meta.url));
  if (existsSync(bundle)) return { workflowBundle: { codePath: bundle } };
  const workflowsPath = fileURLToPath(new URL('../workflows/index.js', import.meta.url));
  return { workflowBundle: await bundleWorkflowCode({ workflowsPath }) };
}
