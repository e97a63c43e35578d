import { PanicError } from '../experiment/errors.js';
import { holdModel } from './files/remove.js';
import { resolveModelFiles } from './files/resolve.js';
import { failureReply, type HostAnswer, type HostReply, type HostRequest } from './host-protocol.js';
import type { HostTask, LoadedModel } from './loaded-model.js';
import { loadModel } from './loaders.js';

const task = JSON.parse(process.argv[2]!) as HostTask;
// Held until the process ends, so that nobody removes the files of a model that is loaded.
const hold = 'modelsFolder' in task ? holdModel(task.model, task.modelsFolder) : null;
const model = load(task);

/** Files are hashed here, where that keeps nobody's event loop from its heartbeats. */
async function load(task: HostTask): Promise<LoadedModel> {
  if (!('modelsFolder' in task)) return await loadModel(task);
  const { modelsFolder, ...rest } = task;
  const { folder, files } = await resolveModelFiles(task.model, modelsFolder);
  const hashes = Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256]));
  return await loadModel({ ...rest, folder, hashes });
}

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
    if (item) return { task: 'generate', ...item, host, computeMs: performance.now() - started };
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
process.on('exit', () => hold?.release());
