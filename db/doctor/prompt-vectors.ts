import type { Snapshot } from '../connection/database.js';
import { experimentReader } from '../read/experiment-reader.js';
import type { PromptVectorRecord } from '../read/rows.js';
import { paced } from './yield-turns.js';
import type { OnRows } from './yield-turns.js';
import type { Violation } from './violation.js';

const CHECKED = [
  'artifactId',
  'modelId',
  'vectorId',
  'model.name',
  'vector.artifactId',
  'vector.modelId',
] as const satisfies readonly (keyof PromptVectorRecord)[];

type Checked = Pick<PromptVectorRecord, (typeof CHECKED)[number]>;

/**
 * Invariant 3 of the vectors of prompts, for references; `vectors.ts` checks the vectors themselves. A prompt
 * without a vector breaks nothing: an experiment of an earlier version has none.
 */
export async function* checkPromptVectors(
  snapshot: Snapshot,
  onRows: OnRows,
): AsyncGenerator<Violation, void, undefined> {
  for await (const row of paced(experimentReader(snapshot).promptVectorsOf(null, CHECKED), onRows)) {
    const problem = problemOf(row);
    if (problem === null) continue;
    const { artifactId: artifact, modelId: model } = row;
    const message = `prompt vector of ${row['model.name'] ?? 'a missing model'}: ${problem}`;
    const repair = { kind: 'delete prompt vector', artifact, model } as const;
    yield { invariant: 3, table: 'prompt_vectors', id: `${artifact}/${model}`, message, repair };
  }
}

function problemOf(row: Checked): string | null {
  const { vectorId, 'vector.artifactId': artifact, 'vector.modelId': model } = row;
  // The check of references names a vector that is missing.
  if (artifact === null || model === null) return null;
  if (artifact !== row.artifactId) {
    return `its vector ${vectorId} belongs to artifact ${artifact}, its prompt is artifact ${row.artifactId}`;
  }
  return model === row.modelId
    ? null
    : `its vector ${vectorId} is of model ${model}, not of model ${row.modelId}`;
}
