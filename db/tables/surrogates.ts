import { and, asc, eq } from 'drizzle-orm';
import type { NullModel, SurrogateKind } from '../../experiment/config.js';
import { faultPoint } from '../../common/fault.js';
import { picked } from '../../common/records.js';
import { SURROGATE_STATISTICS } from '../../experiment/statistics.js';
import type { StoredStatistics } from '../../experiment/statistics.js';
import type { Database } from '../connection/database.js';
import { surrogates } from '../schema.js';
import { all, run as execute } from '../connection/work.js';

/** Surrogate `index` (from 0) of a kind of a diagram's points. */
export interface SurrogateKey {
  readonly kind: SurrogateKind;
  readonly index: number;
}

/** The stored numbers of one homology dimension of a surrogate's diagram. */
export type SurrogateDimension = StoredStatistics<'surrogate'>;

/** One homology dimension of one surrogate. */
export type SurrogateRow = typeof surrogates.$inferSelect;

export type SurrogateTable = ReturnType<typeof surrogateTable>;

export function surrogateTable({ build, read, write }: Database) {
  /** The surrogates of this null model that a diagram does not have yet, kind by kind. */
  async function missing(
    diagramId: number,
    { kinds, surrogates: count }: NullModel,
  ): Promise<SurrogateKey[]> {
    const query = build
      .select({ kind: surrogates.kind, index: surrogates.surrogateIndex })
      .from(surrogates)
      .where(and(eq(surrogates.diagramId, diagramId), eq(surrogates.dimension, 0)));
    const rows = await read(() => all(query));
    const made = new Set(rows.map(({ kind, index }) => `${kind} ${index}`));
    return kinds.flatMap((kind) =>
      Array.from({ length: count }, (_, index) => ({ kind, index })).filter(
        ({ index }) => !made.has(`${kind} ${index}`),
      ),
    );
  }

  /**
   * Stores the diagram of one surrogate in one transaction; index k of `dimensions` is homology dimension k.
   * Keyed by (diagram, kind, index): an existing row stays, because its seed determines it.
   */
  async function commit(
    diagramId: number,
    { kind, index }: SurrogateKey,
    dimensions: readonly SurrogateDimension[],
  ): Promise<void> {
    await write(function* () {
      for (const [dimension, values] of dimensions.entries()) {
        yield* execute(
          build
            .insert(surrogates)
            .values({
              ...picked(values, SURROGATE_STATISTICS),
              diagramId,
              kind,
              surrogateIndex: index,
              dimension,
            })
            .onConflictDoNothing(),
        );
      }
      faultPoint('surrogate:before-commit');
    });
    faultPoint('surrogate:after-commit');
  }

  /** By kind, index and homology dimension. */
  async function ofDiagram(diagramId: number): Promise<SurrogateRow[]> {
    const query = build
      .select()
      .from(surrogates)
      .where(eq(surrogates.diagramId, diagramId))
      .orderBy(asc(surrogates.kind), asc(surrogates.surrogateIndex), asc(surrogates.dimension));
    return read(() => all(query));
  }

  return { missing, commit, ofDiagram };
}
