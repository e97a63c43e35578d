import type { Artifact } from '../../experiment/artifact.js';
import type { EmbeddingModel, GenerativeModel } from '../../experiment/model.js';
import type { Embedded, Generated } from '../contract.js';
import type { GenerateItem } from '../loaded-model.js';
import type { ModelRunners } from './model-runners.js';
import { RunnerGroup } from './runner-group.js';
import type { RunnerGroupOptions } from './runner-group.js';
import { detachable } from './transferable.js';

/** Models for which equal runners take one request at a time: threads, or connections to a server. */
export class GroupModels implements ModelRunners {
  readonly #group: RunnerGroup;

  constructor(options: RunnerGroupOptions) {
    this.#group = new RunnerGroup(options);
  }

  async generate(
    { name }: GenerativeModel,
    { input, seed }: GenerateItem,
    signal?: AbortSignal,
  ): Promise<Generated> {
    const { sent, buffers } = detachable(input);
    const request = { task: 'generate', model: name, input: sent, seed } as const;
    const answer = await this.#group.call(request, buffers, signal);
    if (answer.task !== 'generate') throw otherQuestion(name);
    const { output, cutTokens, outputCut, fingerprint, computeMs } = answer;
    return { output, cutTokens, outputCut, fingerprint, batchSize: 1, computeMs };
  }

  async embed(
    { name }: EmbeddingModel,
    inputs: readonly Artifact[],
    signal?: AbortSignal,
  ): Promise<Embedded> {
    const copies = inputs.map(detachable);
    const request = { task: 'embed', model: name, inputs: copies.map((copy) => copy.sent) } as const;
    const answer = await this.#group.call(
      request,
      copies.flatMap((copy) => copy.buffers),
      signal,
    );
    if (answer.task !== 'embed') throw otherQuestion(name);
    const vectors = answer.vectors.map((vector) => new Float32Array(vector));
    const { cutTokens = null, fingerprint, computeMs } = answer;
    return { vectors, cutTokens, fingerprint, computeMs };
  }

  get waiting(): number {
    return this.#group.waiting;
  }

  get computing(): number {
    return this.#group.computing;
  }

  close(): Promise<void> {
    return this.#group.close();
  }
}

function otherQuestion(name: string): Error {
  return new Error(`the runner of ${name} answered another question`);
}
