import { and, asc, eq, inArray, lt, notExists, sql } from 'drizzle-orm';
import { createHash } from 'node:crypto';
import { faultPoint } from '../../common/fault.js';
import type { Database } from '../connection/database.js';
import { all, get, run as execute } from '../connection/work.js';
import type { Work } from '../connection/work.js';
import { float32s } from '../float32.js';
import { promptVectors, runs, vectors } from '../schema.js';
import type { RunRow } from './runs.js';
import { vectorRows } from './vector-rows.js';
import type { MadeBy, MadeVector } from './vector-rows.js';

/** A vector of a prompt. */
export interface NewPromptVector extends MadeVector {
  readonly artifactId: number;
}

/** The vectors of an experiment's prompts, from which the drift of a run is measured. */
export interface PromptOrigins {
  readonly prompt: Float32Array;
  /** The other prompts of the experiment, row-major. */
  readonly others: Float32Array;
  /**
   * SHA-256 over the digest of the run's prompt vector, and then those of the others, ascending. A statistic of
   * other prompts is stale.
   */
  readonly sha256: Buffer;
}

/** Prompts in one statement. */
const CHUNK = 500;

export type PromptVectorTable = ReturnType<typeof promptVectorTable>;

export function promptVectorTable({ build, read, write }: Database) {
  const rows = vectorRows({ build });

  /**
   * The artifacts of the experiment's prompts that have no vector of the model, each once: first the run's own
   * prompt, then the others behind it, so that runs side by side begin at different prompts. Prompts vary
   * fastest over the runs of a plan, so that the first `promptCount` runs have all of them.
   */
  async function missing(run: RunRow, promptCount: number, modelId: number): Promise<number[]> {
    const known = build
      .select({ one: sql`1` })
      .from(promptVectors)
      .where(and(eq(promptVectors.artifactId, runs.promptId), eq(promptVectors.modelId, modelId)));
    const query = build
      .select({ index: runs.runIndex, artifactId: runs.promptId })
      .from(runs)
      .where(and(eq(runs.experimentId, run.experimentId), lt(runs.runIndex, promptCount), notExists(known)))
      .orderBy(asc(runs.runIndex));
    const found = await read(() => all(query));
    const own = run.runIndex % promptCount;
    const rotated = [
      ...found.filter(({ index }) => index >= own),
      ...found.filter(({ index }) => index < own),
    ];
    return [...new Set(rotated.map(({ artifactId }) => artifactId))];
  }

  /**
   * Gives prompts the oldest vectors that the same texts already have, as the outputs of any run. Returns the
   * prompts that are left.
   */
  async function reuse(artifactIds: readonly number[], modelId: number): Promise<number[]> {
    const left: number[] = [];
    for (let from = 0; from < artifactIds.length; from += CHUNK) {
      const chunk = artifactIds.slice(from, from + CHUNK);
      const oldest = build
        .select({ artifactId: vectors.artifactId, vectorId: sql<number>`min(${vectors.id})` })
        .from(vectors)
        .where(and(eq(vectors.modelId, modelId), inArray(vectors.artifactId, chunk)))
        .groupBy(vectors.artifactId);
      const found = await read(() => all(oldest));
      if (found.length > 0) {
        await write(function* () {
          for (const { artifactId, vectorId } of found) yield* point(artifactId, modelId, vectorId);
        });
      }
      const given = new Set(found.map(({ artifactId }) => artifactId));
      left.push(...chunk.filter((artifactId) => !given.has(artifactId)));
    }
    return left;
  }

  function* point(artifactId: number, modelId: number, vectorId: number): Work<void> {
    yield* execute(
      build.insert(promptVectors).values({ artifactId, modelId, vectorId }).onConflictDoNothing(),
    );
  }

  /**
   * Commits computed vectors of prompts in one transaction. Keyed by (artifact, model): an existing row stays.
   */
  async function commit(batch: readonly NewPromptVector[], by: MadeBy): Promise<void> {
    await write(function* () {
      for (const { artifactId, ...made } of batch) {
        const present = yield* get(
          build
            .select({ vectorId: promptVectors.vectorId })
            .from(promptVectors)
            .where(and(eq(promptVectors.artifactId, artifactId), eq(promptVectors.modelId, by.modelId))),
        );
        // A second vector of a model that is not deterministic would be one that no row points at.
        if (present !== undefined) continue;
        yield* point(artifactId, by.modelId, yield* rows.idOf(artifactId, made, by));
      }
      faultPoint('prompts:before-commit');
    });
    faultPoint('prompts:after-commit');
  }

  /** The vectors of the experiment's prompts; null as long as one of them is missing. */
  async function origins(run: RunRow, promptCount: number, modelId: number): Promise<PromptOrigins | null> {
    const query = build
      .select({ artifactId: runs.promptId, sha256: vectors.sha256, bytes: vectors.bytes })
      .from(runs)
      .leftJoin(
        promptVectors,
        and(eq(promptVectors.artifactId, runs.promptId), eq(promptVectors.modelId, modelId)),
      )
      .leftJoin(vectors, eq(vectors.id, promptVectors.vectorId))
      .where(and(eq(runs.experimentId, run.experimentId), lt(runs.runIndex, promptCount)))
      .orderBy(asc(vectors.sha256), asc(runs.runIndex));
    const others: Buffer[] = [];
    const digests: Buffer[] = [];
    const seen = new Set<number>();
    let own: { readonly sha256: Buffer; readonly bytes: Buffer } | null = null;
    for (const { artifactId, sha256, bytes } of await read(() => all(query))) {
      if (sha256 === null || bytes === null) return null;
      if (seen.has(artifactId)) continue;
      seen.add(artifactId);
      if (artifactId === run.promptId) {
        own = { sha256, bytes };
      } else {
        others.push(bytes);
        digests.push(sha256);
      }
    }
    if (own === null) return null;
    const digest = createHash('sha256').update(own.sha256);
    for (const other of digests) digest.update(other);
    return { prompt: float32s(own.bytes), others: float32s(Buffer.concat(others)), sha256: digest.digest() };
  }

  return { missing, reuse, commit, origins };
}
