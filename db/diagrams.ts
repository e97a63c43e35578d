import { and, asc, eq, sql } from 'drizzle-orm';
import { faultPoint } from '../experiment/fault.js';
import type { Connection } from './connection.js';
import { float32s } from './float32.js';
import type { RunRow } from './runs.js';
import type { Writer } from './writer.js';
import { diagramDimensions, diagrams, models, runs } from './schema.js';

export type DiagramRow = typeof diagrams.$inferSelect;

/** What decides a diagram: the points and the settings. A stored diagram with another key is stale. */
export interface DiagramKey {
  readonly pointsSha256: Buffer;
  readonly maxDimension: number;
  readonly maxEdgeLength: number | null;
}

export interface DiagramDimension {
  /** birth, death, birth, death, ...; a bar that never dies has death Infinity. */
  readonly bars: Float32Array;
  readonly entropy: number;
}

export interface NewDiagram extends DiagramKey {
  readonly pointCount: number;
  readonly distinctPointCount: number;
  readonly edgeCount: number;
  readonly computeMs: number;
  /** Index k is homology dimension k. */
  readonly dimensions: readonly DiagramDimension[];
}

/** One homology dimension of one run's diagram, without its bars. */
export interface RunEntropy {
  readonly runIndex: number;
  readonly model: string;
  readonly dimension: number;
  readonly bars: number;
  readonly entropy: number;
}

/** What a run must have to be finished. */
export interface RunMeasured {
  readonly diagrams: number;
  /** Of each diagram, of all kinds together. */
  readonly surrogates: number;
}

export type DiagramTable = ReturnType<typeof diagramTable>;

export function diagramTable(db: Connection, writer: Writer) {
  /** The id of this very diagram; null where the run has none or another one. */
  function find(run: RunRow, modelId: number, key: DiagramKey): number | null {
    const row = db
      .select()
      .from(diagrams)
      .where(and(eq(diagrams.runId, run.id), eq(diagrams.modelId, modelId)))
      .get();
    const isCurrent =
      row !== undefined &&
      row.pointsSha256.equals(key.pointsSha256) &&
      row.maxDimension === key.maxDimension &&
      row.maxEdgeLength === key.maxEdgeLength;
    return isCurrent ? row.id : null;
  }

  /**
   * Stores the diagram of (run, model) in one transaction, in place of a stale one and its surrogates; returns its id.
   * Keyed by (run, model).
   */
  async function commit(run: RunRow, modelId: number, diagram: NewDiagram, now: number): Promise<number> {
    const { dimensions, ...row } = diagram;
    const stored = await writer.write(() => {
      const current = find(run, modelId, diagram);
      if (current !== null) return current;
      db.delete(diagrams)
        .where(and(eq(diagrams.runId, run.id), eq(diagrams.modelId, modelId)))
        .run();
      const { id } = db
        .insert(diagrams)
        .values({ ...row, runId: run.id, modelId, metric: 'euclidean', createdAt: now })
        .returning({ id: diagrams.id })
        .get();
      dimensions.forEach(({ bars, entropy }, dimension) => {
        const bytes = Buffer.from(bars.buffer, bars.byteOffset, bars.byteLength);
        const barCount = bars.length / 2;
        const finiteBarCount = countFinite(bars);
        db.insert(diagramDimensions)
          .values({ diagramId: id, dimension, barCount, finiteBarCount, entropy, bars: bytes })
          .run();
      });
      faultPoint('diagram:before-commit');
      return id;
    });
    faultPoint('diagram:after-commit');
    return stored;
  }

  /**
   * Marks the run finished when its trajectory has ended and every model has its diagram with all of its surrogates;
   * returns whether it is.
   */
  function finishRun(run: RunRow, expected: RunMeasured, now: number): Promise<boolean> {
    return writer.write(() => {
      // By name: a diagram that an earlier revision of a model left behind does not stand for another model's.
      const { made } = db.get<{ made: number }>(sql`
        select count(*) as made from (
          select max(diagrams.id) as newest from diagrams join models on models.id = diagrams.model_id
          where diagrams.run_id = ${run.id} group by models.name)
        where (select count(*) from surrogates where diagram_id = newest and dimension = 0) >= ${expected.surrogates}`);
      if (made < expected.diagrams) return false;
      const { changes } = db
        .update(runs)
        .set({ status: 'finished', finishedAt: now, errorKind: null, errorMessage: null })
        .where(
          and(eq(runs.id, run.id), sql`${runs.stopReason} is not null`, sql`${runs.status} <> 'finished'`),
        )
        .run();
      if (changes > 0) return true;
      return (
        db.select({ status: runs.status }).from(runs).where(eq(runs.id, run.id)).get()?.status === 'finished'
      );
    });
  }

  /** Number of bars by dimension of the diagram of (run, model). */
  function barCounts(run: RunRow, modelId: number): number[] {
    return db
      .select({ bars: diagramDimensions.barCount })
      .from(diagramDimensions)
      .innerJoin(diagrams, eq(diagrams.id, diagramDimensions.diagramId))
      .where(and(eq(diagrams.runId, run.id), eq(diagrams.modelId, modelId)))
      .orderBy(asc(diagramDimensions.dimension))
      .all()
      .map((row) => row.bars);
  }

  /** The entropies of every diagram of an experiment, by run, model and dimension. */
  function entropies(experimentId: string): RunEntropy[] {
    return db
      .select({
        runIndex: runs.runIndex,
        model: models.name,
        dimension: diagramDimensions.dimension,
        bars: diagramDimensions.barCount,
        entropy: diagramDimensions.entropy,
      })
      .from(diagramDimensions)
      .innerJoin(diagrams, eq(diagrams.id, diagramDimensions.diagramId))
      .innerJoin(models, eq(models.id, diagrams.modelId))
      .innerJoin(runs, eq(runs.id, diagrams.runId))
      .where(eq(runs.experimentId, experimentId))
      .orderBy(asc(runs.runIndex), asc(models.name), asc(diagramDimensions.dimension))
      .all();
  }

  /** The diagrams of a run with their bars, by model name. */
  function ofRun(run: RunRow) {
    return db
      .select({ diagram: diagrams, model: models.name })
      .from(diagrams)
      .innerJoin(models, eq(models.id, diagrams.modelId))
      .where(eq(diagrams.runId, run.id))
      .orderBy(asc(models.name))
      .all()
      .map(({ diagram, model }) => ({
        model,
        diagram,
        dimensions: db
          .select()
          .from(diagramDimensions)
          .where(eq(diagramDimensions.diagramId, diagram.id))
          .orderBy(asc(diagramDimensions.dimension))
          .all()
          .map((row) => ({ ...row, bars: float32s(row.bars) })),
      }));
  }

  return { find, commit, finishRun, barCounts, entropies, ofRun };
}

function countFinite(bars: Float32Array): number {
  let finite = 0;
  for (let death = 1; death < bars.length; death += 2) if (bars[death] !== Infinity) finite++;
  return finite;
}
