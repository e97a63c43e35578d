import { isPanicError, PanicError } from '../../experiment/errors.js';
import type { LoadedModel, LoadTask } from '../loaded-model.js';
import { loadModel } from '../loaders.js';
import { hostFailure } from './host-protocol.js';
import type { BatchAnswers, BatchRequest, ProcessMessage } from './process-protocol.js';

const BYTES_PER_MIB = 2 ** 20;

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
  const model = await loadModel(JSON.parse(process.argv[2]!) as LoadTask);
  process.on('message', (request) => void compute(model, request as BatchRequest));
  tell({ kind: 'loaded' });
} catch (error) {
  tell({ kind: 'not-loaded', failure: hostFailure(error) });
}
