import { createHash } from 'node:crypto';
import type { ExperimentReader } from '../read/experiment-reader.js';

const DIGESTS = ['vector.sha256'] as const;

/** SHA-256 over the digests of the vectors that a run has now under a model, in order. */
export async function pointsDigest(reader: ExperimentReader, run: number, model: number): Promise<Buffer> {
  const digest = createHash('sha256');
  for await (const row of reader.embeddingsOf(run, DIGESTS, model)) {
    // The check of embeddings reports a missing vector.
    if (row['vector.sha256'] !== null) digest.update(row['vector.sha256']);
  }
  return digest.digest();
}
