import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { Database } from '../connection/database.js';
import { hasObject } from '../tables/has-object.js';
import { restedMs, storedRests } from '../tables/rests.js';
import type { Rest } from '../tables/rests.js';
import type { Work } from '../connection/work.js';
import { INCOMPLETE_RUN_STATUSES, noRuns } from '../../experiment/run-status.js';
import type { RunsByStatus } from '../../experiment/run-status.js';
import { SUMMARISED_STATISTICS } from '../../experiment/statistics.js';
import type { StoredStatistics, SummarisedStatistic } from '../../experiment/statistics.js';
import { quoted } from '../quoted.js';
import { diagramTotals, dimensionTotals, embeddingTotals, runTotals, stepTotals } from './totals.js';
import { queryRunner } from './query.js';

export interface Progress {
  readonly runs: RunsByStatus;
  /** The number of invocations so far, and the number in the end if no further cycle is found. */
  readonly invocations: number;
  readonly invocationsExpected: number;
  /**
   * How many of the invocations to come belong to runs that a user holds one by one: they wait for that user.
   */
  readonly invocationsHeld: number;
  readonly trajectoriesEnded: number;
  readonly diagrams: number;
}

/**
 * The numbers of one homology dimension over the diagrams of a model. Those of `SUMMARISED_STATISTICS` appear
 * as `meanEntropy` and so on.
 */
export type StatisticsSummary = {
  readonly model: string;
  readonly dimension: number;
  readonly diagrams: number;
  readonly bars: number;
} & {
  readonly [
    Name in SummarisedStatistic as `${'mean' | 'min' | 'max'}${Capitalize<Name>}`
  ]: StoredStatistics<'diagram'>[Name];
};

