import { PanicError } from '../experiment/errors.js';
import { failureReply, type HostReply, type HostRequest } from './host-protocol.js';
import type { ProcessHostTask } from './process-host.js';
import { loadSentenceEmbedder, type SentenceEmbedder } from './sentence-embedder.js';

const task = JSON.parse(process.argv[2]!) as ProcessHostTask;
const embedder = loadSentenceEmbedder(task.model, task.folder);

async function answer(embedder: SentenceEmbedder, request: HostRequest): Promise<HostReply> {
  if (request.task !== 'embed') {
    throw new PanicError('InvalidInput', `${task.model.name} is an embedding model; it generates nothing`);
  }
  const started = performance.now();
  const texts = request.inputs.map((input) => {
    if (input.modality === 'text') return input.text;
    throw new PanicError('InvalidInput', `${task.model.name} takes text; it was given ${input.modality}`);
  });
  const vectors = await embedder.embed(texts);
  const computeMs = performance.now() - started;
  return { ok: true, answer: { task: 'embed', vectors, host: embedder.host, computeMs } };
}

process.on('message', (request) => {
  void embedder
    .then((loaded) => answer(loaded, request as HostRequest))
    .catch(failureReply)
    .then((reply) => process.send?.(reply));
});
// Awaited with the first request; without this line a failure to load before it would end the process.
embedder.catch(() => {});

// The parent decides when to end: it drains its calls after Ctrl-C, which a terminal sends to both.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());
