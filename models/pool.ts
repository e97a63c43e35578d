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

// Requests to one server at a time. Such servers compute requests together that arrive together.
const SERVER_REQUESTS = 8;

const TURN_MS = 60_000;

export interface ModelPoolOptions extends CatalogueOptions {
  /**
   * Threads for built-in models, which the pool starts when it first needs them. Default: 2, or 1 on a machine with
   * one core.
   */
  readonly threads?: number;
  /** The folder of the files of models and of their lock file. */
  readonly modelsFolder: string;
  /**
   * Folders of single models, by model name, in place of those in `modelsFolder`. The lock file does not apply to
   * them.
   */
  readonly folders?: Readonly<Record<string, string>>;
  /** The servers that may run models. Default: those of this machine. */
  readonly servers?: ServerAccess;
  /** Default: any device that works, all of a GPU's memory, half of the machine's, and hours for a call. */
  readonly devices?: Partial<DeviceSettings>;
  /** Called when the first model with files is called, once the pool has chosen the device. */
  readonly onDevice?: (decision: DeviceDecision) => void;
  /** When the pool replaces the process of a model by a new one. */
  readonly wear?: WearLimits;
  /** How long a model waits for memory at least, before loaded models with waiting calls give way; milliseconds. */
  readonly turnMs?: number;
  /** The least length of a turn, as a multiple of the model's loading time. Default: 10. */
  readonly loadsInTurn?: number;
}

/** Makes a pool, which starts nothing before the first call. See ModelPool for what its calls throw. */
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
