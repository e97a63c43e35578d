import { setImmediate } from 'node:timers/promises';
import { and, asc, eq, gt, inArray, isNotNull, sql } from 'drizzle-orm';
import { picked } from '../../common/records.js';
import { DIAGRAM_STATISTICS } from '../../experiment/statistics.js';
import type { StoredStatistics } from '../../experiment/statistics.js';
import type { Database } from '../connection/database.js';
import { withNetwork } from '../tables/runs.js';
import type { RunRow } from '../tables/runs.js';
import { diagramDimensions, diagrams, models, runs } from '../schema.js';
import { all, get } from '../connection/work.js';
import type { Work } from '../connection/work.js';

/** One homology dimension of one run's diagram, without its bars. */
export interface RunDimension extends StoredStatistics<'diagram'> {
  readonly model: string;
  readonly dimension: number;
}

/** The facts about a run in a list of runs. */
export interface RunOverview {
  readonly run: RunRow;
  /** Invocations so far. */
  readonly made: number;
  /** By model and dimension. */
  readonly dimensions: readonly RunDimension[];
}

/** The widths that a table of all runs needs, and sums over the runs. */
export interface OverviewFigures {
  /** Invocations so far, of all runs. */
  readonly made: number;
  /** The number of invocations of the run that has most. */
  readonly mostMade: number;
  readonly seedWidth: number;
  readonly statusWidth: number;
  /** Each kind of error once; if there are very many, only the first ones. */
  readonly errorKinds: readonly string[];
  readonly stopReasonWidth: number;
  readonly longestCycle: number | null;
  /** The greatest entropy of each model and dimension. */
  readonly entropies: readonly Pick<RunDimension, 'model' | 'dimension' | 'entropy'>[];
}

/** Runs that a reader holds at a time. */
const RUNS_READ = 1000;
/** Our versions have about ten kinds. A store that another program wrote may have any text there. */
const KINDS_READ = 100;

/** A run that waits for its first attempt has no invocation, and a query for all such runs would be slow. */
const MADE = sql<number>`case
  when length is not null then length
  when status <> 'pending' or attempt > 1
    then coalesce((select max(sequence) + 1 from invocations where run_id = runs.id), 0)
  else 0 end`;

export type RunOverviews = ReturnType<typeof runOverviewQueries>;

/** Read-only. */
export function runOverviewQueries({ build, read }: Database) {
  /**
   * The runs of an experiment in order, however many. The generator holds a thousand at a time, and reads
   * each portion as it is at one moment. The event loop gets its turn between portions.
   */
  async function* list(experimentId: string): AsyncGenerator<RunOverview, void, undefined> {
    for (let after = -1; ;) {
      const portion = await read(() => portionAfter(experimentId, after));
      yield* portion;
      await setImmediate();
      if (portion.length < RUNS_READ) return;
      after = portion.at(-1)!.run.runIndex;
    }
  }

  function* portionAfter(experimentId: string, after: number): Work<RunOverview[]> {
    const rows = yield* all(
      build
        .select()
        .from(runs)
        .where(and(eq(runs.experimentId, experimentId), gt(runs.runIndex, after)))
        .orderBy(asc(runs.runIndex))
        .limit(RUNS_READ),
    );
    const ids = rows.map(({ id }) => id);
    const made = new Map(
      (yield* all(build.select({ id: runs.id, made: MADE }).from(runs).where(inArray(runs.id, ids)))).map(
        (row) => [row.id, row.made],
      ),
    );
    const dimensions = new Map<number, RunDimension[]>();
    for (const { runId, ...dimension } of yield* dimensionsOf(ids)) {
      const ofRun = dimensions.get(runId);
      if (ofRun === undefined) dimensions.set(runId, [dimension]);
      else ofRun.push(dimension);
    }
    return rows.map((row) => ({
      run: withNetwork(row),
      made: made.get(row.id)!,
      dimensions: dimensions.get(row.id) ?? [],
    }));
  }

  function dimensionsOf(ids: readonly number[]) {
    return all(
      build
        .select({
          runId: diagrams.runId,
          model: models.name,
          dimension: diagramDimensions.dimension,
          ...picked(diagramDimensions, DIAGRAM_STATISTICS),
        })
        .from(diagrams)
        .innerJoin(diagramDimensions, eq(diagramDimensions.diagramId, diagrams.id))
        .innerJoin(models, eq(models.id, diagrams.modelId))
        .where(inArray(diagrams.runId, [...ids]))
        .orderBy(asc(diagrams.runId), asc(models.name), asc(diagramDimensions.dimension)),
    );
  }

  async function figures(experimentId: string): Promise<OverviewFigures> {
    return read(() => figuresOf(experimentId));
  }

  function* figuresOf(experimentId: string): Work<OverviewFigures> {
    const ofRuns = yield* get(
      build
        .select({
          made: sql<number>`coalesce(sum(${MADE}), 0)`,
          mostMade: sql<number>`coalesce(max(${MADE}), 0)`,
          seedWidth: sql<number>`coalesce(max(length(cast(${runs.seed} as text))), 0)`,
          statusWidth: sql<number>`coalesce(max(length(case when ${runs.hold} = 'paused' then 'paused' else ${runs.status} end)), 0)`,
          stopReasonWidth: sql<number>`coalesce(max(length(${runs.stopReason})), 0)`,
          longestCycle: sql<number | null>`max(${runs.cycleLength})`,
        })
        .from(runs)
        .where(eq(runs.experimentId, experimentId)),
    );
    const errorKinds = yield* all(
      build
        .selectDistinct({ kind: runs.errorKind })
        .from(runs)
        .where(and(eq(runs.experimentId, experimentId), isNotNull(runs.errorKind)))
        .limit(KINDS_READ),
    );
    const entropies = yield* all(
      build
        .select({
          model: models.name,
          dimension: diagramDimensions.dimension,
          entropy: sql<number>`max(${diagramDimensions.entropy})`,
        })
        .from(runs)
        .innerJoin(diagrams, eq(diagrams.runId, runs.id))
        .innerJoin(diagramDimensions, eq(diagramDimensions.diagramId, diagrams.id))
        .innerJoin(models, eq(models.id, diagrams.modelId))
        .where(eq(runs.experimentId, experimentId))
        .groupBy(models.name, diagramDimensions.dimension),
    );
    return { ...ofRuns!, errorKinds: errorKinds.map(({ kind }) => kind ?? ''), entropies };
  }

  return { list, figures };
}
