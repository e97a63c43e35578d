import type { Artifact } from '../../experiment/artifact.js';
import { PanicError } from '../../common/errors.js';
import { remembered } from '../../common/remembered.js';
import type { EmbeddingModel, GenerativeModel, Model } from '../../experiment/model.js';
import type { Deadlines } from '../choices.js';
import type { Embedded, Generated, ModelActivity } from '../contract.js';
import type { Device, EmbeddedItem, GeneratedItem, GenerateItem, RunnerFiles } from '../loaded-model.js';
import { embedding, generating } from './batch-kind.js';
import { ModelLane, type Place } from './model-lane.js';
import type { ModelRunners } from './model-runners.js';
import { startProcessRunner } from './process-runner.js';
import type { WearLimits } from './wear.js';

export interface ProcessModelsOptions {
  /** The place of a model's files. Throws PanicError `ModelFilesMissing`. */
  readonly filesOf: (model: Model) => RunnerFiles;
  /** Called at the first call of a model, and again at the next call where it rejected. */
  readonly findPlace: () => Promise<Place>;
  readonly wear: WearLimits;
  readonly deadlines: Deadlines;
}

/** The models with a process of their own. See ModelLane for what calls throw. */
export class ProcessModels implements ModelRunners {
  readonly #options: ProcessModelsOptions;
  readonly #generating = new Map<string, ModelLane<GenerateItem, GeneratedItem>>();
  readonly #embedding = new Map<string, ModelLane<Artifact, EmbeddedItem>>();
  readonly #place: () => Promise<Place>;

  constructor(options: ProcessModelsOptions) {
    this.#options = options;
    this.#place = remembered(options.findPlace);
  }

  async generate(model: GenerativeModel, item: GenerateItem, signal?: AbortSignal): Promise<Generated> {
    const lane =
      this.#generating.get(model.name) ?? new ModelLane({ ...this.#laneOptions(model), kind: generating });
    this.#generating.set(model.name, lane);
    const { answer, ...provenance } = await lane.call(item, signal);
    return { ...answer, ...provenance };
  }

  async embed(model: EmbeddingModel, inputs: readonly Artifact[], signal?: AbortSignal): Promise<Embedded> {
    const lane =
      this.#embedding.get(model.name) ?? new ModelLane({ ...this.#laneOptions(model), kind: embedding });
    this.#embedding.set(model.name, lane);
    const answers = await Promise.all(inputs.map((input) => lane.call(input, signal)));
    if (!answers[0]) throw new PanicError('InvalidInput', `${model.name} was given nothing to embed`);
    return {
      vectors: answers.map(({ answer }) => answer.vector),
      cutTokens: answers.map(({ answer }) => answer.cutTokens),
      fingerprint: answers[0].fingerprint,
      computeMs: answers.reduce((sum, { computeMs }) => sum + computeMs, 0),
    };
  }

  activity(): ModelActivity[] {
    return [...this.#generating.values(), ...this.#embedding.values()].map((lane) => lane.activity);
  }

  /** Ends every process. Calls that wait or run reject with `DeviceError`. */
  async close(): Promise<void> {
    const lanes = [...this.#generating.values(), ...this.#embedding.values()];
    await Promise.all(lanes.map((lane) => lane.close()));
  }

  #laneOptions(model: Model) {
    const { filesOf, wear, deadlines } = this.#options;
    return {
      model,
      wear,
      deadlines,
      place: this.#place,
      start: (device: Device) => startProcessRunner({ model, ...filesOf(model), device }),
    };
  }
}
