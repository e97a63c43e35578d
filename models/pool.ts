import type { Artifact } from '../experiment/artifact.js';
import { assertNever, PanicError } from '../common/errors.js';
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
import { GroupModels } from './runners/group-models.js';
import type { ModelRunners } from './runners/model-runners.js';
import { ProcessModels } from './runners/process-models.js';
import { findPlace, DEVICE_SETTINGS, type DeviceSettings } from './runners/settings.js';
import { startThreadRunner } from './runners/thread-runner.js';
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
  const builtIn = new GroupModels({
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
  const servers = new Map<string, GroupModels>();
  let closed = false;

  function runnersOf(model: Model): ModelRunners {
    if (model.weights !== null) return processes;
    switch (model.loader) {
      case 'built-in':
        return builtIn;
      case 'server': {
        const server = servers.get(model.name) ?? serverModels(model, options);
        servers.set(model.name, server);
        return server;
      }
      default:
        return assertNever(model);
    }
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
    const generated = await runnersOf(model).generate(model, { input, seed }, signal);
    checkGenerated(model, generated.output);
    return generated;
  }

  async function embed(name: string, inputs: readonly Artifact[], signal?: AbortSignal): Promise<Embedded> {
    const model = embeddingModel(find(name), inputs);
    const embedded = await runnersOf(model).embed(model, inputs, signal);
    checkVectors(model, embedded.vectors, inputs.length);
    return embedded;
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

function serverModels(model: Model, { servers = { hosts: [] } }: ModelPoolOptions): GroupModels {
  return new GroupModels({
    name: model.name,
    noun: 'server',
    size: SERVER_REQUESTS,
    stopOnAbort: true,
    start: (events) => startServerRunner(model, servers, events),
  });
}
