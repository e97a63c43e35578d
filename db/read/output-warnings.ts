import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { Database } from '../connection/database.js';
import type { Work } from '../connection/work.js';
import { queryRunner } from './query.js';
import { stepTotals } from './totals.js';

/**
 * An embedding model that gave distinct outputs the same vector: a diagram of one point says nothing about
 * them.
 */
export interface SharedVectors {
  readonly model: string;
  /** Whether all distinct outputs of all examined runs share the vector. */
  readonly everywhere: boolean;
  /** Runs whose distinct outputs all share one vector. */
  readonly runs: number;
}

export type OutputWarningQueries = ReturnType<typeof outputWarningQueries>;

export function outputWarningQueries(db: Database) {
  const { read, rows: rowsOf } = db;
  const { only } = queryRunner(db);

  /**
   * The embedding models of an experiment, or of one of its runs, that gave one vector to all of two or more
   * distinct outputs. For a healthy model the query reads two vectors and the rows of the diagrams.
   */
  async function sharedVectors(
    experimentId: string,
    models: readonly string[],
    runId: number | null = null,
  ): Promise<SharedVectors[]> {
    return read(() => sharedOf(experimentId, models, runId));
  }

  function* sharedOf(
    experimentId: string,
    names: readonly string[],
    runId: number | null,
  ): Work<SharedVectors[]> {
    const found: SharedVectors[] = [];
    const ofScope = runId === null ? sql`r.experiment_id = ${experimentId}` : sql`r.id = ${runId}`;
    for (const name of names) {
      const ids = yield* rowsOf<{ id: number }>(
        sql`select id from models where name = ${name} and kind = 'embedding' order by id`,
      );
      for (const { id } of ids) {
        const everywhere = yield* allShareOne(ofScope, id);
        const runs = yield* runsThatShare(ofScope, id);
        if (everywhere || runs > 0) found.push({ model: name, everywhere, runs });
      }
    }
    return found;
  }

  function* allShareOne(ofScope: SQL, model: number): Work<boolean> {
    const embedded = sql`
      from runs r join invocations i on i.run_id = r.id join embeddings e on e.invocation_id = i.id
      join vectors v on v.id = e.vector_id where ${ofScope} and e.model_id = ${model}`;
    const [first] = yield* rowsOf<{ output: number; sha256: Buffer }>(
      sql`select i.output_id as output, v.sha256 as sha256 ${embedded} limit 1`,
    );
    if (first === undefined) return false;
    const { output, sha256 } = first;
    const others = yield* rowsOf(sql`select 1 as one ${embedded} and v.sha256 <> ${sha256} limit 1`);
    if (others.length > 0) return false;
    return (yield* rowsOf(sql`select 1 as one ${embedded} and i.output_id <> ${output} limit 1`)).length > 0;
  }

  function* runsThatShare(ofScope: SQL, model: number): Work<number> {
    const embedded = sql`
      from invocations i join embeddings e on e.invocation_id = i.id
      where i.run_id = r.id and e.model_id = ${model}`;
    const [counted] = yield* rowsOf<{ runs: number }>(sql`
      select count(*) as runs from runs r join diagrams d on d.run_id = r.id
      where ${ofScope} and d.model_id = ${model} and d.distinct_point_count = 1 and d.point_count > 1
        -- Depends on the diagram, so that no step of any other run is read, and reads each step once.
        and case when d.distinct_point_count = 1 and d.point_count > 1
          then (select min(i.output_id) <> max(i.output_id) ${embedded}) else false end`);
    return counted!.runs;
  }

  /** Invocations of an experiment whose output stopped at the limit of tokens. */
  async function outputsCut(experimentId: string): Promise<number> {
    const query = stepTotals({ experiment: experimentId }, { cut: { over: 'values', of: 'outputCut' } });
    return (await read(() => only(query))).cut;
  }

  return { sharedVectors, outputsCut };
}
