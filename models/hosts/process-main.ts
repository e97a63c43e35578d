import { isPanicError, PanicError } from '../../experiment/errors.js';
import { FilesChanged, openModelFiles } from '../files/model-files.js';
import { holdModel } from '../files/remove.js';
import { resolveModelFiles, resolveUnlocked } from '../files/resolve.js';
import type { HostTask, LoadedModel } from '../loaded-model.js';
import { loadModel } from '../loaders.js';
import { hostFailure } from './host-protocol.js';
import type { BatchAnswers, BatchRequest, ProcessMessage } from './process-protocol.js';

const task = JSON.parse(process.argv[2]!) as HostTask;

const BYTES_PER_MIB = 2 ** 20;

/** Files that are touched while they are loaded (another model may take a second name of one) are verified and loaded again. */
const ATTEMPTS = 3;

/** Files are hashed here, where that keeps nobody's event loop from its heartbeats. */
async function load(): Promise<LoadedModel> {
  const { model, device } = task;
  if ('modelsFolder' in task) {
    // Held until the process ends, so that nobody removes the files of a model that is loaded.
    const hold = holdModel(model, task.modelsFolder);
    process.on('exit', () => hold?.release());
  }
  for (let attempt = 1; ; attempt++) {
    const found =
      'folder' in task
        ? await resolveUnlocked(model, task.folder)
        : await resolveModelFiles(model, task.modelsFolder);
    try {
      return await loadModel({ model, files: openModelFiles(model, found), device });
    } catch (error) {
      if (!(error instanceof FilesChanged) || attempt === ATTEMPTS) throw error;
    }
  }
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
    return { task: 'generate', items: items.map((item) => (isPanicError(item) ? hostFailure(item) : item)) };
  }
  throw new PanicError('InvalidInput', `this is a ${model.kind} model: it cannot ${request.task}`);
}

async function compute(model: LoadedModel, request: BatchRequest): Promise<void> {
  const started = performance.now();
  try {
    const answers = await answersOf(model, request);
    const computeMs = performance.now() - started;
    const residentMiB = process.memoryUsage.rss() / BYTES_PER_MIB;
    tell({ kind: 'computed', batch: { answers, host: model.host, computeMs, residentMiB } });
  } catch (error) {
    tell({ kind: 'failed', failure: hostFailure(error) });
  }
}

// The parent decides when to end: it drains its calls after Ctrl-C, which a terminal sends to both.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());

try {
  const model = await load();
  process.on('message', (request) => void compute(model, request as BatchRequest));
  tell({ kind: 'loaded' });
} catch (error) {
  tell({ kind: 'not-loaded', failure: hostFailure(error) });
}
