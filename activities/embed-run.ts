import { Context } from '@temporalio/activity';
import { portionsOf } from '../db/index.js';
import type { PendingOutput, RunRow, UsedEmbedding } from '../db/index.js';
import { faultPoint } from '../common/fault.js';
import type { RunRef } from '../workflows/contract.js';
import type { Dependencies } from './dependencies.js';
import { embedPrompts } from './embed-prompts.js';
import type { Embedding } from './embed-prompts.js';
import { runFailure } from './failures.js';
import { whileHeartbeating } from './heartbeat.js';
import { usableModel } from './unknown-to-worker.js';

// The number of outputs that one transaction holds, and that a crash makes the worker repeat. 64 pictures of
// 256 x 256 are 12 MB of pixels.
const CHUNK = 64;

/** For heartbeats: the vectors computed, and the steps of the run whose vectors are all stored. */
export interface EmbeddingProgress {
  embedded: number;
  step: number;
  of: number;
}

/**
 * Makes the activity `embedRun`. It is idempotent by (invocation, model), and for prompts by (prompt, model):
 * it embeds only outputs and prompts without a vector.
 */
export function createEmbedRun(deps: Dependencies) {
  return async function embedRun(
    ref: RunRef,
    modelName: string,
  ): Promise<number | { readonly queue: string }> {
    const run = await deps.store.runs.get(ref.experiment, ref.index);
    const counts: EmbeddingProgress = { embedded: 0, step: 0, of: 0 };
    try {
      const model = await embeddingOf(deps, run, modelName);
      if (!deps.routing.serves(modelName)) return { queue: deps.routing.queueOf(modelName) };
      await whileHeartbeating(
        () => counts,
        () => embedMissing(deps, run, model, counts, Context.current().cancellationSignal, Infinity),
      );
    } catch (error) {
      throw await runFailure(deps.store, run, { stage: 'embedding', sequence: null }, error, deps.now());
    }
    faultPoint('embedding:before-return');
    return counts.embedded;
  };
}

/**
 * Embeds outputs without a vector until `until` (performance.now()), and then, for a model of texts, the
 * prompts of the experiment. Returns true if no such output or prompt is left.
 */
export async function embedMissing(
  deps: Embedding & Pick<Dependencies, 'catalogue'>,
  run: RunRow,
  model: UsedEmbedding,
  counts: EmbeddingProgress,
  signal: AbortSignal,
  until: number,
): Promise<boolean> {
  const { store } = deps;
  const modelId = model.id;
  const { reuse, prompts } = await store.experiments.config(run.experimentId);
  counts.of = run.length ?? run.maxLength;
  for (const steps of portionsOf(run)) {
    const pending = await store.vectors.pending(run, modelId, model.input, steps);
    // Without reuse, a run shares no vectors with other runs. Equal outputs of the same run still share one
    // vector, also across portions.
    const missing = await store.vectors.reuse(pending, modelId, reuse ? null : run);
    if (missing.length > 0) usableModel(deps.catalogue, model.name, 'embedding');
    for (let from = 0; from < missing.length; from += CHUNK) {
      signal.throwIfAborted();
      if (performance.now() >= until) return false;
      const chunk = missing.slice(from, from + CHUNK);
      await embedChunk(deps, chunk, model, signal);
      counts.embedded += chunk.length;
    }
    counts.step = steps.to;
  }
  // A run that has all vectors of its outputs needs no model, and a catalogue that no longer has the model must
  // not stop it. Its statistics then lack the drift from the prompt.
  if (model.input !== 'text' || !deps.catalogue.has(model.name)) return true;
  return await embedPrompts(deps, run, prompts.length, model, signal, until);
}

async function embedChunk(
  { store, models }: Embedding,
  chunk: readonly PendingOutput[],
  model: UsedEmbedding,
  signal: AbortSignal,
): Promise<void> {
  const inputs = await Promise.all(chunk.map((pending) => store.artifacts.load(pending.artifactId)));
  const { vectors, cutTokens, fingerprint, computeMs } = await models.embed(model.name, inputs, signal);
  const batch = chunk.map((pending, index) => ({
    pending,
    vector: vectors[index]!,
    computeMs: computeMs / chunk.length,
    cutTokens: cutTokens?.[index] ?? 0,
  }));
  await store.vectors.commit(batch, model.id, await store.provenance.hostId(fingerprint));
}

/**
 * Finds the embedding model of this name in this worker's catalogue, or else among the models that made stored
 * vectors of the run. The second way needs no catalogue if every vector is stored.
 * @throws PanicError `InvalidInput` if the model is in neither place.
 */
export async function embeddingOf(
  { catalogue, store }: Pick<Dependencies, 'catalogue' | 'store'>,
  run: RunRow,
  name: string,
): Promise<UsedEmbedding> {
  const stored = catalogue.has(name) ? null : await store.provenance.embeddedWith(run.id, name);
  if (stored !== null) return stored;
  const model = usableModel(catalogue, name, 'embedding');
  return {
    id: await store.provenance.modelId(model),
    name,
    input: model.input,
    dimension: model.dimension,
  };
}
