import type { Database, Snapshot, SqlValue } from '../connection/database.js';
import { selected } from '../columns.js';
import { hasObject } from '../tables/has-object.js';
import * as from from './rows.js';
import { BY_MODEL, tablesOf } from './rows.js';
import type {
  DiagramRecord,
  DimensionRecord,
  EmbeddingRecord,
  PromptVectorRecord,
  RunRecord,
  Source,
  StatisticsRecord,
  StepRecord,
  StoredArtifact,
  StoredCurve,
  StoredDiagram,
  StoredDimension,
  StoredEmbedding,
  StoredExperiment,
  StoredFailure,
  StoredInvocation,
  StoredModel,
  StoredPromptVector,
  StoredRun,
  StoredStatistics,
  StoredSurrogate,
  StoredVector,
  SurrogateRecord,
  VectorRecord,
} from './rows.js';
import type { Query } from './query.js';
import { vectorPortions } from './vector-portions.js';
import type { VectorPortion } from './vector-portions.js';

/** Rows of a diagram, or of all diagrams of a run. */
export type OfDiagram = { readonly diagram: number } | { readonly run: number };

export type ExperimentReader = ReturnType<typeof experimentReader>;

/**
 * Reads an experiment row by row, from an SQLite file or a Postgres database, as it is at the moment of the
 * snapshot. The reader fetches rows when the caller asks for them, and keeps none: SQLite steps through its
 * statement, and Postgres returns 500 rows of a cursor at a time. So an experiment of any size needs the same
 * memory, and the reader waits for a slow caller. Several readings may be open side by side.
 *
 * Each method gives every column of its table, also one that a later migration adds, unless `names` selects
 * some. A prefix selects the columns of the rows that a row points at: `model.name`, `output.text`. Give
 * `names` as a constant: the reader keeps the text of the query by it.
 *
 * A reading ends with its last row, with `return()`, or when the caller leaves its `for await`; that closes
 * its statement or cursor. The caller closes the snapshot. In a damaged store a value may be of another type
 * than declared.
 */
