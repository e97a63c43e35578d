import { getTableName } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import { PanicError } from '../../common/errors.js';
import {
  artifacts,
  diagramDimensions,
  diagrams,
  embeddings,
  experiments,
  failures,
  hosts,
  invocations,
  models,
  promptVectors,
  runCurves,
  runs,
  runStatistics,
  surrogates,
  vectors,
} from '../schema.js';
import { columnNames, columnsOf, joinedColumns } from '../columns.js';
import type { ColumnSql, Joined, Row } from '../columns.js';

export type StoredExperiment = Row<typeof experiments>;
export type StoredRun = Row<typeof runs>;
export type StoredInvocation = Row<typeof invocations>;
export type StoredEmbedding = Row<typeof embeddings>;
export type StoredPromptVector = Row<typeof promptVectors>;
export type StoredVector = Row<typeof vectors>;
export type StoredDiagram = Row<typeof diagrams>;
export type StoredDimension = Row<typeof diagramDimensions>;
export type StoredStatistics = Row<typeof runStatistics>;
export type StoredCurve = Row<typeof runCurves>;
export type StoredSurrogate = Row<typeof surrogates>;
export type StoredFailure = Row<typeof failures>;
export type StoredArtifact = Row<typeof artifacts>;
export type StoredModel = Row<typeof models>;
export type StoredHost = Row<typeof hosts>;

/** The columns that a reader can give of a row: its own, and those of the rows that it points at. */
export type RunRecord = StoredRun & Joined<'prompt', StoredArtifact> & RunProgress;

/** How far a run is, computed from its row and its last step. */
interface RunProgress {
  /** The number of its steps so far. */
  readonly made: number;
  /** The number of its steps in the end, if no further cycle is found. */
  readonly expected: number;
  /** How many of its steps to come wait because a user holds the run alone. */
  readonly held: number;
}
export type StepRecord = StoredInvocation &
  Joined<'run', StoredRun> &
  Joined<'model', StoredModel> &
  Joined<'output', StoredArtifact> &
  Joined<'host', StoredHost>;
export type EmbeddingRecord = StoredEmbedding & {
  readonly sequence: number;
  readonly outputId: number;
} & Joined<'run', StoredRun> &
  Joined<'model', StoredModel> &
  Joined<'vector', StoredVector>;
export type VectorRecord = StoredVector & Joined<'model', StoredModel> & Joined<'artifact', StoredArtifact>;
export type PromptVectorRecord = StoredPromptVector &
  Joined<'model', StoredModel> &
  Joined<'vector', StoredVector> &
  Joined<'artifact', StoredArtifact>;
export type DiagramRecord = StoredDiagram & Joined<'run', StoredRun> & Joined<'model', StoredModel>;
export type DimensionRecord = StoredDimension &
  Joined<'run', StoredRun> &
  Joined<'diagram', StoredDiagram> &
  Joined<'model', StoredModel>;
export type StatisticsRecord = StoredStatistics & Joined<'run', StoredRun> & Joined<'model', StoredModel>;
export type SurrogateRecord = StoredSurrogate &
  Joined<'run', StoredRun> &
  Joined<'diagram', StoredDiagram> &
  Joined<'model', StoredModel>;

/**
 * Rows of one kind: the SQL of their columns, which of these are their own, and the tables that they come
 * from.
 */
export interface Source<R, Own extends keyof R & string> {
  readonly columns: ColumnSql<R>;
  readonly own: readonly Own[];
  readonly from: string;
  /** The rows that they point at. The query joins each one only if it names a column of it. */
  readonly joins: readonly Join[];
}

interface Join {
  /** The prefix of its columns in a row. */
  readonly prefix: string;
  /** The name of its table in the SQL. */
  readonly alias: string;
  readonly sql: string;
}

/** The tables of a query that names these columns, and whose conditions and order are `rest`. */
export function tablesOf<R, Own extends keyof R & string>(
  { from: table, joins }: Source<R, Own>,
  names: readonly string[],
  rest: string,
): string {
  const needed = joins.filter(
    ({ prefix, alias }) => names.some((name) => name.startsWith(`${prefix}.`)) || rest.includes(` ${alias}.`),
  );
  return [table, ...needed.map(({ sql }) => sql)].join(' ');
}

/** A left join: it also reads a row of a damaged store whose other row is missing. */
function join(prefix: string, table: SQLiteTable, alias: string, id: string): Join {
  return { prefix, alias, sql: `left join ${getTableName(table)} ${alias} on ${alias}.id = ${id}` };
}

/** The vectors that the steps of a run have by a model. */
export const VECTORS_OF_RUN = `v.id in (
    select e.vector_id from invocations i join embeddings e on e.invocation_id = i.id where i.run_id = ? and e.model_id = ?)`;

/** The order of the rows of several models: by name, then revision and settings. */
export const BY_MODEL = 'm.name, m.revision, m.settings';

const model = joinedColumns('model', models, 'm');
const run = joinedColumns('run', runs, 'r');
const OF_DIAGRAM = [join('run', runs, 'r', 'd.run_id'), join('model', models, 'm', 'd.model_id')];

export const EXPERIMENTS: Source<StoredExperiment, keyof StoredExperiment> = {
  columns: columnsOf(experiments, 'x'),
  own: columnNames(experiments),
  from: 'experiments x',
  joins: [],
};

/**
 * A run that waits for its first attempt has no step, and a query that looks for the last step of each such
 * run would be slow.
 */
const MADE = `case
  when r.length is not null then r.length
  when r.status <> 'pending' or r.started_at is not null or r.attempt > 1
    then coalesce((select max(last.sequence) + 1 from invocations last where last.run_id = r.id), 0)
  else 0 end`;

