import { availableParallelism } from 'node:os';
import type { Artifact } from '../experiment/artifact.js';
import { PanicError } from '../experiment/errors.js';
import type { EmbeddingModel, GenerativeModel, Model } from '../experiment/model.js';
import { type CatalogueOptions, loadCatalogue } from './catalogue.js';
import { checkGenerated, checkVectors } from './check-output.js';
import type { Embedded, Generated, ModelPool } from './contract.js';
import { HostGroup } from './host-group.js';
import { requireModelFiles } from './files/layout.js';
import { requireReady } from './files/readiness.js';
import { startProcessHost } from './process-host.js';
import type { ServerAccess } from './servers/address.js';
import { startServerHost } from './servers/server-host.js';
import { startThreadHost } from './thread-host.js';

// Requests to one server at a time: what arrives together such servers compute together.
const SERVER_REQUESTS = 8;

export interface ModelPoolOptions extends CatalogueOptions {
  /** Threads for built-in models, started when first needed. Default: 2, or 1 on a machine with one core. */
  readonly threads?: number;
  /** Where the files of neural models and their lock file are. */
  readonly modelsFolder: string;
  /** Folders of single models, by model name, instead of what is in `modelsFolder`; the lock file is not asked about them. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Servers that models may be asked of. Default: those of this machine. */
  readonly servers?: ServerAccess;
}

/** Starts nothing until a model is first called. See ModelPool for what its calls throw. */
export function createModelPool(options: ModelPoolOptions): ModelPool {
  const catalogue = loadCatalogue(options);
  const threads = options.threads ?? Math.min(2, availableParallelism());
  const builtIn = new HostGroup({
    name: 'built-in models',
    size: threads,
    start: startThreadHost,
    stopOnAbort: false,
  });

  const groups = new Map<string, HostGroup>();
  let closed = false;

  function groupOf(model: Model): HostGroup {
    // The closed group of the built-in models refuses the call; a new group would start a process.
    if (closed || model.loader === 'built-in') return builtIn;
    let group = groups.get(model.name);
    if (!group) {
      group = model.loader === 'server' ? serverGroup(model, options) : neuralGroup(model, options);
      groups.set(model.name, group);
    }
    return group;
  }

  function find(name: string): Model {
    const model = catalogue.get(name);
    if (!model) throw new PanicError('InvalidInput', `there is no model called ${name} in the catalogue`);
    return model;
  }

  async function generate(
    name: string,
    input: Artifact,
    seed: number,
    signal?: AbortSignal,
  ): Promise<Generated> {
    const model = generativeModel(find(name), input);
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new PanicError(
        'InvalidInput',
        `the seed of ${name} is ${seed}; it must be an integer in 0..2^53-1`,
      );
    }
    const { sent, buffers } = detachable(input);
    const answer = await groupOf(model).call(
      { task: 'generate', model: name, input: sent, seed },
      buffers,
      signal,
    );
    if (answer.task !== 'generate') throw new Error(`the host of ${name} answered another question`);
    checkGenerated(model, answer.output);
    return {
      output: answer.output,
      cutTokens: answer.cutTokens,
      host: answer.host,
      batchSize: 1,
      computeMs: answer.computeMs,
    };
  }

  async function embed(name: string, inputs: readonly Artifact[], signal?: AbortSignal): Promise<Embedded> {
    const model = embeddingModel(find(name), inputs);
    const copies = inputs.map(detachable);
    const answer = await groupOf(model).call(
      { task: 'embed', model: name, inputs: copies.map((copy) => copy.sent) },
      copies.flatMap((copy) => copy.buffers),
      signal,
    );
    if (answer.task !== 'embed') throw new Error(`the host of ${name} answered another question`);
    checkVectors(model, answer.vectors, inputs.length);
    const vectors = answer.vectors.map((vector) => new Float32Array(vector));
    const { cutTokens = null, host, computeMs } = answer;
    return { vectors, cutTokens, host, computeMs };
  }

  async function close(): Promise<void> {
    closed = true;
    await Promise.all([builtIn, ...groups.values()].map((group) => group.close()));
  }

  return { generate, embed, close };
}

function serverGroup(model: Model, { servers = { hosts: [] } }: ModelPoolOptions): HostGroup {
  return new HostGroup({
    name: model.name,
    size: SERVER_REQUESTS,
    stopOnAbort: true,
    start: (events) => startServerHost(model, servers, events),
  });
}

function neuralGroup(model: Model, options: ModelPoolOptions): HostGroup {
  return new HostGroup({
    name: model.name,
    size: 1,
    stopOnAbort: true,
    start: (events) => {
      const folder = options.folders?.[model.name];
      if (folder !== undefined) {
        requireModelFiles(model, folder);
        return startProcessHost({ model, folder, device: 'cpu' }, events);
      }
      const { modelsFolder } = options;
      requireReady(model, modelsFolder);
      return startProcessHost({ model, modelsFolder, device: 'cpu' }, events);
    },
  });
}

function generativeModel(model: Model, input: Artifact): GenerativeModel {
  if (model.kind !== 'generative') {
    throw new PanicError('InvalidInput', `${model.name} is an embedding model; it generates nothing`);
  }
  checkInput(model, input);
  return model;
}

function embeddingModel(model: Model, inputs: readonly Artifact[]): EmbeddingModel {
  if (model.kind !== 'embedding') {
    throw new PanicError('InvalidInput', `${model.name} is a generative model; it gives no vectors`);
  }
  for (const input of inputs) checkInput(model, input);
  return model;
}

function checkInput(model: Model, input: Artifact): void {
  if (input.modality !== model.input) {
    throw new PanicError(
      'InvalidInput',
      `${model.name} takes ${model.input}; it was given ${input.modality}`,
    );
  }
  if (input.modality === 'image' && input.pixels.length !== input.width * input.height * 3) {
    throw new PanicError(
      'InvalidInput',
      `${model.name} was given ${input.width} x ${input.height} pixels in ${input.pixels.length} bytes; ` +
        `${input.width * input.height * 3} were expected`,
    );
  }
}

/** A copy whose pixels can be given away to a thread: the caller keeps its own. */
function detachable(input: Artifact): { sent: Artifact; buffers: readonly ArrayBuffer[] } {
  if (input.modality === 'text') return { sent: input, buffers: [] };
  const pixels = new Uint8Array(input.pixels);
  return { sent: { ...input, pixels }, buffers: [pixels.buffer] };
}
