import type { RunRow, UsedEmbedding } from '../db/index.js';
import type { Dependencies } from './dependencies.js';

/** What computes vectors, and the store that takes them. */
export interface Embedding extends Pick<Dependencies, 'store'> {
  readonly models: Pick<Dependencies['models'], 'embed'>;
}

// Prompts are texts, and a crash makes a worker repeat at most this many.
const CHUNK = 64;

/**
 * Gives the prompts of the run's experiment vectors of a model, until `until` (performance.now()). Returns true
 * if no prompt is left. Idempotent by (prompt, model). Prompts get the vector of an equal output, if there is
 * one, also where an experiment does without reuse: all experiments share the vector of a prompt.
 */
export async function embedPrompts(
  { store, models }: Embedding,
  run: RunRow,
  promptCount: number,
  model: UsedEmbedding,
  signal: AbortSignal,
  until: number,
): Promise<boolean> {
  for (;;) {
    // Look again before each chunk: another run of the experiment may embed the same prompts.
    const missing = await store.promptVectors.missing(run, promptCount, model.id);
    const left = await store.promptVectors.reuse(missing, model.id);
    if (left.length === 0) return true;
    signal.throwIfAborted();
    if (performance.now() >= until) return false;
    const chunk = left.slice(0, CHUNK);
    const texts = await Promise.all(chunk.map((artifactId) => store.artifacts.load(artifactId)));
    const { vectors, cutTokens, fingerprint, computeMs } = await models.embed(model.name, texts, signal);
    const batch = chunk.map((artifactId, index) => ({
      artifactId,
      vector: vectors[index]!,
      computeMs: computeMs / chunk.length,
      cutTokens: cutTokens?.[index] ?? 0,
    }));
    const hostId = await store.provenance.hostId(fingerprint);
    await store.promptVectors.commit(batch, { modelId: model.id, hostId });
  }
}
