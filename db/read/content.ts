import { createHash } from 'node:crypto';
import { canonicalJson } from '../../experiment/ids.js';
import {
  BAR_STATISTICS,
  DIAGRAM_COUNTS,
  DIAGRAM_COUNT_NAMES,
  DIAGRAM_STATISTICS,
  SURROGATE_STATISTICS,
} from '../../experiment/statistics.js';
import type { Statistic } from '../../experiment/statistics.js';
import type { Database } from '../connection/database.js';
import type * as tables from '../schema.js';
import {
  embeddings,
  diagramDimensions,
  diagrams,
  invocations,
  runs,
  surrogates,
  vectors,
} from '../schema.js';
import { columnNames } from '../columns.js';
import type { Row } from '../columns.js';
import { openReader } from './experiment-reader.js';
import type { ExperimentReader } from './experiment-reader.js';
import { missingModel } from './rows.js';
import type { RunRecord } from './rows.js';

/**
 * An experiment's rows by their meaning: indices, names and digests, without ids, times, machines and the way
 * in which a value was obtained. Two stores with the same results of the same experiment have equal content,
 * whatever happened before.
 *
 * Every column of these tables is content, unless `NOT_CONTENT` says why it is not. A column that a later
 * migration adds is content only if it has a value: its null is left out, so that stores of earlier versions
 * keep their digests.
 */
export type ContentRow =
  | ContentOfRun
  | ContentOfInvocation
  | ContentOfEmbedding
  | ContentOfDiagram
  | ContentOfSurrogate;

const ID = 'an id, which each store gives anew';
const TIME = 'a time';
const OURS = 'how the value was obtained';

/** The numbers that are not content, according to their descriptions. */
function notContent<All extends Readonly<Record<string, Statistic>>, Name extends keyof All & string>(
  described: All,
  names: readonly Name[],
): { readonly [N in Name as All[N]['notContent'] extends null ? never : N]: string };
// The overload states what a loop does not: which descriptions have a reason.
function notContent(described: Readonly<Record<string, Statistic>>, names: readonly string[]): object {
  const reasons = names.flatMap((name) => {
    const { notContent: why } = described[name]!;
    return why === null ? [] : [[name, why] as const];
  });
  return Object.fromEntries(reasons);
}

/** Columns that are not content by themselves, and the reasons. */
export const NOT_CONTENT = {
  runs: {
    id: ID,
    experimentId: 'the experiment whose content it is',
    runIndex: 'in the content as `run`',
    promptId: 'in the content as `prompt`, its text',
    attempt: OURS,
    errorMessage: 'words, which name machines and versions; `errorKind` is content',
    startedAt: TIME,
    finishedAt: TIME,
    hold: 'what a user asked of it for now',
  },
  invocations: {
    id: ID,
    runId: 'in the content as `run`',
    modelId: 'in the content as `model`, its name and revision',
    inputId: 'the output of the step before it, or the prompt',
    outputId: 'in the content as `modality` and `output`, its digest',
    source: OURS,
    hostId: OURS,
    batchSize: OURS,
    computeMs: TIME,
    createdAt: TIME,
    outputCut: 'not recorded by versions before it, which gave the same outputs and digests without it',
  },
  embeddings: {
    invocationId: 'in the content as `run` and `sequence`',
    modelId: 'in the content as `model`',
    vectorId: 'in the content as `vector`, its digest',
    source: OURS,
  },
  vectors: {
    id: ID,
    modelId: 'in the content as `model`',
    artifactId: 'the output of the step',
    sha256: 'in the content as `vector`',
    bytes: 'what `vector` is the digest of',
    norm: 'follows from the vector',
    computeMs: TIME,
    hostId: OURS,
  },
  diagrams: {
    id: ID,
    runId: 'in the content as `run`',
    modelId: 'in the content as `model`',
    ...notContent(DIAGRAM_COUNTS, DIAGRAM_COUNT_NAMES),
    pointsSha256: 'in the content as `points`',
    computeMs: TIME,
    createdAt: TIME,
  },
  diagramDimensions: {
    diagramId: 'in the content as `run` and `model`',
    ...notContent(BAR_STATISTICS, DIAGRAM_STATISTICS),
  },
  surrogates: {
    diagramId: 'in the content as `run` and `model`',
    kind: 'in the content as `nullModel`',
    surrogateIndex: 'in the content as `index`',
    ...notContent(BAR_STATISTICS, SURROGATE_STATISTICS),
  },
} as const satisfies {
  readonly runs: Reasons<typeof runs>;
  readonly invocations: Reasons<typeof invocations>;
  readonly embeddings: Reasons<typeof embeddings>;
  readonly vectors: Reasons<typeof vectors>;
  readonly diagrams: Reasons<typeof diagrams>;
  readonly diagramDimensions: Reasons<typeof diagramDimensions>;
  readonly surrogates: Reasons<typeof surrogates>;
};

