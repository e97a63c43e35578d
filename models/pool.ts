import type { Artifact } from '../experiment/artifact.js';
import { PanicError } from '../common/errors.js';
import { usableCores } from '../common/machine.js';
import type { Model } from '../experiment/model.js';
import { endIdleDecoders } from '../experiment/pictures/decode.js';
import { explainUnknown } from '../experiment/unknown-models.js';
import { type CatalogueOptions, loadCatalogue } from './catalogue.js';
import { embeddingModel, generativeModel } from './check-input.js';
import { checkGenerated, checkVectors } from './check-output.js';
import type { Embedded, Generated, ModelActivity, ModelPool } from './contract.js';
import { isNeural, requireModelFiles } from './files/layout.js';
import { requireReady } from './files/readiness.js';
import { RunnerGroup } from './runners/runner-group.js';
import { ProcessModels } from './runners/process-models.js';
import { findPlace, DEVICE_SETTINGS, type DeviceSettings } from './runners/settings.js';
import { startThreadRunner } from './runners/thread-runner.js';
import { detachable } from './runners/transferable.js';
import { WEAR_LIMITS, type WearLimits } from './runners/wear.js';
import type { DeviceDecision } from './onnx/devices.js';
import type { ServerAccess } from './servers/address.js';
import { startServerRunner } from './servers/server-runner.js';

// Requests to one server at a time: what arrives together such servers compute together.
const SERVER_REQUESTS = 8;

const TURN_MS = 60_000;

export interface ModelPoolOptions extends CatalogueOptions {
  /** Threads for built-in models, started when first needed. Default: 2, or 1 on a machine with one core. */
  readonly threads?: number;
  /** Where the files of neural models and their lock file are. */
  readonly modelsFolder: string;
  /** Folders of single models, by model name, instead of what is in `modelsFolder`; the lock file is not asked about them. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Servers that models may be asked of. Default: those of this machine. */
  readonly servers?: ServerAccess;
  /** Default: any device that works, all of a GPU's memory, half of the machine's, and hours for a call. */
  readonly devices?: Partial<DeviceSettings>;
  /** Told once the device of models with files is chosen: when the first of them is called. */
  readonly onDevice?: (decision: DeviceDecision) => void;
  /** When the process of a model is replaced by a new one. */
  readonly wear?: WearLimits;
  /** How long a model waits at least for memory before those that are loaded give way with calls waiting; milliseconds. */
  readonly turnMs?: number;
  /** How many times as long as its loading a turn lasts at least. Default: 10. */
  readonly loadsInTurn?: number;
}

/** Starts nothing until a model is first called. See ModelPool for what its calls throw. */
export async function createModelPool(options: ModelPoolOptions): Promise<ModelPool> {
  const catalogue = await loadCatalogue(options);
  const devices = { ...DEVICE_SETTINGS, ...options.devices };
  const builtIn = new RunnerGroup({
    name: 'built-in models',
    noun: 'thread',
    size: options.threads ?? Math.min(2, usableCores()),
    start: startThreadRunner,
    stopOnAbort: false,
    deadlines: devices,
  });
  const processes = new ProcessModels({
    filesOf: (model) => {
      const folder = options.folders?.[model.name];
      if (folder !== undefined) {
        requireModelFiles(model, folder);
        return { folder };
      }
      const { modelsFolder } = options;
      if (!isNeural(model)) return { folder: modelsFolder };
      requireReady(model, modelsFolder);
      return { modelsFolder };
    },
    findPlace: () =>
      findPlace(
        devices,
        { turnMs: options.turnMs ?? TURN_MS, loadsInTurn: options.loadsInTurn },
        options.onDevice,
      ),
    wear: options.wear ?? WEAR_LIMITS,
    deadlines: devices,
  });
  const servers = new Map<string, RunnerGroup>();
  let closed = false;

  /** Of a model that has no process of its own. */
  function groupOf(model: Model): RunnerGroup {
    if (model.loader === 'built-in') return builtIn;
    const group = servers.get(model.name) ?? serverGroup(model, options);
    servers.set(model.name, group);
    return group;
  }

  function find(name: string): Model {
    const model = catalogue.get(name);
    if (!model) throw new PanicError('InvalidInput', explainUnknown([name], catalogue));
    if (closed) throw new PanicError('DeviceError', 'the model pool is closed');
    return model;
  }

  async function generate(
    name: string,
    input: Artifact,
    seed: number,
    signal?: AbortSignal,
  ): Promise<Generated> {
    const model = generativeModel(find(name), input, seed);
    if (model.weights !== null) {
      const { answer, ...provenance } = await processes.generate(model, { input, seed }, signal);
      checkGenerated(model, answer.output);
      return { ...answer, ...provenance };
    }
    const { sent, buffers } = detachable(input);
    const request = { task: 'generate', model: name, input: sent, seed } as const;
    const answer = await groupOf(model).call(request, buffers, signal);
    if (answer.task !== 'generate') throw new Error(`the runner of ${name} answered another question`);
    checkGenerated(model, answer.output);
    const { output, cutTokens, outputCut, fingerprint, computeMs } = answer;
    return { output, cutTokens, outputCut, fingerprint, batchSize: 1, computeMs };
  }

  async function embed(name: string, inputs: readonly Artifact[], signal?: AbortSignal): Promise<Embedded> {
    const model = embeddingModel(find(name), inputs);
    if (model.weights !== null) {
      const answers = await processes.embed(model, inputs, signal);
      if (!answers[0]) throw new PanicError('InvalidInput', `${name} was given nothing to embed`);
      const vectors = answers.map(({ answer }) => answer.vector);
      const cutTokens = answers.map(({ answer }) => answer.cutTokens);
      checkVectors(model, vectors, inputs.length);
      const computeMs = answers.reduce((sum, answer) => sum + answer.computeMs, 0);
      return { vectors, cutTokens, fingerprint: answers[0].fingerprint, computeMs };
    }
    const copies = inputs.map(detachable);
    const answer = await groupOf(model).call(
      { task: 'embed', model: name, inputs: copies.map((copy) => copy.sent) },
      copies.flatMap((copy) => copy.buffers),
      signal,
    );
    if (answer.task !== 'embed') throw new Error(`the runner of ${name} answered another question`);
    checkVectors(model, answer.vectors, inputs.length);
    const vectors = answer.vectors.map((vector) => new Float32Array(vector));
    const { cutTokens = null, fingerprint, computeMs } = answer;
    return { vectors, cutTokens, fingerprint, computeMs };
  }

  function activity(): ModelActivity[] {
    const groups = [['built-in models', builtIn] as const, ...servers];
    return [
      ...groups.map(([model, { waiting, computing }]) => ({ model, waiting, computing, residentMiB: null })),
      ...processes.activity(),
    ];
  }

  async function close(): Promise<void> {
    closed = true;
    await Promise.all([builtIn, processes, ...servers.values()].map((runners) => runners.close()));
    await endIdleDecoders();
  }

  return { generate, embed, activity, close };
}

function serverGroup(model: Model, { servers = { hosts: [] } }: ModelPoolOptions): RunnerGroup {
  return new RunnerGroup({
    name: model.name,
    noun: 'server',
    size: SERVER_REQUESTS,
    stopOnAbort: true,
    start: (events) => startServerRunner(model, servers, events),
  });
}
