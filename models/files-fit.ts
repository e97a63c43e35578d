import { fork } from 'node:child_process';
import { childEnvironment } from '../common/child-environment.js';
import { compiledFile } from '../common/compiled-file.js';
import type { Model } from '../experiment/model.js';
import { requiredFiles } from './files/layout.js';
import { readinessOf } from './files/readiness.js';

/** A model whose files are all there and verified, but whose loader cannot use them. */
export interface UnfitModel {
  readonly model: Model;
  readonly why: string;
}

/** What the reading process gets. It answers with a report for each model, in order: null where nothing is wrong. */
export type FitTask = readonly {
  readonly model: Model;
  readonly folder: string;
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
}[];
export type FitReport = string | null;

const LONGEST_READING_MS = 120_000;

/**
 * Reads what each model's folder states (configurations, tokenizers, declarations of its graphs), and finds each
 * model that its loader would refuse at the first step of a run. The check reads no weights and opens no graph, so
 * it misses what only these show. `unreadyModels` reports models whose files are not ready. A process of its own
 * reads, since the libraries are native code and take long to load.
 */
export async function unfitModels(
  models: readonly Model[],
  modelsFolder: string,
  signal?: AbortSignal,
): Promise<UnfitModel[]> {
  const task = models.flatMap((model) => {
    const readiness = readinessOf(model, modelsFolder);
    if (readiness.state !== 'ready') return [];
    const locked = new Map(readiness.entry.files.map(({ path, sha256 }) => [path, sha256]));
    const files = requiredFiles(model).map((path) => ({ path, sha256: locked.get(path)! }));
    return [{ model, folder: readiness.folder, files }];
  });
  if (task.length === 0) return [];
  const reports = await readInProcess(task, signal);
  return task.flatMap(({ model }, k) => {
    const why = reports[k] ?? null;
    return why === null ? [] : [{ model, why }];
  });
}

/** One line or more for each model. */
export function explainUnfit(unfit: readonly UnfitModel[]): string {
  return unfit
    .map(({ model, why }) => (why.startsWith(model.name) ? why : `${model.name}: ${why}`))
    .join('\n');
}

/**
 * The reports of the reading process. Models that it did not reach have no report; the run finds out whether they
 * fit.
 */
function readInProcess(task: FitTask, signal: AbortSignal | undefined): Promise<readonly FitReport[]> {
  return new Promise((resolve, reject) => {
    const child = fork(compiledFile('models/files-fit-main.js'), {
      execArgv: [],
      env: childEnvironment('runner'),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      timeout: LONGEST_READING_MS,
      killSignal: 'SIGKILL',
      ...(signal !== undefined && { signal }),
    });
    const reports: FitReport[] = [];
    child.on('message', (report: FitReport) => reports.push(report));
    child.on('error', reject);
    child.on('close', () => resolve(reports));
    // Where the process has ended already, `close` follows. Where it did not start, `error` follows.
    if (child.connected) child.send(task, () => undefined);
  });
}
