import { and, eq, sql } from 'drizzle-orm';
import { createHash } from 'node:crypto';
import type { Database } from '../connection/database.js';
import { get, run as execute } from '../connection/work.js';
import type { Work } from '../connection/work.js';
import { vectors } from '../schema.js';

/** A vector that a model made of an artifact. */
export interface MadeVector {
  readonly vector: Float32Array;
  /** The vector's share of the model's time. */
  readonly computeMs: number;
  /**
   * The number of tokens at the end of the artifact that the model had no room for; 0 also if the number is
   * unknown.
   */
  readonly cutTokens: number;
}

/** The model that made vectors, and the fingerprint of the machine. */
export interface MadeBy {
  readonly modelId: number;
  readonly hostId: number;
}

/** Writes rows of the table `vectors`, one for each distinct vector of an artifact and a model. */
export function vectorRows({ build }: Pick<Database, 'build'>) {
  const insert = build
    .insert(vectors)
    .values({
      modelId: sql.placeholder('modelId'),
      artifactId: sql.placeholder('artifactId'),
      sha256: sql.placeholder('sha256'),
      bytes: sql.placeholder('bytes'),
      norm: sql.placeholder('norm'),
      computeMs: sql.placeholder('computeMs'),
      hostId: sql.placeholder('hostId'),
      cutTokens: sql.placeholder('cutTokens'),
    })
    .onConflictDoNothing()
    .prepare();
  const byContent = build
    .select({ id: vectors.id })
    .from(vectors)
    .where(
      and(
        eq(vectors.modelId, sql.placeholder('modelId')),
        eq(vectors.artifactId, sql.placeholder('artifactId')),
        eq(vectors.sha256, sql.placeholder('sha256')),
      ),
    )
    .prepare();

  /** The id of the row with this content, which it makes if there is none. */
  function* idOf(
    artifactId: number,
    { vector, computeMs, cutTokens }: MadeVector,
    { modelId, hostId }: MadeBy,
  ): Work<number> {
    const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
    const sha256 = createHash('sha256').update(bytes).digest();
    yield* execute(insert, {
      modelId,
      artifactId,
      sha256,
      bytes,
      norm: euclideanNorm(vector),
      computeMs,
      hostId,
      cutTokens: cutTokens === 0 ? null : cutTokens,
    });
    const { id } = (yield* get(byContent, { modelId, artifactId, sha256 }))!;
    return id;
  }

  return { idOf };
}

/** Euclidean length in float64; NaN or infinite if a component is. */
export function euclideanNorm(vector: Float32Array): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
}