/**
 * Tables of which no column is content, and the reason. Their rows may be missing: stores of earlier versions have
 * none, and `analyse` and `doctor --fix` compute them without a change of the content.
 */
export const TABLES_NOT_CONTENT = {
  promptVectors: 'follows from the prompt and the model',
  runStatistics: 'follows from the vectors, which are content, and from the revision of the code',
  runCurves: 'follows from the vectors, which are content, and from the revision of the code',
} as const satisfies { readonly [Name in keyof typeof tables]?: string };

type Reasons<T extends Parameters<typeof columnNames>[0]> = { readonly [Name in keyof Row<T>]?: string };

/**
 * Columns whose null is part of the content. Every earlier version included it, and without it the digests of
 * their stores would change.
 */
const NULL_IS_TOLD = new Set([
  'drawnSeed',
  'stopReason',
  'length',
  'cycleStart',
  'cycleLength',
  'errorKind',
  'cutTokens',
  'maxEdgeLength',
] as const);

type NullIsTold = typeof NULL_IS_TOLD extends ReadonlySet<infer Name> ? Name : never;

/** A buffer appears as hexadecimal digits. */
type Plain<V> = V extends Buffer ? string : V;

/**
 * The content of a row: without the columns that are not content, and without a null that is not part of it.
 */
type Content<R, Left> = {
  readonly [
    Name in Exclude<keyof R, keyof Left> as null extends R[Name] ? Extract<Name, NullIsTold> : Name
  ]: Plain<R[Name]>;
} & {
  readonly [Name in Exclude<keyof R, keyof Left | NullIsTold> as null extends R[Name] ? Name : never]?: Plain<
    NonNullable<R[Name]>
  >;
};

type NotContent = typeof NOT_CONTENT;

/** `drawnSeed` differs between two plans of a run with seed -1. */
export type ContentOfRun = { readonly kind: 'run'; readonly run: number; readonly prompt: string } & Content<
  Row<typeof runs>,
  NotContent['runs']
>;

/** `model` is the model's name and revision: another revision is another result. Digests are hexadecimal. */
export type ContentOfInvocation = {
  readonly kind: 'invocation';
  readonly run: number;
  readonly model: string;
  readonly modality: string;
  readonly output: string;
} & Content<Row<typeof invocations>, NotContent['invocations']>;

export type ContentOfEmbedding = {
  readonly kind: 'embedding';
  readonly run: number;
  readonly sequence: number;
  readonly model: string;
  readonly vector: string;
} & Content<Row<typeof embeddings>, NotContent['embeddings']> &
  Content<Row<typeof vectors>, NotContent['vectors']>;

/** One homology dimension of a diagram. `bars`: birth, death, birth, death, ... as stored. */
export type ContentOfDiagram = {
  readonly kind: 'diagram';
  readonly run: number;
  readonly model: string;
  readonly points: string;
} & Content<Row<typeof diagrams>, NotContent['diagrams']> &
  Content<Row<typeof diagramDimensions>, NotContent['diagramDimensions']>;

export type ContentOfSurrogate = {
  readonly kind: 'surrogate';
  readonly run: number;
  readonly model: string;
  readonly nullModel: string;
  readonly index: number;
} & Content<Row<typeof surrogates>, NotContent['surrogates']>;

/** A column of a reader's rows, and its name in the content. */
interface Field<Name extends string> {
  readonly name: Name;
  readonly as: string;
}

function contentColumns<T extends Parameters<typeof columnNames>[0]>(table: T, left: Reasons<T>) {
  return columnNames(table).filter((name) => !(name in left));
}

function own<Name extends string>(names: readonly Name[]): readonly Field<Name>[] {
  return names.map((name) => ({ name, as: name }));
}

const RUN_COLUMNS = own(contentColumns(runs, NOT_CONTENT.runs));
const RUN = fieldsOf([...RUN_COLUMNS, { name: 'prompt.text', as: 'prompt' }], 'id', 'runIndex');

const STEP_COLUMNS = own(contentColumns(invocations, NOT_CONTENT.invocations));
const OUTPUT = [
  { name: 'output.modality', as: 'modality' },
  { name: 'output.sha256', as: 'output' },
] as const;
const STEP = fieldsOf([...STEP_COLUMNS, ...OUTPUT], 'model.name', 'model.revision');

const VECTOR_COLUMNS = contentColumns(vectors, NOT_CONTENT.vectors).map(
  (name) => ({ name: `vector.${name}`, as: name }) as const,
);
const EMBEDDING_COLUMNS = [
  ...own(contentColumns(embeddings, NOT_CONTENT.embeddings)),
  ...own(['sequence'] as const),
  ...VECTOR_COLUMNS,
  { name: 'vector.sha256', as: 'vector' } as const,
];
const EMBEDDING = fieldsOf(EMBEDDING_COLUMNS, 'model.name', 'model.revision');