export function experimentReader(snapshot: Snapshot) {
  function read<R, Own extends keyof R & string, Name extends keyof R & string = Own>(
    source: Source<R, Own>,
    rest: string,
    values: readonly SqlValue[],
    names?: readonly Name[],
  ): AsyncIterable<Readonly<Pick<R, Name>>> {
    return snapshot.rows<Readonly<Pick<R, Name>>>(queryOf(source, names ?? source.own, rest), ...values);
  }

  return {
    /**
     * Every experiment of the store, also one whose deletion is under way, or the one with an id; in the
     * order of their creation.
     */
    experiments<Name extends keyof StoredExperiment>(
      only: string | null = null,
      names?: readonly Name[],
    ): AsyncIterable<Pick<StoredExperiment, Name>> {
      return only === null
        ? read(from.EXPERIMENTS, 'order by x.created_at, x.id', [], names)
        : read(from.EXPERIMENTS, 'where x.id = ?', [only], names);
    },

    /** The experiments that have a text as a prompt. */
    experimentsOfPrompt<Name extends keyof StoredExperiment>(artifact: number, names?: readonly Name[]) {
      return read(
        from.EXPERIMENTS,
        'where x.id in (select experiment_id from runs where prompt_id = ?) order by x.id',
        [artifact],
        names,
      );
    },

    /** The runs of an experiment by index. */
    runsOf<Name extends keyof RunRecord = keyof StoredRun>(experiment: string, names?: readonly Name[]) {
      return read(from.RUNS, 'where r.experiment_id = ? order by r.run_index, r.id', [experiment], names);
    },

    /** The steps of a run by sequence: all, or those from a sequence on. */
    stepsOf<Name extends keyof StepRecord = keyof StoredInvocation>(
      run: number,
      names?: readonly Name[],
      first: number | null = null,
    ) {
      return first === null
        ? read(from.STEPS, 'where i.run_id = ? order by i.sequence, i.id', [run], names)
        : read(
            from.STEPS,
            'where i.run_id = ? and i.sequence >= ? order by i.sequence, i.id',
            [run, first],
            names,
          );
    },

    /** The steps of an experiment of one source, by the index of their run and their sequence. */
    stepsOfExperiment<Name extends keyof StepRecord = keyof StoredInvocation>(
      experiment: string,
      source: StoredInvocation['source'],
      names?: readonly Name[],
    ) {
      const rest = 'where r.experiment_id = ? and i.source = ? order by r.run_index, i.sequence';
      return read(from.STEPS, rest, [experiment, source], names);
    },

    /**
     * Pairs of the steps of a run and their vectors: by model, then sequence. The rows of one model come
     * without delay; the rows of all models are sorted first.
     */
    embeddingsOf<Name extends keyof EmbeddingRecord = keyof StoredEmbedding | 'sequence' | 'outputId'>(
      run: number,
      names?: readonly Name[],
      model: number | null = null,
    ) {
      return model === null
        ? read(from.EMBEDDINGS, `where i.run_id = ? order by ${BY_MODEL}, i.sequence`, [run], names)
        : read(
            from.EMBEDDINGS,
            'where i.run_id = ? and e.model_id = ? order by i.sequence',
            [run, model],
            names,
          );
    },

    /**
     * The distinct vectors of a run and a model as numbers, with the steps that have each. They come in
     * portions of at most 4 MiB of numbers, by the ids of the vectors. The reader holds a portion and the
     * sequences of its steps. Throws StoreConflict for a vector of another length than the others.
     */
    vectorsOf(run: number, model: number): AsyncGenerator<VectorPortion, void, undefined> {
      return vectorPortions(snapshot, run, model);
    },

    /** The same vectors as rows, in no order. A damaged store may have any bytes there. */
    vectorRowsOf<Name extends keyof VectorRecord = keyof StoredVector>(
      run: number,
      model: number,
      names?: readonly Name[],
    ) {
      return read(from.VECTORS, `where ${from.VECTORS_OF_RUN}`, [run, model], names);
    },

    /**
     * The vectors of a run's prompt, of those models of which its outputs have vectors too; or all rows of the
     * table, in the order of their keys.
     */
    promptVectorsOf<Name extends keyof PromptVectorRecord = keyof StoredPromptVector>(
      run: number | null,
      names?: readonly Name[],
    ) {
      return run === null
        ? read(from.PROMPT_VECTORS, 'order by q.artifact_id, q.model_id', [], names)
        : read(from.PROMPT_VECTORS, `where ${OF_PROMPT} order by q.model_id`, [run, run], names);
    },

    /**
     * Every vector of the store, or each vector of an experiment's outputs and prompts once. In no order.
     */
    storedVectors<Name extends keyof VectorRecord = keyof StoredVector>(
      experiment: string | null,
      names?: readonly Name[],
    ) {
      return experiment === null
        ? read(from.VECTORS, '', [], names)
        : read(from.VECTORS, VECTORS_OF_EXPERIMENT, [experiment, experiment], names);
    },

    /** The diagrams of a run without their bars, in the order of their creation. */
    diagramsOf<Name extends keyof DiagramRecord = keyof StoredDiagram>(run: number, names?: readonly Name[]) {
      return read(from.DIAGRAMS, 'where d.run_id = ? order by d.id', [run], names);
    },

    /**
     * Homology dimensions with their bars (`float32s`: birth, death, birth, death, ...), by dimension; for a
     * run, first by model. The bars of one dimension are in memory at a time.
     */
    dimensionsOf<Name extends keyof DimensionRecord = keyof StoredDimension>(
      of: OfDiagram,
      names?: readonly Name[],
    ) {
      return 'diagram' in of
        ? read(from.DIMENSIONS, 'where d.id = ? order by k.dimension', [of.diagram], names)
        : read(from.DIMENSIONS, `where d.run_id = ? order by ${BY_MODEL}, k.dimension`, [of.run], names);
    },

    /** Surrogates by kind, index and dimension; for a run, first by model. */
    surrogatesOf<Name extends keyof SurrogateRecord = keyof StoredSurrogate>(
      of: OfDiagram,
      names?: readonly Name[],
    ) {
      const order = 's.kind, s.surrogate_index, s.dimension';
      return 'diagram' in of
        ? read(from.SURROGATES, `where d.id = ? order by ${order}`, [of.diagram], names)
        : read(from.SURROGATES, `where d.run_id = ? order by ${BY_MODEL}, ${order}`, [of.run], names);
    },

    /** The numbers of a run's trajectory, by the name of the model. */
    statisticsOf<Name extends keyof StatisticsRecord = keyof StoredStatistics>(
      run: number,
      names?: readonly Name[],
    ) {
      return read(from.STATISTICS, `where t.run_id = ? order by ${BY_MODEL}`, [run], names);
    },

    /** The curves of a row of `run_statistics` by name. One curve is in memory at a time. */
    curvesOf<Name extends keyof StoredCurve = keyof StoredCurve>(
      statistics: number,
      names?: readonly Name[],
    ) {
      return read(from.CURVES, 'where c.statistics_id = ? order by c.name', [statistics], names);
    },

    /** The failed attempts of a run, in the order in which they were recorded. */
    failuresOf<Name extends keyof StoredFailure = keyof StoredFailure>(run: number, names?: readonly Name[]) {
      return read(from.FAILURES, 'where f.run_id = ? order by f.id', [run], names);
    },

    /**
     * Every text and picture of the store, or those of an experiment (as prompts, inputs or outputs) once
     * each, by id. A text is in its row; a picture is an object that its `sha256` names.
     */
    artifactsOf<Name extends keyof StoredArtifact = keyof StoredArtifact>(
      experiment: string | null,
      names?: readonly Name[],
    ) {
      return experiment === null
        ? read(from.ARTIFACTS, 'order by a.id', [], names)
        : read(
            from.ARTIFACTS,
            `where ${OF_EXPERIMENT} order by a.id`,
            [experiment, experiment, experiment],
            names,
          );
    },

    /** The artifacts of an experiment that are objects. */
    objectsOf<Name extends keyof StoredArtifact = keyof StoredArtifact>(
      experiment: string,
      names?: readonly Name[],
    ) {
      const rest = `where ${hasObject('a')} and ${OF_EXPERIMENT} order by a.id`;
      return read(from.ARTIFACTS, rest, [experiment, experiment, experiment], names);
    },

    /** The models of an experiment's steps and vectors, once each: by name, revision and settings. */
    modelsOf<Name extends keyof StoredModel = keyof StoredModel>(
      experiment: string,
      names?: readonly Name[],
    ) {
      return read(
        from.MODELS,
        `${MODELS_OF_EXPERIMENT} order by ${BY_MODEL}`,
        [experiment, experiment],
        names,
      );
    },

    /** Numbers over rows, which the database computes (`totals.ts`): a row for each group. */
    totals<R>({ text, values }: Query<R>): AsyncIterable<R> {
      return snapshot.rows<R>(text, ...values);
    },

    /** The same without groups, which always gives one row. */
    async total<R>({ text, values }: Query<R>): Promise<R> {
      for await (const row of snapshot.rows<R>(text, ...values)) return row;
      throw new Error(`no row: ${text}`);
    },
  };
}

