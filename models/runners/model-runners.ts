import type { Artifact } from '../../experiment/artifact.js';
import type { EmbeddingModel, GenerativeModel } from '../../experiment/model.js';
import type { Embedded, Generated } from '../contract.js';
import type { GenerateItem } from '../loaded-model.js';

/**
 * Runs models of one sort: processes (ProcessModels), threads, or servers of other programs (GroupModels). Answers
 * are the models' own; the pool checks them. See ModelPool for what the calls throw.
 */
export interface ModelRunners {
  generate(model: GenerativeModel, item: GenerateItem, signal?: AbortSignal): Promise<Generated>;
  embed(model: EmbeddingModel, inputs: readonly Artifact[], signal?: AbortSignal): Promise<Embedded>;
  /** Ends everything. Calls that wait or run reject with `DeviceError`. */
  close(): Promise<void>;
}