const PROGRESS: ColumnSql<RunProgress> = {
  made: MADE,
  expected: 'coalesce(r.length, r.max_length)',
  held: `case when r.hold is null or r.length is not null then 0 else r.max_length - ${MADE} end`,
};

export const RUNS: Source<RunRecord, keyof StoredRun> = {
  columns: { ...columnsOf(runs, 'r'), ...joinedColumns('prompt', artifacts, 'p'), ...PROGRESS },
  own: columnNames(runs),
  from: 'runs r',
  joins: [join('prompt', artifacts, 'p', 'r.prompt_id')],
};

export const STEPS: Source<StepRecord, keyof StoredInvocation> = {
  columns: {
    ...columnsOf(invocations, 'i'),
    ...run,
    ...model,
    ...joinedColumns('output', artifacts, 'o'),
    ...joinedColumns('host', hosts, 'h'),
  },
  own: columnNames(invocations),
  from: 'invocations i',
  joins: [
    join('run', runs, 'r', 'i.run_id'),
    join('model', models, 'm', 'i.model_id'),
    join('output', artifacts, 'o', 'i.output_id'),
    join('host', hosts, 'h', 'i.host_id'),
  ],
};

export const EMBEDDINGS: Source<EmbeddingRecord, keyof StoredEmbedding | 'sequence' | 'outputId'> = {
  columns: {
    ...columnsOf(embeddings, 'e'),
    sequence: 'i.sequence',
    outputId: 'i.output_id',
    ...run,
    ...model,
    ...joinedColumns('vector', vectors, 'v'),
  },
  own: [...columnNames(embeddings), 'sequence', 'outputId'],
  from: 'invocations i join embeddings e on e.invocation_id = i.id',
  joins: [
    join('run', runs, 'r', 'i.run_id'),
    join('model', models, 'm', 'e.model_id'),
    join('vector', vectors, 'v', 'e.vector_id'),
  ],
};

export const VECTORS: Source<VectorRecord, keyof StoredVector> = {
  columns: { ...columnsOf(vectors, 'v'), ...model, ...joinedColumns('artifact', artifacts, 'a') },
  own: columnNames(vectors),
  from: 'vectors v',
  joins: [join('model', models, 'm', 'v.model_id'), join('artifact', artifacts, 'a', 'v.artifact_id')],
};

export const PROMPT_VECTORS: Source<PromptVectorRecord, keyof StoredPromptVector> = {
  columns: {
    ...columnsOf(promptVectors, 'q'),
    ...model,
    ...joinedColumns('vector', vectors, 'v'),
    ...joinedColumns('artifact', artifacts, 'a'),
  },
  own: columnNames(promptVectors),
  from: 'prompt_vectors q',
  joins: [
    join('model', models, 'm', 'q.model_id'),
    join('vector', vectors, 'v', 'q.vector_id'),
    join('artifact', artifacts, 'a', 'q.artifact_id'),
  ],
};

export const DIAGRAMS: Source<DiagramRecord, keyof StoredDiagram> = {
  columns: { ...columnsOf(diagrams, 'd'), ...run, ...model },
  own: columnNames(diagrams),
  from: 'diagrams d',
  joins: OF_DIAGRAM,
};

export const DIMENSIONS: Source<DimensionRecord, keyof StoredDimension> = {
  columns: {
    ...columnsOf(diagramDimensions, 'k'),
    ...joinedColumns('diagram', diagrams, 'd'),
    ...run,
    ...model,
  },
  own: columnNames(diagramDimensions),
  from: 'diagrams d join diagram_dimensions k on k.diagram_id = d.id',
  joins: OF_DIAGRAM,
};

export const SURROGATES: Source<SurrogateRecord, keyof StoredSurrogate> = {
  columns: {
    ...columnsOf(surrogates, 's'),
    ...joinedColumns('diagram', diagrams, 'd'),
    ...run,
    ...model,
  },
  own: columnNames(surrogates),
  from: 'diagrams d join surrogates s on s.diagram_id = d.id',
  joins: OF_DIAGRAM,
};

export const STATISTICS: Source<StatisticsRecord, keyof StoredStatistics> = {
  columns: { ...columnsOf(runStatistics, 't'), ...run, ...model },
  own: columnNames(runStatistics),
  from: 'run_statistics t',
  joins: [join('run', runs, 'r', 't.run_id'), join('model', models, 'm', 't.model_id')],
};

export const CURVES: Source<StoredCurve, keyof StoredCurve> = {
  columns: columnsOf(runCurves, 'c'),
  own: columnNames(runCurves),
  from: 'run_curves c',
  joins: [],
};

export const FAILURES: Source<StoredFailure, keyof StoredFailure> = {
  columns: columnsOf(failures, 'f'),
  own: columnNames(failures),
  from: 'failures f',
  joins: [],
};

export const ARTIFACTS: Source<StoredArtifact, keyof StoredArtifact> = {
  columns: columnsOf(artifacts, 'a'),
  own: columnNames(artifacts),
  from: 'artifacts a',
  joins: [],
};

export const MODELS: Source<StoredModel, keyof StoredModel> = {
  columns: columnsOf(models, 'm'),
  own: columnNames(models),
  from: 'models m',
  joins: [],
};

/** The failure of a reader that needs the model of a row in a damaged store. */
export function missingModel(): PanicError {
  return new PanicError(
    'StoreConflict',
    'a row points at a model that is missing; "panic-tda doctor" names it',
  );
}
