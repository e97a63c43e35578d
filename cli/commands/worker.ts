import type { Command } from 'commander';
import { PanicError } from '../../experiment/errors.js';
import { armFault } from '../../experiment/fault.js';
import { openDataFolder } from '../../workers/data-folder.js';
import { configuredTemporal } from '../../workers/environment.js';
import { endWithParent, reportReady } from '../../workers/supervisor.js';
import { QUEUES, startWorker } from '../../workers/worker.js';
import type { Queue } from '../../workers/worker.js';
import { contextOf, withGlobalOptions } from '../context.js';
import type { GlobalOptions } from '../context.js';
import { note } from '../output.js';

const DEFAULT_ADDRESS = '127.0.0.1:7233';

interface WorkerCommandOptions extends GlobalOptions {
  readonly queues: string;
}

export function addWorker(program: Command): void {
  withGlobalOptions(program.command('worker'))
    .description(
      `serve task queues of a Temporal service (TEMPORAL_ADDRESS, default ${DEFAULT_ADDRESS}) until stopped`,
    )
    .option('--queues <list>', 'which queues: main, gpu, cpu, separated by commas, or all', 'all')
    .action(async (options: WorkerCommandOptions) => {
      const { environment, folder, catalogue } = contextOf(options);
      const queues = queuesOf(options.queues);
      if (environment.fault !== undefined) armFault(environment.fault);
      const temporal = configuredTemporal() ?? {
        connectionOptions: { address: DEFAULT_ADDRESS },
        namespace: 'default',
      };
      const worker = await startWorker({
        queues,
        temporal,
        dataFolder: openDataFolder(folder.root).root,
        modelsFolder: environment.modelsFolder,
        testModels: environment.testModels,
        onNotice: note,
      });
      const stop = (): void => {
        worker.stop().then(
          () => process.exit(0),
          (error: unknown) => {
            note(String(error));
            process.exit(1);
          },
        );
      };
      process.on('SIGINT', stop);
      process.on('SIGTERM', stop);
      endWithParent(() => worker.stop());
      note(
        `Serving ${queues.join(', ')} at ${temporal.connectionOptions.address ?? DEFAULT_ADDRESS} with ${catalogue.size} models; data in ${folder.root}.`,
      );
      reportReady();
      await worker.ended;
    });
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
