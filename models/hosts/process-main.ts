import { PanicError } from '../../experiment/errors.js';
import { failureReply, type HostAnswer, type HostReply, type HostRequest } from './host-protocol.js';
import type { LoadedModel, LoadTask } from '../loaded-model.js';
import { loadModel } from '../loaders.js';

const task = JSON.parse(process.argv[2]!) as LoadTask;
const model = loadModel(task);

async function answer(model: LoadedModel, request: HostRequest): Promise<HostAnswer> {
  const { host } = model;
  const started = performance.now();
  if (request.task === 'embed' && model.kind === 'embedding') {
    const items = await model.embed(request.inputs);
    const vectors = items.map((item) => item.vector);
    const cutTokens = items.map((item) => item.cutTokens);
    return { task: 'embed', vectors, cutTokens, host, computeMs: performance.now() - started };
  }
  if (request.task === 'generate' && model.kind === 'generative') {
    const [item] = await model.generate([request]);
    if (item instanceof PanicError) throw item;
    if (item) return { task: 'generate', output: item.output, host, computeMs: performance.now() - started };
  }
  throw new PanicError(
    'InvalidInput',
    `${task.model.name} is a ${model.kind} model: it cannot ${request.task}`,
  );
}

process.on('message', (request) => {
  void model
    .then((loaded) => answer(loaded, request as HostRequest))
    .then((answer): HostReply => ({ ok: true, answer }))
    .catch(failureReply)
    .then((reply) => process.send?.(reply));
});
// Awaited with the first request; without this line a failure to load before it would end the process.
model.catch(() => {});

// The parent decides when to end: it drains its calls after Ctrl-C, which a terminal sends to both.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());