const OF_DIAGRAM = contentColumns(diagrams, NOT_CONTENT.diagrams).map(
  (name) => ({ name: `diagram.${name}`, as: name }) as const,
);
const DIMENSION_COLUMNS = own(contentColumns(diagramDimensions, NOT_CONTENT.diagramDimensions));
const POINTS = { name: 'diagram.pointsSha256', as: 'points' } as const;
const DIAGRAM = fieldsOf([...OF_DIAGRAM, ...DIMENSION_COLUMNS, POINTS], 'model.name', 'model.revision');

const SURROGATE_KEY = [
  { name: 'kind', as: 'nullModel' },
  { name: 'surrogateIndex', as: 'index' },
] as const;
const SURROGATE_COLUMNS = own(contentColumns(surrogates, NOT_CONTENT.surrogates));
const SURROGATE = fieldsOf([...SURROGATE_COLUMNS, ...SURROGATE_KEY], 'model.name', 'model.revision');

/** The columns of a row that are content, and all columns that must be read for it. */
function fieldsOf<Told extends string, Read extends string>(
  told: readonly Field<Told>[],
  ...more: readonly Read[]
): { readonly told: readonly Field<Told>[]; readonly names: readonly (Told | Read)[] } {
  const taken = told.map(({ as }) => as);
  const twice = taken.find((as, k) => taken.indexOf(as) !== k);
  if (twice !== undefined) throw new Error(`two columns of one row of content have the name ${twice}`);
  return { told, names: [...told.map(({ name }) => name), ...more] };
}

/**
 * The content of an experiment, run by run: the run, its invocations, its embeddings, its diagrams, their
 * surrogates, each in order. The generator reads the database as it is at the first step. Finish the
 * iteration or call `return()`, so that it closes what it reads from. Throws StoreConflict if a row points at
 * a missing model.
 */
export async function* contentOf(
  db: Database,
  experimentId: string,
): AsyncGenerator<ContentRow, void, undefined> {
  const reader = await openReader(db);
  try {
    for await (const run of reader.runsOf(experimentId, RUN.names)) {
      yield contentRow({ kind: 'run', run: run.runIndex }, valuesOf(run, RUN.told));
      yield* contentOfRun(reader, run);
    }
  } finally {
    await reader.close();
  }
}

async function* contentOfRun(
  reader: ExperimentReader,
  { id, runIndex: run }: Pick<RunRecord, 'id' | 'runIndex'>,
): AsyncGenerator<ContentRow, void, undefined> {
  for await (const row of reader.stepsOf(id, STEP.names)) {
    yield contentRow({ kind: 'invocation', run, model: modelOf(row) }, valuesOf(row, STEP.told));
  }
  for await (const row of reader.embeddingsOf(id, EMBEDDING.names)) {
    yield contentRow({ kind: 'embedding', run, model: modelOf(row) }, valuesOf(row, EMBEDDING.told));
  }
  for await (const row of reader.dimensionsOf({ run: id }, DIAGRAM.names)) {
    yield contentRow({ kind: 'diagram', run, model: modelOf(row) }, valuesOf(row, DIAGRAM.told));
  }
  for await (const row of reader.surrogatesOf({ run: id }, SURROGATE.names)) {
    yield contentRow({ kind: 'surrogate', run, model: modelOf(row) }, valuesOf(row, SURROGATE.told));
  }
}

function modelOf(row: {
  readonly 'model.name': string | null;
  readonly 'model.revision': string | null;
}): string {
  const { 'model.name': name, 'model.revision': revision } = row;
  if (name === null || revision === null) throw missingModel();
  return `${name}@${revision}`;
}

function contentRow<Kind extends ContentRow['kind']>(
  key: { readonly kind: Kind; readonly run: number; readonly model?: string },
  values: Readonly<Record<string, unknown>>,
): Extract<ContentRow, { readonly kind: Kind }>;
// The overload states what a loop does not: the columns of each kind of row, from `Content`.
function contentRow(key: object, values: object): object {
  return { ...key, ...values };
}

const nullIsTold: ReadonlySet<string> = NULL_IS_TOLD;

function valuesOf<Name extends string>(
  row: Readonly<Record<Name, unknown>>,
  told: readonly Field<Name>[],
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { name, as } of told) {
    const value = row[name];
    if (value === null && !nullIsTold.has(as)) continue;
    values[as] = Buffer.isBuffer(value) ? value.toString('hex') : value;
  }
  return values;
}

/** SHA-256 (hexadecimal) of an experiment's content, row by row as canonical JSON lines. */
export async function contentDigest(db: Database, experimentId: string): Promise<string> {
  const digest = createHash('sha256');
  for await (const row of contentOf(db, experimentId)) digest.update(`${canonicalJson(row)}\n`);
  return digest.digest('hex');
}
