import type { RunRow } from '../db/index.js';
import type { Analysed } from '../workflows/contract.js';
import type { Dependencies } from './dependencies.js';
import { makeDiagram } from './diagram-run.js';
import { embeddingOf, embedMissing } from './embed-run.js';
import { isWorkerShutdown } from './failures.js';

// Up to 64 points make a diagram within tens of milliseconds, about what handing it to another worker takes.
const SMALL_RUN = 64;

/**
 * Goes on with the embeddings, and with the diagrams if they are small, of a run that ended before its activity's time was
 * up: handing over what takes so little would cost Temporal more. What fails here is left to the activity whose work
 * it is, which fails again and says so; what is done here, that activity would find done.
 */
export async function analyseInTimeLeft(
  deps: Dependencies,
  run: RunRow,
  length: number,
  until: number,
  signal: AbortSignal,
): Promise<Required<Analysed>> {
  // As it was read before its last steps it does not know its length.
  const ended = { ...run, length };
  const { embedding_models, null_model } = await deps.store.experiments.config(run.experimentId);
  const embedded: string[] = [];
  const measured: string[] = [];
  try {
    for (const name of embedding_models) {
      const model = await embeddingOf(deps, run, name);
      if (!deps.routing.serves(name)) continue;
      if (!(await embedMissing(deps, ended, model, { embedded: 0, step: 0, of: 0 }, signal, until))) break;
      embedded.push(name);
      // Surrogates are many diagrams, whatever their size.
      if (null_model !== null || length > SMALL_RUN || performance.now() >= until) continue;
      await makeDiagram(deps, ended, model, { done: 0, of: 0, surrogatesLeft: 0 }, signal);
      measured.push(name);
    }
  } catch (error) {
    if (signal.aborted && !isWorkerShutdown(signal)) throw error;
  }
  return { embedded, measured };
}
