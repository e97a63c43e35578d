import { errorMessage, isPanicError, PanicError } from '../../common/errors.js';
import type { ModelFiles } from '../files/model-files.js';
import { holdModel } from '../files/remove.js';
import { resolveModelFiles, resolveUnlocked } from '../files/resolve.js';
import type { RunnerTask, LoadedModel } from '../loaded-model.js';
import { runnerFailure } from './runner-protocol.js';
import { loadVerified } from './load-verified.js';
import type { BatchAnswers, BatchRequest, ProcessMessage } from './process-protocol.js';

const task: RunnerTask = JSON.parse(process.argv[2]!);

const BYTES_PER_MIB = 2 ** 20;

/** The files are hashed in this process, where that delays no heartbeat of a worker. */
function load(): ReturnType<typeof loadVerified> {
  const { model } = task;
  if ('folder' in task) {
    const { folder } = task;
    return loadVerified(task, () => resolveUnlocked(model, folder));
  }
  const { modelsFolder } = task;
  // Held until this process ends, so that no other process removes the files of a loaded model.
  const hold = holdModel(model, modelsFolder);
  process.on('exit', () => hold?.release());
  return loadVerified(task, () => resolveModelFiles(model, modelsFolder));
}

function tell(message: ProcessMessage): void {
  process.send?.(message);
}

async function answersOf(model: LoadedModel, request: BatchRequest): Promise<BatchAnswers> {
  if (request.task === 'embed' && model.kind === 'embedding') {
    return { task: 'embed', items: await model.embed(request.inputs) };
  }
  if (request.task === 'generate' && model.kind === 'generative') {
    const items = await model.generate(request.items);
    return {
      task: 'generate',
      items: items.map((item) => (isPanicError(item) ? runnerFailure(item) : item)),
    };
  }
  throw new PanicError('InvalidInput', `this is a ${model.kind} model: it cannot ${request.task}`);
}

/**
 * The runtime maps a graph's data into memory, so that a write to such a file changes what a loaded model computes.
 * Throws PanicError `DeviceError` where a file was touched: the parent then starts another process, which verifies
 * the files again.
 */
function requireSameFiles(files: ModelFiles): void {
  try {
    files.requireUntouched();
  } catch (error) {
    throw new PanicError('DeviceError', `what was computed is thrown away: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

async function compute(model: LoadedModel, files: ModelFiles, request: BatchRequest): Promise<void> {
  const started = performance.now();
  try {
    const answers = await answersOf(model, request);
    requireSameFiles(files);
    const computeMs = performance.now() - started;
    const residentMiB = process.memoryUsage.rss() / BYTES_PER_MIB;
    tell({ kind: 'computed', batch: { answers, fingerprint: model.fingerprint, computeMs, residentMiB } });
  } catch (error) {
    tell({ kind: 'failed', failure: runnerFailure(error) });
  }
}

// A terminal sends Ctrl-C to parent and child. The parent ends this process after it has drained its calls.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());

try {
  const { loaded, files } = await load();
  process.on('message', (request: BatchRequest) => void compute(loaded, files, request));
  tell({ kind: 'loaded' });
} catch (error) {
  tell({ kind: 'not-loaded', failure: runnerFailure(error) });
}