/** The name of such a number. */
export function summaryName<What extends 'mean' | 'min' | 'max', Name extends SummarisedStatistic>(
  what: What,
  name: Name,
): `${What}${Capitalize<Name>}`;
// The overload states what the type of `slice` does not: which letters are left.
export function summaryName(what: string, name: string): string {
  return `${what}${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

const FIGURES = [
  ['mean', 'mean'],
  ['min', 'least'],
  ['max', 'greatest'],
] as const;

type SummarisedMeasures = {
  readonly [Name in SummarisedStatistic as `mean${Capitalize<Name>}`]: {
    readonly over: 'mean';
    readonly of: Name;
  };
} & {
  readonly [Name in SummarisedStatistic as `min${Capitalize<Name>}`]: {
    readonly over: 'least';
    readonly of: Name;
  };
} & {
  readonly [Name in SummarisedStatistic as `max${Capitalize<Name>}`]: {
    readonly over: 'greatest';
    readonly of: Name;
  };
};

/** The measures over the dimensions of diagrams that give `meanEntropy` and so on. */
function summarisedMeasures(): SummarisedMeasures;
// The overload states what a loop does not: three measures for each number, under their names.
function summarisedMeasures(): object {
  return Object.fromEntries(
    SUMMARISED_STATISTICS.flatMap((name) =>
      FIGURES.map(([what, over]) => [summaryName(what, name), { over, of: name }] as const),
    ),
  );
}

const OVER_DIMENSIONS = {
  diagrams: { over: 'rows' },
  bars: { over: 'sum', of: 'barCount' },
  ...summarisedMeasures(),
} as const;

export interface Summary {
  readonly invocations: Readonly<Record<'computed' | 'reused' | 'cycle', number>>;
  readonly distinctOutputs: number;
  /** Invocations whose output stopped at the model's limit of tokens. */
  readonly outputsCut: number;
  /** Runs whose trajectory met an exact cycle, and the periods in invocations. */
  readonly cycles: number;
  readonly shortestCycle: number | null;
  readonly longestCycle: number | null;
  readonly embeddings: number;
  readonly vectors: number;
  readonly diagrams: number;
  readonly entropy: readonly StatisticsSummary[];
  /** Times of the first and last invocation, ms since the epoch; null if there is none. */
  readonly firstInvocationAt: number | null;
  readonly lastInvocationAt: number | null;
  /**
   * The part of the time between these two in which no worker worked on the experiment: it was paused, or no
   * process drove it. Milliseconds.
   */
  readonly restedMs: number;
}

export type SummaryQueries = ReturnType<typeof summaryQueries>;

/**
 * How many invocations were `made` since a time, and when the call of the first of them `began`. The query
 * looks at each run that is at work or has ended since then. Of such a run it reads the rows after the last
 * older one, which it finds from the newest row backwards.
 */
export function recentQuery(experimentId: string, since: number): SQL {
  return sql`
    select coalesce(sum(newest - older), 0) as made, min((
      -- The time of a batch is shared out among its calls.
      select created_at - coalesce(compute_ms * batch_size, 0) from invocations
      where run_id = at_work.id and sequence = at_work.older + 1)) as began
    from (
      select id,
        coalesce((select max(sequence) from invocations where run_id = runs.id), -1) as newest,
        coalesce((
          select sequence from invocations where run_id = runs.id and created_at < ${since}
          order by sequence desc limit 1), -1) as older
      from runs where experiment_id = ${experimentId}
        and (status = 'running' or finished_at >= ${since})) as at_work`;
}

const OVER_RUNS = {
  runs: { over: 'rows' },
  made: { over: 'sum', of: 'made' },
  expected: { over: 'sum', of: 'expected' },
  held: { over: 'sum', of: 'held' },
  ended: { over: 'values', of: 'stopReason' },
} as const;

const OVER_STEPS = {
  first: { over: 'least', of: 'createdAt' },
  last: { over: 'greatest', of: 'createdAt' },
  outputs: { over: 'distinct', of: 'outputId' },
  cut: { over: 'values', of: 'outputCut' },
} as const;

const OVER_CYCLES = {
  cycles: { over: 'values', of: 'cycleLength' },
  shortestCycle: { over: 'least', of: 'cycleLength' },
  longestCycle: { over: 'greatest', of: 'cycleLength' },
} as const;

const OVER_EMBEDDINGS = {
  embeddings: { over: 'rows' },
  vectors: { over: 'distinct', of: 'vectorId' },
} as const;

const RECENT_MS = 60_000;

/** The mean of a model uses this many of its newest calls: a store may have millions. */
const NEWEST = 1000;

/**
 * Sum and number of a figure of a model's newest calls, in the order of the index of equal work: by their
 * inputs. A mean over all calls would have to read them all.
 */
export function newestCalls(modelId: number, figure: SQL, joined: SQL): SQL {
  return sql`
    select coalesce(sum(figure), 0) as sum, count(figure) as count from (
      select ${figure} as figure from (
        select compute_ms, output_id from invocations
        where model_id = ${modelId} and source = 'computed' order by model_id desc, input_id desc, seed desc limit ${NEWEST}) as newest
      ${joined}) as figures`;
}

/** Sum and number of a figure of a model's vectors, for the newest artifacts. */
export function newestVectors(modelId: number): SQL {
  return sql`
    select coalesce(sum(compute_ms), 0) as sum, count(*) as count from (
      select compute_ms from vectors
      where model_id = ${modelId} order by model_id desc, artifact_id desc, sha256 desc limit ${NEWEST}) as newest`;
}

/** Counts for people. Read-only; `progress` is cheap enough for one call a second on a large experiment. */
export function summaryQueries(db: Database) {
  const { read, rows: rowsOf } = db;
  const { found, only } = queryRunner(db);

  /** The row of a query by hand that always has one. */
  function* onlyRow<T>(query: SQL): Work<T> {
    return (yield* rowsOf<T>(query))[0]!;
  }

  async function progress(experimentId: string): Promise<Progress> {
    return read(() => progressOf(experimentId));
  }

  function* progressOf(experiment: string): Work<Progress> {
    const byStatus = yield* found(runTotals({ experiment }, OVER_RUNS, ['status']));
    const runs = noRuns();
    const total = { invocations: 0, invocationsExpected: 0, invocationsHeld: 0, trajectoriesEnded: 0 };
    for (const row of byStatus) {
      runs[row.status] = row.runs;
      total.invocations += row.made;
      // A failed run is not expected to make further invocations.
      total.invocationsExpected += row.status === 'failed' ? row.made : row.expected;
      total.invocationsHeld += row.status === 'failed' ? 0 : row.held;
      total.trajectoriesEnded += row.ended;
    }
    const { diagrams } = yield* only(diagramTotals({ experiment }, { diagrams: { over: 'rows' } }));
    return { runs, ...total, diagrams };
  }

  /**
   * Stored surrogates of runs that are not finished. A finished run has all of its surrogates, and a repeated
   * count of them would take long.
   */
  async function surrogatesOfUnfinished(experimentId: string): Promise<number> {
    const { stored } = await read(() =>
      onlyRow<{ stored: number }>(sql`
        select count(*) as stored from runs
        join diagrams on diagrams.run_id = runs.id join surrogates on surrogates.diagram_id = diagrams.id
        where runs.experiment_id = ${experimentId} and surrogates.dimension = 0
          and (runs.status in (${sql.raw(quoted(INCOMPLETE_RUN_STATUSES))})
            or (runs.status = 'pending' and (runs.started_at is not null or runs.attempt > 1)))`),
    );
    return stored;
  }

  /**
   * Invocations per second over the last minute, whatever the length of the runs. The time begins anew after
   * a rest, and with the call of the first of these invocations: the time before it, for example to load
   * models, says nothing about their speed.
   */
  async function recentRate(experimentId: string, now: number): Promise<number> {
    return read(() => recent(experimentId, now));
  }

  function* recent(experimentId: string, now: number): Work<number> {
    const [, restedUntil = -Infinity] = (yield* restsOf(experimentId, now)).at(-1) ?? [];
    const since = Math.max(now - RECENT_MS, restedUntil);
    const { made, began } = yield* onlyRow<{ made: number; began: number | null }>(
      recentQuery(experimentId, since),
    );
    const ms = now - Math.max(since, began ?? now);
    return ms > 0 ? (1000 * made) / ms : 0;
  }

  /** The rests of an experiment. If it is paused now, the last rest ends now. */
  function* restsOf(experimentId: string, now: number): Work<readonly Rest[]> {
    const [row] = yield* rowsOf<{ rests: string | null; paused: number | null }>(
      sql`select rests, paused_at as paused from experiments where id = ${experimentId}`,
    );
    const rests = storedRests(row?.rests ?? null);
    return row?.paused == null ? rests : [...rests, [row.paused, now]];
  }

  async function summary(experimentId: string): Promise<Summary> {
    return read(() => summaryOf(experimentId));
  }

  function* summaryOf(experiment: string): Work<Summary> {
    const invocations = { computed: 0, reused: 0, cycle: 0 };
    const bySource = yield* found(stepTotals({ experiment }, { made: { over: 'rows' } }, ['source']));
    for (const { source, made } of bySource) invocations[source] = made;
    const { first, last, outputs, cut } = yield* only(stepTotals({ experiment }, OVER_STEPS));
    const rested =
      first === null || last === null ? 0 : restedMs(yield* restsOf(experiment, last), first, last);
    const cycles = yield* only(runTotals({ experiment }, OVER_CYCLES));
    const embedded = yield* only(embeddingTotals({ experiment }, OVER_EMBEDDINGS));
    const { diagrams } = yield* only(diagramTotals({ experiment }, { diagrams: { over: 'rows' } }));
    const entropy = yield* found(
      dimensionTotals({ experiment }, OVER_DIMENSIONS, ['model.name', 'dimension']),
    );
    return {
      invocations,
      distinctOutputs: outputs,
      outputsCut: cut,
      ...cycles,
      ...embedded,
      diagrams,
      entropy: entropy.map(({ 'model.name': model, ...row }) => ({
        model: model ?? 'a missing model',
        ...row,
      })),
      firstInvocationAt: first,
      lastInvocationAt: last,
      restedMs: rested,
    };
  }

  /** By name over all revisions of a model: the mean of the figure that `newest` gives for each revision. */
  async function meansOf(kind: 'generative' | 'embedding', newest: (modelId: number) => SQL) {
    const sums = new Map<string, { sum: number; count: number }>();
    const known = await read(() =>
      rowsOf<{ id: number; name: string }>(sql`select id, name from models where kind = ${kind} order by id`),
    );
    for (const { id, name } of known) {
      const { sum, count } = await read(() => onlyRow<{ sum: number; count: number }>(newest(id)));
      const before = sums.get(name) ?? { sum: 0, count: 0 };
      sums.set(name, { sum: before.sum + sum, count: before.count + count });
    }
    return new Map(
      [...sums].flatMap(([name, { sum, count }]) => (count === 0 ? [] : [[name, sum / count] as const])),
    );
  }

  /**
   * Mean compute time by model name, over the newest thousand inputs of each model: milliseconds per
   * invocation.
   */
  async function invocationMs(): Promise<Map<string, number>> {
    return meansOf('generative', (model) => newestCalls(model, sql`compute_ms`, sql``));
  }

  /** Mean compute time of a vector by embedding model, over its newest thousand: milliseconds. */
  async function vectorMs(): Promise<Map<string, number>> {
    return meansOf('embedding', newestVectors);
  }

  /**
   * Mean size of a stored picture by the model that painted it, over the newest thousand inputs of each
   * model: bytes.
   */
  async function imageBytes(): Promise<Map<string, number>> {
    return meansOf('generative', (model) =>
      newestCalls(
        model,
        sql.raw(`case when ${hasObject()} then artifacts.byte_length end`),
        sql`join artifacts on artifacts.id = output_id`,
      ),
    );
  }

  return { progress, surrogatesOfUnfinished, recentRate, summary, invocationMs, vectorMs, imageBytes };
}
