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
  runs,
  surrogates,
  vectors,
} from '../schema.js';
import { columnNames, columnsOf, joinedColumns } from '../columns.js';
import type { ColumnSql, Joined, Row } from '../columns.js';

export type StoredExperiment = Row<typeof experiments>;
export type StoredRun = Row<typeof runs>;
export type StoredInvocation = Row<typeof invocations>;
export type StoredEmbedding = Row<typeof embeddings>;
export type StoredVector = Row<typeof vectors>;
export type StoredDiagram = Row<typeof diagrams>;
export type StoredDimension = Row<typeof diagramDimensions>;
export type StoredSurrogate = Row<typeof surrogates>;
export type StoredFailure = Row<typeof failures>;
export type StoredArtifact = Row<typeof artifacts>;
export type StoredModel = Row<typeof models>;
export type StoredHost = Row<typeof hosts>;

/** What a reader can give of a row: its own columns, and those of the rows that it points at. */
export type RunRecord = StoredRun & Joined<'prompt', StoredArtifact>;
export type StepRecord = StoredInvocation &
  Joined<'model', StoredModel> &
  Joined<'output', StoredArtifact> &
  Joined<'host', StoredHost>;
export type EmbeddingRecord = StoredEmbedding & {
  readonly sequence: number;
  readonly outputId: number;
} & Joined<'model', StoredModel> &
  Joined<'vector', StoredVector>;
export type VectorRecord = StoredVector & Joined<'model', StoredModel> & Joined<'artifact', StoredArtifact>;
export type DiagramRecord = StoredDiagram & Joined<'model', StoredModel>;
export type DimensionRecord = StoredDimension &
  Joined<'diagram', StoredDiagram> &
  Joined<'model', StoredModel>;
export type SurrogateRecord = StoredSurrogate &
  Joined<'diagram', StoredDiagram> &
  Joined<'model', StoredModel>;

/** Rows of one kind: the SQL of their columns, which of these are their own, and where they come from. */
export interface Source<R, Own extends keyof R & string> {
  readonly columns: ColumnSql<R>;
  readonly own: readonly Own[];
  readonly from: string;
}

/** In which the rows of several models are told: by name, then revision and settings. */
export const BY_MODEL = 'm.name, m.revision, m.settings';

const model = joinedColumns('model', models, 'm');

/**
 * What is joined is joined from the left: a row of a damaged store whose other row is missing is read as well. A table of which no
 * column is asked for costs SQLite nothing (https://sqlite.org/optoverview.html#the_omit_left_join_optimization).
 */
export const EXPERIMENTS: Source<StoredExperiment, keyof StoredExperiment> = {
  columns: columnsOf(experiments, 'x'),
  own: columnNames(experiments),
  from: 'experiments x',
};

export const RUNS: Source<RunRecord, keyof StoredRun> = {
  columns: { ...columnsOf(runs, 'r'), ...joinedColumns('prompt', artifacts, 'p') },
  own: columnNames(runs),
  from: 'runs r left join artifacts p on p.id = r.prompt_id',
};

export const STEPS: Source<StepRecord, keyof StoredInvocation> = {
  columns: {
    ...columnsOf(invocations, 'i'),
    ...model,
    ...joinedColumns('output', artifacts, 'o'),
    ...joinedColumns('host', hosts, 'h'),
  },
  own: columnNames(invocations),
  from: `invocations i left join models m on m.id = i.model_id left join artifacts o on o.id = i.output_id
    left join hosts h on h.id = i.host_id`,
};

export const EMBEDDINGS: Source<EmbeddingRecord, keyof StoredEmbedding | 'sequence' | 'outputId'> = {
  columns: {
    ...columnsOf(embeddings, 'e'),
    sequence: 'i.sequence',
    outputId: 'i.output_id',
    ...model,
    ...joinedColumns('vector', vectors, 'v'),
  },
  own: [...columnNames(embeddings), 'sequence', 'outputId'],
  from: `invocations i join embeddings e on e.invocation_id = i.id left join models m on m.id = e.model_id
    left join vectors v on v.id = e.vector_id`,
};

export const VECTORS: Source<VectorRecord, keyof StoredVector> = {
  columns: { ...columnsOf(vectors, 'v'), ...model, ...joinedColumns('artifact', artifacts, 'a') },
  own: columnNames(vectors),
  from: 'vectors v left join models m on m.id = v.model_id left join artifacts a on a.id = v.artifact_id',
};

export const DIAGRAMS: Source<DiagramRecord, keyof StoredDiagram> = {
  columns: { ...columnsOf(diagrams, 'd'), ...model },
  own: columnNames(diagrams),
  from: 'diagrams d left join models m on m.id = d.model_id',
};

export const DIMENSIONS: Source<DimensionRecord, keyof StoredDimension> = {
  columns: { ...columnsOf(diagramDimensions, 'k'), ...joinedColumns('diagram', diagrams, 'd'), ...model },
  own: columnNames(diagramDimensions),
  from: `diagrams d left join models m on m.id = d.model_id join diagram_dimensions k on k.diagram_id = d.id`,
};

export const SURROGATES: Source<SurrogateRecord, keyof StoredSurrogate> = {
  columns: { ...columnsOf(surrogates, 's'), ...joinedColumns('diagram', diagrams, 'd'), ...model },
  own: columnNames(surrogates),
  from: 'diagrams d left join models m on m.id = d.model_id join surrogates s on s.diagram_id = d.id',
};

export const FAILURES: Source<StoredFailure, keyof StoredFailure> = {
  columns: columnsOf(failures, 'f'),
  own: columnNames(failures),
  from: 'failures f',
};

export const ARTIFACTS: Source<StoredArtifact, keyof StoredArtifact> = {
  columns: columnsOf(artifacts, 'a'),
  own: columnNames(artifacts),
  from: 'artifacts a',
};

export const MODELS: Source<StoredModel, keyof StoredModel> = {
  columns: columnsOf(models, 'm'),
  own: columnNames(models),
  from: 'models m',
};
