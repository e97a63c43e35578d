import { and, eq, inArray, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { COMPLETE_EXPERIMENT_STATUSES } from '../../../experiment/experiment-status.js';
import { UNFINISHED_RUN_STATUSES } from '../../../experiment/run-status.js';
import { DIAGRAM_STATISTICS, measured } from '../../../experiment/statistics.js';
import type { BarMeasures } from '../../../experiment/statistics.js';
import { float32s } from '../../float32.js';
import type { Database } from '../../connection/database.js';
import {
  diagramDimensions,
  diagrams,
  embeddings,
  experiments,
  failures,
  invocations,
  promptVectors,
  runCurves,
  runs,
  runStatistics,
  surrogates,
  vectors,
} from '../../schema.js';
import { all, run } from '../../connection/work.js';
import type { Work } from '../../connection/work.js';

/**
 * The number of values in one statement: SQLite takes 32,766 (https://sqlite.org/limits.html,
 * SQLITE_MAX_VARIABLE_NUMBER), Postgres 65,535. It is also the number of rows that one transaction changes.
 */
const BATCH = 1000;

function* batchesOf<T>(values: readonly T[]): Generator<T[]> {
  for (let from = 0; from < values.length; from += BATCH) yield values.slice(from, from + BATCH);
}

/** Deletes derived rows and makes their runs unfinished, so that the next `resume` makes the rows again. */
export function derivedRows({ build, write }: Database) {
  /**
   * Makes finished runs unfinished, and sets completed experiments with unfinished runs to planned. The run
   * gets a new attempt, as for a retry: earlier failures do not count against it.
   */
  function* reopen(ids: readonly number[]): Work<void> {
    for (const some of batchesOf(ids)) {
      yield* run(
        build
          .update(runs)
          .set({ status: 'pending', finishedAt: null, attempt: sql`${runs.attempt} + 1` })
          .where(and(inArray(runs.id, some), eq(runs.status, 'finished'))),
      );
      yield* reopenExperiments(
        sql`${experiments.id} in (select ${runs.experimentId} from ${runs} where ${inArray(runs.id, some)})`,
      );
    }
  }

  /**
   * An unfinished experiment has no time of its end. An experiment that a workflow drives keeps its driver.
   */
  function* reopenExperiments(which: SQL): Work<void> {
    yield* run(
      build
        .update(experiments)
        .set({ status: 'planned', finishedAt: null, error: null })
        .where(
          and(
            which,
            inArray(experiments.status, COMPLETE_EXPERIMENT_STATUSES),
            sql`exists (select 1 from ${runs} where ${runs.experimentId} = ${experiments.id} and ${inArray(runs.status, UNFINISHED_RUN_STATUSES)})`,
          ),
        ),
    );
  }

  async function reopenRuns(ids: readonly number[]): Promise<void> {
    await write(() => reopen(ids));
  }

  async function deleteEmbeddings(
    pairs: readonly { readonly invocation: number; readonly model: number }[],
  ): Promise<void> {
    await write(function* () {
      for (const { invocation, model } of pairs) {
        const of = yield* all(
          build.select({ run: invocations.runId }).from(invocations).where(eq(invocations.id, invocation)),
        );
        yield* run(
          build
            .delete(embeddings)
            .where(and(eq(embeddings.invocationId, invocation), eq(embeddings.modelId, model))),
        );
        yield* reopen(of.map((row) => row.run));
      }
    });
  }

  /**
   * Deletes vectors with the rows that point at them, which may be steps of every run. It deletes those rows
   * first, some at a time, and makes their runs unfinished: so the store is sound wherever the process ends.
   */
  async function deleteVectors(ids: readonly number[]): Promise<void> {
    for (const some of batchesOf(ids)) {
      const pointing = inArray(embeddings.vectorId, some);
      while ((await write(() => detached(pointing))) === BATCH);
      await write(function* () {
        yield* run(build.delete(promptVectors).where(inArray(promptVectors.vectorId, some)));
        yield* run(build.delete(vectors).where(inArray(vectors.id, some)));
      });
    }
  }

  /** Deletes embeddings, at most a batch of them, and makes their runs unfinished. Returns their number. */
  function* detached(which: SQL): Work<number> {
    const some = yield* all(
      build
        .select({ invocation: embeddings.invocationId, run: invocations.runId })
        .from(embeddings)
        // A broken embedding may point at no invocation.
        .leftJoin(invocations, eq(invocations.id, embeddings.invocationId))
        .where(which)
        .limit(BATCH),
    );
    if (some.length === 0) return 0;
    const steps = some.map(({ invocation }) => invocation);
    yield* run(build.delete(embeddings).where(and(inArray(embeddings.invocationId, steps), which)));
    yield* reopen([...new Set(some.flatMap((row) => row.run ?? []))]);
    return some.length;
  }

  /** Deletes the vectors of artifacts with the rows that point at them. */
  function* deletedVectors(artifacts: readonly number[]): Work<void> {
    const theirs = build
      .select({ id: vectors.id })
      .from(vectors)
      .where(inArray(vectors.artifactId, [...artifacts]));
    while ((yield* detached(inArray(embeddings.vectorId, theirs))) === BATCH);
    yield* run(build.delete(promptVectors).where(inArray(promptVectors.vectorId, theirs)));
    yield* run(build.delete(vectors).where(inArray(vectors.artifactId, [...artifacts])));
  }

  /** The next run of an experiment with these prompts gives them their vectors again. */
  async function deletePromptVectors(
    pairs: readonly { readonly artifact: number; readonly model: number }[],
  ): Promise<void> {
    await write(function* () {
      for (const { artifact, model } of pairs) {
        const row = and(eq(promptVectors.artifactId, artifact), eq(promptVectors.modelId, model));
        yield* run(build.delete(promptVectors).where(row));
      }
    });
  }

  /** Deletes the numbers of trajectories with their curves. The run stays finished: it can do without. */
  async function deleteStatistics(ids: readonly number[]): Promise<void> {
    await write(function* () {
      // If the row of the numbers is missing, no cascade deletes its curves.
      yield* run(build.delete(runCurves).where(inArray(runCurves.statisticsId, [...ids])));
      yield* run(build.delete(runStatistics).where(inArray(runStatistics.id, [...ids])));
    });
  }

  /** Deletes diagrams with their dimensions and surrogates. */
  async function deleteDiagrams(ids: readonly number[]): Promise<void> {
    await write(function* () {
      const of = yield* all(
        build
          .select({ run: diagrams.runId })
          .from(diagrams)
          .where(inArray(diagrams.id, [...ids])),
      );
      yield* run(build.delete(diagrams).where(inArray(diagrams.id, [...ids])));
      // If the diagram's own row is missing, no cascade deletes these.
      for (const table of ['diagram_dimensions', 'surrogates']) {
        yield* run({
          run: () =>
            build.run(
              sql`delete from ${sql.identifier(table)} where diagram_id in ${[...ids]} and not exists (select 1 from diagrams where id = diagram_id)`,
            ),
        });
      }
      yield* reopen(of.map((row) => row.run));
    });
  }

  /** Sets the numbers of diagrams to the values that their bars give. */
  async function measureDiagrams(ids: readonly number[], measures: BarMeasures): Promise<void> {
    for (const id of ids) await write(() => measureDiagram(id, measures));
  }

  function* measureDiagram(id: number, measures: BarMeasures): Work<void> {
    const rows = yield* all(
      build.select().from(diagramDimensions).where(eq(diagramDimensions.diagramId, id)),
    );
    for (const { dimension, bars } of rows) {
      yield* run(
        build
          .update(diagramDimensions)
          .set(measured(float32s(bars), measures, DIAGRAM_STATISTICS))
          .where(and(eq(diagramDimensions.diagramId, id), eq(diagramDimensions.dimension, dimension))),
      );
    }
  }

  async function deleteSurrogates(
    keys: readonly { readonly diagram: number; readonly surrogate: string; readonly index: number }[],
  ): Promise<void> {
    await write(function* () {
      for (const { diagram, surrogate, index } of keys) {
        yield* run(
          build
            .delete(surrogates)
            .where(
              and(
                eq(surrogates.diagramId, diagram),
                sql`${surrogates.kind} = ${surrogate}`,
                eq(surrogates.surrogateIndex, index),
              ),
            ),
        );
        const of = yield* all(
          build.select({ run: diagrams.runId }).from(diagrams).where(eq(diagrams.id, diagram)),
        );
        yield* reopen(of.map((row) => row.run));
      }
    });
  }

  async function deleteFailures(ids: readonly number[]): Promise<void> {
    await write(() => run(build.delete(failures).where(inArray(failures.id, [...ids]))));
  }

  return {
    reopen,
    reopenExperiments,
    reopenRuns,
    deleteEmbeddings,
    deletePromptVectors,
    deleteVectors,
    deletedVectors,
    deleteStatistics,
    deleteDiagrams,
    measureDiagrams,
    deleteSurrogates,
    deleteFailures,
  };
}

export type DerivedRows = ReturnType<typeof derivedRows>;