/**
 * At most `most` runs of an experiment from an index on, for a caller that reads them in portions: a snapshot
 * that stays open while a user looks at a long list would keep the log of the database from shrinking.
 */
export function runsFrom<Name extends keyof RunRecord>(
  experiment: string,
  first: number,
  most: number,
  names: readonly Name[],
): Query<Readonly<Pick<RunRecord, Name>>> {
  const rest = 'where r.experiment_id = ? and r.run_index >= ? order by r.run_index limit ?';
  return { text: queryOf(from.RUNS, names, rest), values: [experiment, first, most] };
}

/**
 * Reads a database as it is now. `close` the reader soon: until then, rows that other processes delete keep
 * their room.
 */
export async function openReader(
  db: Pick<Database, 'snapshot'>,
): Promise<ExperimentReader & { close(): Promise<void> }> {
  const snapshot = await db.snapshot();
  return { ...experimentReader(snapshot), close: () => snapshot.close() };
}

const VECTORS_OF_EXPERIMENT = `where v.id in (
    select e.vector_id from runs r join invocations i on i.run_id = r.id join embeddings e on e.invocation_id = i.id
    where r.experiment_id = ?
    union select q.vector_id from runs r join prompt_vectors q on q.artifact_id = r.prompt_id
    where r.experiment_id = ?)`;

const OF_PROMPT = `q.artifact_id = (select prompt_id from runs where id = ?) and exists (
    select 1 from invocations i join embeddings e on e.invocation_id = i.id
    where i.run_id = ? and e.model_id = q.model_id)`;

const OF_EXPERIMENT = `a.id in (
    select prompt_id from runs where experiment_id = ?
    union select i.input_id from runs r join invocations i on i.run_id = r.id where r.experiment_id = ?
    union select i.output_id from runs r join invocations i on i.run_id = r.id where r.experiment_id = ?)`;

const MODELS_OF_EXPERIMENT = `where m.id in (
    select i.model_id from runs r join invocations i on i.run_id = r.id where r.experiment_id = ?
    union select e.model_id from runs r join invocations i on i.run_id = r.id
      join embeddings e on e.invocation_id = i.id where r.experiment_id = ?)`;

/**
 * Texts of queries by the columns that they select. Each is made once, although a caller uses it for each
 * run.
 */
const texts = new WeakMap<readonly string[], Map<string, string>>();

function queryOf<R, Own extends keyof R & string>(
  source: Source<R, Own>,
  names: readonly (keyof R & string)[],
  rest: string,
): string {
  const known = texts.get(names) ?? new Map<string, string>();
  texts.set(names, known);
  const text = known.get(rest) ?? made();
  known.set(rest, text);
  return text;

  function made(): string {
    return `select ${selected(source.columns, names)} from ${tablesOf(source, names, rest)} ${rest}`;
  }
}
