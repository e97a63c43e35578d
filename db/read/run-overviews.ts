import { setImmediate } from 'node:timers/promises';
import { asc, eq, inArray } from 'drizzle-orm';
import { picked } from '../../common/records.js';
import { DIAGRAM_STATISTICS } from '../../experiment/statistics.js';
import type { StoredStatistics } from '../../experiment/statistics.js';
import type { Database } from '../connection/database.js';
import { columnNames } from '../columns.js';
import { withNetwork } from '../tables/runs.js';
import type { RunRow } from '../tables/runs.js';
import { diagramDimensions, diagrams, models, runs } from '../schema.js';
import { all } from '../connection/work.js';
import type { Work } from '../connection/work.js';
import { runsFrom } from './experiment-reader.js';
import { queryRunner } from './query.js';
import { dimensionTotals, runTotals } from './totals.js';

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

const OF_RUN = [...columnNames(runs), 'made'] as const;

const OVER_RUNS = {
  made: { over: 'sum', of: 'made' },
  mostMade: { over: 'greatest', of: 'made' },
  leastSeed: { over: 'least', of: 'seed' },
  greatestSeed: { over: 'greatest', of: 'seed' },
  longestCycle: { over: 'greatest', of: 'cycleLength' },
} as const;

const OVER_DIMENSIONS = { entropy: { over: 'greatest', of: 'entropy' } } as const;

export type RunOverviews = ReturnType<typeof runOverviewQueries>;

/** Read-only. */
export function runOverviewQueries(db: Database) {
  const { build, read } = db;
  const { found } = queryRunner(db);

  /**
   * The runs of an experiment in order, however many. The generator holds a thousand at a time, and reads
   * each portion as it is at one moment. The event loop gets its turn between portions.
   */
  async function* list(experimentId: string): AsyncGenerator<RunOverview, void, undefined> {
    for (let first = 0; ;) {
      const portion = await read(() => portionFrom(experimentId, first));
      yield* portion;
      await setImmediate();
      if (portion.length < RUNS_READ) return;
      first = portion.at(-1)!.run.runIndex + 1;
    }
  }

  function* portionFrom(experimentId: string, first: number): Work<RunOverview[]> {
    const rows = yield* found(runsFrom(experimentId, first, RUNS_READ, OF_RUN));
    const ids = rows.map(({ id }) => id);
    const dimensions = new Map<number, RunDimension[]>();
    for (const { runId, ...dimension } of yield* dimensionsOf(ids)) {
      const ofRun = dimensions.get(runId);
      if (ofRun === undefined) dimensions.set(runId, [dimension]);
      else ofRun.push(dimension);
    }
    return rows.map(({ made, ...row }) => ({
      run: withNetwork(row),
      made,
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

  function* figuresOf(experiment: string): Work<OverviewFigures> {
    const ofRuns = yield* found(runTotals({ experiment }, OVER_RUNS, ['status', 'hold', 'stopReason']));
    const ofKinds = yield* found(
      // A run without an error has no kind.
      runTotals({ experiment }, { runs: { over: 'rows' } }, ['errorKind'], KINDS_READ + 1),
    );
    const entropies = yield* found(
      dimensionTotals({ experiment }, OVER_DIMENSIONS, ['model.name', 'dimension']),
    );
    const cycles = ofRuns.flatMap(({ longestCycle }) => longestCycle ?? []);
    return {
      made: ofRuns.reduce((sum, { made }) => sum + made, 0),
      mostMade: greatest(ofRuns.map(({ mostMade }) => mostMade)),
      // Of all seeds, the least or the greatest has the most characters.
      seedWidth: greatest(
        ofRuns.flatMap(({ leastSeed, greatestSeed }) => [
          String(leastSeed).length,
          String(greatestSeed).length,
        ]),
      ),
      statusWidth: greatest(ofRuns.map(({ status, hold }) => (hold === 'paused' ? 'paused' : status).length)),
      stopReasonWidth: greatest(ofRuns.map(({ stopReason }) => stopReason?.length ?? 0)),
      longestCycle: cycles.length === 0 ? null : greatest(cycles),
      errorKinds: ofKinds.flatMap(({ errorKind }) => errorKind ?? []),
      // The table has no column for a model that is missing.
      entropies: entropies.flatMap(({ 'model.name': model, ...row }) =>
        model === null ? [] : [{ model, ...row }],
      ),
    };
  }

  return { list, figures };
}

function greatest(numbers: readonly number[]): number {
  return numbers.reduce((most, number) => Math.max(most, number), 0);
}
