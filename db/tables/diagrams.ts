import { and, asc, eq, sql } from 'drizzle-orm';
import { faultPoint } from '../../common/fault.js';
import { picked } from '../../common/records.js';
import { DIAGRAM_STATISTICS } from '../../experiment/statistics.js';
import type { BarStatisticValues } from '../../experiment/statistics.js';
import type { Database } from '../connection/database.js';
import { float32s } from '../float32.js';
import type { RunRow } from './runs.js';
import { diagramDimensions, diagrams, models, runs } from '../schema.js';
import { all, get, run as execute } from '../connection/work.js';
import type { Work } from '../connection/work.js';

export type DiagramRow = typeof diagrams.$inferSelect;

/** The points and the settings, which decide a diagram. A stored diagram with another key is stale. */
export interface DiagramKey {
  readonly pointsSha256: Buffer;
  readonly maxDimension: number;
  readonly maxEdgeLength: number | null;
}

export interface DiagramDimension {
  /** birth, death, birth, death, ...; a bar that never dies has death Infinity. */
  readonly bars: Float32Array;
  readonly statistics: BarStatisticValues;
}

export interface NewDiagram extends DiagramKey {
  readonly pointCount: number;
  readonly distinctPointCount: number;
  readonly edgeCount: number;
  readonly computeMs: number;
  /** Index k is homology dimension k. */
  readonly dimensions: readonly DiagramDimension[];
}

/** The parts that a run must have to be finished. */
export interface RunMeasured {
  readonly diagrams: number;
  /** Surrogates of each diagram, of all kinds together. */
  readonly surrogates: number;
}

export type DiagramTable = ReturnType<typeof diagramTable>;

export function diagramTable({ build, read, write, rows }: Database) {
  /** The id of the diagram with this key; null if the run has none, or one with another key. */
  async function find(run: RunRow, modelId: number, key: DiagramKey): Promise<number | null> {
    return read(() => currentId(run, modelId, key));
  }

  function* currentId(run: RunRow, modelId: number, key: DiagramKey): Work<number | null> {
    const row = yield* get(
      build
        .select()
        .from(diagrams)
        .where(and(eq(diagrams.runId, run.id), eq(diagrams.modelId, modelId))),
    );
    const isCurrent =
      row !== undefined &&
      row.pointsSha256.equals(key.pointsSha256) &&
      row.maxDimension === key.maxDimension &&
      row.maxEdgeLength === key.maxEdgeLength;
    return isCurrent ? row.id : null;
  }

  /**
   * Stores the diagram of (run, model) in one transaction. It replaces a stale one with its surrogates.
   * Returns its id. Keyed by (run, model).
   */
  async function commit(run: RunRow, modelId: number, diagram: NewDiagram, now: number): Promise<number> {
    const stored = await write(() => committedDiagram(run, modelId, diagram, now));
    faultPoint('diagram:after-commit');
    return stored;
  }

  function* committedDiagram(run: RunRow, modelId: number, diagram: NewDiagram, now: number): Work<number> {
    const { dimensions, ...row } = diagram;
    const current = yield* currentId(run, modelId, diagram);
    if (current !== null) return current;
    yield* execute(
      build.delete(diagrams).where(and(eq(diagrams.runId, run.id), eq(diagrams.modelId, modelId))),
    );
    const { id } = yield* get(
      build
        .insert(diagrams)
        .values({ ...row, runId: run.id, modelId, metric: 'euclidean', createdAt: now })
        .returning({ id: diagrams.id }),
    );
    for (const [dimension, { bars, statistics }] of dimensions.entries()) {
      const bytes = Buffer.from(bars.buffer, bars.byteOffset, bars.byteLength);
      const kept = picked(statistics, DIAGRAM_STATISTICS);
      yield* execute(
        build.insert(diagramDimensions).values({ diagramId: id, dimension, ...kept, bars: bytes }),
      );
    }
    faultPoint('diagram:before-commit');
    return id;
  }

  /**
   * Marks the run finished if its trajectory has ended and every model has its diagram with all surrogates.
   * Returns whether it is finished.
   */
  async function finishRun(run: RunRow, expected: RunMeasured, now: number): Promise<boolean> {
    return write(() => finishedRun(run, expected, now));
  }

  function* finishedRun(run: RunRow, expected: RunMeasured, now: number): Work<boolean> {
    // The query compares names: a diagram that an earlier revision of a model left does not count for another
    // model.
    const [measured] = yield* rows<{ made: number }>(sql`
      select count(*) as made from (
        select max(diagrams.id) as newest from diagrams join models on models.id = diagrams.model_id
        where diagrams.run_id = ${run.id} group by models.name) as of_run
      where (select count(*) from surrogates where diagram_id = newest and dimension = 0) >= ${expected.surrogates}`);
    if (measured!.made < expected.diagrams) return false;
    const changes = yield* execute(
      build
        .update(runs)
        .set({ status: 'finished', finishedAt: now, errorKind: null, errorMessage: null })
        .where(
          and(eq(runs.id, run.id), sql`${runs.stopReason} is not null`, sql`${runs.status} <> 'finished'`),
        ),
    );
    if (changes > 0) return true;
    const row = yield* get(build.select({ status: runs.status }).from(runs).where(eq(runs.id, run.id)));
    return row?.status === 'finished';
  }

  /** Number of bars by dimension, of the diagram of (run, model). */
  async function barCounts(run: RunRow, modelId: number): Promise<number[]> {
    const query = build
      .select({ bars: diagramDimensions.barCount })
      .from(diagramDimensions)
      .innerJoin(diagrams, eq(diagrams.id, diagramDimensions.diagramId))
      .where(and(eq(diagrams.runId, run.id), eq(diagrams.modelId, modelId)))
      .orderBy(asc(diagramDimensions.dimension));
    return (await read(() => all(query))).map((row) => row.bars);
  }

  /** The diagrams of a run with their bars, by model name. */
  async function ofRun(run: RunRow) {
    return read(() => diagramsOfRun(run));
  }

  function* diagramsOfRun(run: RunRow) {
    const found = yield* all(
      build
        .select({ diagram: diagrams, model: models.name })
        .from(diagrams)
        .innerJoin(models, eq(models.id, diagrams.modelId))
        .where(eq(diagrams.runId, run.id))
        .orderBy(asc(models.name)),
    );
    const made = [];
    for (const { diagram, model } of found) {
      const dimensions = yield* all(
        build
          .select()
          .from(diagramDimensions)
          .where(eq(diagramDimensions.diagramId, diagram.id))
          .orderBy(asc(diagramDimensions.dimension)),
      );
      made.push({
        model,
        diagram,
        dimensions: dimensions.map((row) => ({ ...row, bars: float32s(row.bars) })),
      });
    }
    return made;
  }

  return { find, commit, finishRun, barCounts, ofRun };
}
