import type { Command } from 'commander';
import { openStore } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import { runCount } from '../../experiment/config.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { PanicError } from '../../experiment/errors.js';
import { experimentId } from '../../experiment/ids.js';
import { missingModelFiles } from '../../models/index.js';
import { openDataFolder } from '../../workers/data-folder.js';
import { TASK_QUEUES } from '../../workflows/names.js';
import { contextOf, withGlobalOptions } from '../context.js';
import type { Context, GlobalOptions } from '../context.js';
import {
  follow,
  hasPollers,
  isWorkflowFailure,
  rootCause,
  setOthersAside,
  startExperiment,
} from '../drive.js';
import { EXIT } from '../exit-codes.js';
import { readValidExperiment } from '../experiment-file.js';
import { note, plural, printJson } from '../output.js';
import { openSession } from '../session.js';
import type { Session } from '../session.js';
import { printSummary, summaryDocument } from '../summary.js';

export function addRun(program: Command): void {
  withGlobalOptions(program.command('run'))
    .description('run an experiment to its diagrams, or continue it; starts and stops everything it needs')
    .argument('<file>', 'experiment file (JSON)')
    .action(async (file: string, options: GlobalOptions) => {
      const context = contextOf(options);
      const config = await readValidExperiment(file, context);
      process.exitCode = await runExperiment(context, config, { retry: false });
    });
}

export function addResume(program: Command): void {
  withGlobalOptions(program.command('resume'))
    .description('continue an experiment of the data folder from its stored rows')
    .argument('<id>', 'experiment id, as "panic-tda list" shows it')
    .action(async (id: string, options: GlobalOptions) => {
      const context = contextOf(options);
      process.exitCode = await runExperiment(context, storedConfig(context, id), { retry: false });
    });
}

export function addRetry(program: Command): void {
  withGlobalOptions(program.command('retry'))
    .description('run the failed runs of an experiment again, from where they stopped')
    .argument('<id>', 'experiment id, as "panic-tda list" shows it')
    .action(async (id: string, options: GlobalOptions) => {
      const context = contextOf(options);
      process.exitCode = await runExperiment(context, storedConfig(context, id), { retry: true });
    });
}

function storedConfig(context: Context, id: string): ExperimentConfig {
  const store = openStore(openDataFolder(context.folder.root).root);
  try {
    return store.experiments.get(id).config;
  } finally {
    store.close();
  }
}

/** Runs an experiment to its end and prints its summary; the exit code tells how it ended. */
async function runExperiment(
  context: Context,
  config: ExperimentConfig,
  { retry }: { retry: boolean },
): Promise<number> {
  refuseMissingFiles(context, config);
  const id = experimentId(config);
  const interruption = onInterrupt();
  const startedAt = Date.now();
  const session = await openSession(context);
  let store: Store | null = null;
  try {
    store = openStore(context.folder.root);
    interruption.signal.throwIfAborted();
    note(
      `Experiment ${id}: ${plural(runCount(config), 'run')} of at most ${plural(config.max_length, 'invocation')}.`,
    );
    if (session.uiAddress !== null) note(`Web UI: ${session.uiAddress}`);
    if (session.embedded) await setOthersAside(session.client, id);
    else await warnAboutIdleQueues(session);
    if (retry) resetFailedRuns(store, id);
    const handle = await startExperiment(session.client, id, config);
    const result = await follow(handle, store, id, {
      silent: context.json,
      diagramsExpected: runCount(config) * config.embedding_models.length,
      signal: interruption.signal,
    });
    const document = summaryDocument(store, context.folder, id, { wallMs: Date.now() - startedAt });
    if (context.json) printJson(document);
    else printSummary(document);
    return result.status === 'completed' ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (interruption.signal.aborted) {
      await session.stop();
      tellInterrupted(store, id);
      return interruption.exitCode();
    }
    throw isWorkflowFailure(error) ? rootCause(error) : error;
  } finally {
    interruption.end();
    await session.stop();
    store?.close();
  }
}

function refuseMissingFiles({ catalogue, environment }: Context, config: ExperimentConfig): void {
  const names = new Set([...config.networks.flat(), ...config.embedding_models]);
  const missing = [...names].flatMap((name) =>
    missingModelFiles(catalogue.get(name)!, environment.modelsFolder),
  );
  if (missing.length === 0) return;
  throw new PanicError(
    'InvalidInput',
    `these model files are missing on this machine ("panic-tda models" says where each model looks):\n  ${missing.join('\n  ')}`,
  );
}

function resetFailedRuns(store: Store, id: string): void {
  const reset = store.experiments.resetFailedRuns(id);
  note(reset.length === 0 ? 'No run has failed.' : `Retrying ${plural(reset.length, 'failed run')}.`);
}

async function warnAboutIdleQueues({ client }: Session): Promise<void> {
  for (const queue of Object.values(TASK_QUEUES)) {
    if (!(await hasPollers(client, queue))) {
      note(`No worker serves the task queue ${queue} yet; start one with "panic-tda worker".`);
    }
  }
}

function tellInterrupted(store: Store | null, id: string): void {
  const progress = store?.experiments.find(id) ? store.summaries.progress(id) : null;
  const made =
    progress === null ? 'Nothing was made yet.' : `${plural(progress.invocations, 'invocation')} are stored.`;
  note(`Stopped. ${made} "panic-tda resume ${id}" continues.`);
}

/** Ctrl-C and SIGTERM raise a signal instead of ending the process; a second one is not needed and not waited for. */
function onInterrupt() {
  const controller = new AbortController();
  let code: number = EXIT.interrupted;
  const handle = (signal: NodeJS.Signals): void => {
    code = signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
    controller.abort(new Error(`stopped by ${signal}`));
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  process.on('SIGHUP', handle);
  return {
    signal: controller.signal,
    exitCode: () => code,
    end: () => {
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
      process.off('SIGHUP', handle);
    },
  };
}
