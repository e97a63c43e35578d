import { PanicError } from '../../experiment/errors.js';
import { armFault } from '../../experiment/fault.js';
import { openDataFolder } from '../../workers/data-folder.js';
import { configuredTemporal } from '../../workers/environment.js';
import { endWithParent, reportReady } from '../../workers/supervisor.js';
import { QUEUES, startWorker } from '../../workers/worker.js';
import type { Queue, RunningWorker, WorkerSettings } from '../../workers/worker.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { note } from '../output.js';
import { noAnswerFrom } from '../temporal-connection.js';

export const DEFAULT_ADDRESS = '127.0.0.1:7233';

/** `worker`: serves task queues until it is stopped. */
export async function serveQueues(
  { environment, folder, catalogue }: Context,
  queueList: string,
): Promise<number> {
  const queues = queuesOf(queueList);
  if (environment.fault !== undefined) armFault(environment.fault);
  const temporal = configuredTemporal() ?? {
    connectionOptions: { address: DEFAULT_ADDRESS },
    namespace: 'default',
  };
  const address = temporal.connectionOptions.address ?? DEFAULT_ADDRESS;
  const worker = await startOrExplain(address, {
    queues,
    temporal,
    dataFolder: openDataFolder(folder.root).root,
    modelsFolder: environment.modelsFolder,
    hosts: environment.hosts,
    testModels: environment.testModels,
    catalogueFile: environment.catalogueFile,
    activityMs: environment.activityMs,
    servers: environment.servers,
    onNotice: note,
  });
  let stopping = Promise.resolve();
  let asked = false;
  const stop = (): void => {
    if (asked) return;
    asked = true;
    stopping = worker.stop();
    // Its rejection is met below.
    stopping.catch(() => undefined);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  endWithParent(() => worker.stop());
  note(
    `Serving ${queues.join(', ')} at ${address} with ${catalogue.size} models; data in ${folder.root}. Ctrl-C stops it.`,
  );
  reportReady();
  try {
    await worker.ended;
  } finally {
    // One queue that fails takes the others along: a supervisor starts the whole again.
    stop();
    await stopping;
  }
  return EXIT.ok;
}

async function startOrExplain(address: string, settings: WorkerSettings): Promise<RunningWorker> {
  try {
    return await startWorker(settings);
  } catch (error) {
    if (error instanceof Error && error.name === 'TransportError') {
      throw new PanicError('InvalidInput', noAnswerFrom(address), { cause: error });
    }
    throw error;
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
