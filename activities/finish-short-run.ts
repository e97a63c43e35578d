import type { RunRow } from '../db/index.js';
import type { Analysed } from '../workflows/contract.js';
import type { Dependencies } from './dependencies.js';
import { makeDiagram } from './diagram-run.js';
import { embeddingOf, embedMissing } from './embed-run.js';
import { isWorkerShutdown } from './failures.js';

// Up to 64 points make a diagram within tens of milliseconds. Handing the diagram to another worker takes about
// as long.
const SMALL_RUN = 64;

/**
 * Uses the time that is left to the activity of an ended run: it embeds the outputs, and computes the diagrams
 * if they are small. Activities of their own for so little work would cost Temporal more. An error here is left
 * to the activity that owns the work: it fails again and reports the error. That activity also finds work that
 * is done here.
 */
export async function analyseInTimeLeft(
  deps: Dependencies,
  run: RunRow,
  length: number,
  until: number,
  signal: AbortSignal,
): Promise<Required<Analysed>> {
  // The row was read before the last steps, so it lacks the length.
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
      // Surrogates mean many diagrams, however small each is.
      if (null_model !== null || length > SMALL_RUN || performance.now() >= until) continue;
      await makeDiagram(deps, ended, model, { done: 0, of: 0, surrogatesLeft: 0 }, signal);
      measured.push(name);
    }
  } catch (error) {
    if (signal.aborted && !isWorkerShutdown(signal)) throw error;
  }
  return { embedded, measured };
}
