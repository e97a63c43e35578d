import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import {
  blob,
  check as columnCheck,
  index,
  integer,
  primaryKey,
  real,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core';
import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core';
import { MODALITIES } from '../experiment/artifact.js';
import type { Modality } from '../experiment/artifact.js';
import { SURROGATE_KINDS } from '../experiment/config.js';
import { EXPERIMENT_STATUSES } from '../experiment/experiment-status.js';
import { PLANNED_RUN_STATUS, RUN_HOLDS, RUN_STATUSES } from '../experiment/run-status.js';
import { RUN_STATISTICS, RUN_STATISTIC_NAMES } from '../experiment/run-statistics.js';
import {
  BAR_STATISTICS,
  DIAGRAM_COUNTS,
  DIAGRAM_COUNT_NAMES,
  DIAGRAM_STATISTICS,
  SURROGATE_STATISTICS,
} from '../experiment/statistics.js';
import { quoted } from './quoted.js';
import { rangeChecks, statisticColumns } from './statistic-columns.js';

/**
 * The tables, and every invariant that a column check can hold. The triggers of migrations 0001, 0003,
 * 0010 and 0014 hold the invariants that need another row (a step's input is the previous step's output, a vector
 * belongs to the output that it is attached to, ...).
 *
 * The migrations say STRICT after each table. Drizzle does not know that word, so add it by hand to a
 * generated table. Without it SQLite stores a text in an integer column, and a text compares as greater than
 * every number of a check.
 *
 * Times are milliseconds since the epoch. SHA-256 digests are 32 raw bytes.
 */

const DRIVER_KINDS = ['service', 'embedded'] as const;

/** A check that refuses an unknown result too: SQL accepts a row if a constraint's value is NULL. */
function check(name: string, condition: SQL) {
  return columnCheck(name, sql`(${condition}) is true`);
}

function oneOf(column: AnySQLiteColumn, values: readonly string[]) {
  return sql`${column} in (${sql.raw(quoted(values))})`;
}

/** The columns that the row of an artifact fills, by its modality. */
function anyOf(shapes: Readonly<Record<Modality, SQL>>): SQL {
  return sql.join(Object.values(shapes), sql`\n        or `);
}

/** A model with the exact revision and settings of its use: another revision or setting is another row. */
export const models = sqliteTable(
  'models',
  {
    id: integer().primaryKey(),
    name: text().notNull(),
    kind: text({ enum: ['generative', 'embedding'] }).notNull(),
    source: text().notNull(),
    revision: text().notNull(),
    settings: text().notNull(),
    input: text({ enum: MODALITIES }).notNull(),
    /** Null for embedding models. */
    output: text({ enum: MODALITIES }),
    /** Null for generative models. */
    dimension: integer(),
  },
  (t) => [
    uniqueIndex('models_identity').on(t.name, t.kind, t.source, t.revision, t.settings),
    check('models_kind', oneOf(t.kind, ['generative', 'embedding'])),
    check('models_input', oneOf(t.input, MODALITIES)),
    check(
      'models_shape',
      sql`(${t.kind} = 'generative' and ${oneOf(t.output, MODALITIES)} and ${t.dimension} is null)
        or (${t.kind} = 'embedding' and ${t.output} is null and ${t.dimension} > 0)`,
    ),
  ],
);

/** A row for each fingerprint of machine and software that computed an output: device, dtype, runtime and file hashes. */
export const hosts = sqliteTable('hosts', {
  id: integer().primaryKey(),
  fingerprint: text().notNull().unique(),
});

/** Every prompt and output once, by content. Texts are stored here; pictures are objects named by their SHA-256. */
export const artifacts = sqliteTable(
  'artifacts',
  {
    id: integer().primaryKey(),
    modality: text({ enum: MODALITIES }).notNull(),
    sha256: blob({ mode: 'buffer' }).notNull(),
    /** UTF-8 bytes of a text, bytes of a picture's object. */
    byteLength: integer('byte_length').notNull(),
    text: text(),
    width: integer(),
    height: integer(),
  },
  (t) => [
    uniqueIndex('artifacts_content').on(t.sha256, t.modality),
    check('artifacts_sha256', sql`length(${t.sha256}) = 32`),
    check('artifacts_byte_length', sql`${t.byteLength} > 0`),
    check(
      'artifacts_shape',
      anyOf({
        text: sql`(${t.modality} = 'text' and length(trim(${t.text}, char(9, 10, 11, 12, 13, 32))) > 0
          and ${t.width} is null and ${t.height} is null)`,
        image: sql`(${t.modality} = 'image' and ${t.text} is null and ${t.width} > 0 and ${t.height} > 0)`,
      }),
    ),
  ],
);

/**
 * Objects whose artifacts were deleted. The file goes after the row, so a writer that staged an equal picture
 * meanwhile must put it again. This table shows that to the writer (artifacts.ts).
 */
export const removedObjects = sqliteTable(
  'removed_objects',
  {
    sha256: blob({ mode: 'buffer' }).primaryKey(),
    byteLength: integer('byte_length').notNull(),
    /** The time since which a process is about to remove the file; null if no process is. */
    claimedAt: integer('claimed_at'),
    /** The time when the file was removed; null while it may still exist. */
    removedAt: integer('removed_at'),
  },
  (t) => [
    index('removed_objects_removed_at').on(t.removedAt),
    check('removed_objects_sha256', sql`length(${t.sha256}) = 32`),
    check('removed_objects_byte_length', sql`${t.byteLength} > 0`),
  ],
);

/** The place of this database's objects: row 1, written before the first process writes an object. */
export const objectsPlaces = sqliteTable('objects_places', {
  id: integer().primaryKey(),
  /** The id that the place itself states (object-store.ts). */
  placeId: text('place_id').notNull(),
  /** The last known address of that place, for people. */
  place: text().notNull(),
});

/**
 * The identity of this database: row 1, drawn when its tables were made. A copy of the database has the same
 * id.
 */
export const databases = sqliteTable(
  'databases',
  {
    id: integer().primaryKey(),
    databaseId: text('database_id').notNull(),
    /**
     * A version that knows at least this many migrations can read these tables. Each later migration that is
     * not additive raises the number.
     */
    readableFrom: integer('readable_from').notNull(),
    /** A version that knows at least this many migrations can write to these tables. */
    writableFrom: integer('writable_from').notNull(),
    /** The first version of panic-tda that has these tables. Each later migration writes it. */
    version: text().notNull(),
  },
  (t) => [
    check('databases_id', sql`${t.id} = 1`),
    check('databases_database_id', sql`length(${t.databaseId}) = 32`),
    check('databases_versions', sql`0 < ${t.readableFrom} and ${t.readableFrom} <= ${t.writableFrom}`),
    check('databases_version', sql`length(${t.version}) > 0`),
  ],
);

/** The workflow code behind each build id of the workers, recorded by the first worker of that build. */
export const builds = sqliteTable(
  'builds',
  {
    /** Name of the worker deployment. */
    deployment: text().notNull(),
    buildId: text('build_id').notNull(),
    /** SHA-256 of the bundle of workflow code. */
    bundleSha256: blob('bundle_sha256', { mode: 'buffer' }).notNull(),
    /** Version of the package, for people. */
    version: text().notNull(),
    recordedAt: integer('recorded_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.deployment, t.buildId] }),
    check('builds_bundle_sha256', sql`length(${t.bundleSha256}) = 32`),
  ],
);

/**
 * Routes of models, as a worker recorded them. A machine without a file of routes finds the queues here. The
 * row `unrouted` is no model: it says which worker changed the routes last (routes.ts).
 */
export const routes = sqliteTable(
  'routes',
  {
    /** Name of a model. */
    model: text().primaryKey(),
    route: text().notNull(),
    /** Identity of the worker, for people. */
    recordedBy: text('recorded_by').notNull(),
    recordedAt: integer('recorded_at').notNull(),
  },
  (t) => [check('routes_route', sql`length(${t.route}) > 0`)],
);

export const experiments = sqliteTable(
  'experiments',
  {
    id: text().primaryKey(),
    name: text(),
    /** The validated experiment as canonical JSON. */
    config: text().notNull(),
    runCount: integer('run_count').notNull(),
    status: text({ enum: EXPERIMENT_STATUSES }).notNull().default('planned'),
    /** The Temporal execution that drives the experiment now. It lets a command refuse a second drive. */
    driverWorkflowId: text('driver_workflow_id'),
    driverRunId: text('driver_run_id'),
    /**
     * The Temporal service that has this execution, and its address, in words for people. Null if an older
     * version wrote the row.
     */
    driverService: text('driver_service'),
    driverPlace: text('driver_place'),
    /**
     * The place of that service (`ServicePlace` in tables/driver-service.ts). All null if the words of an
     * older version did not state it exactly.
     */
    driverKind: text('driver_kind', { enum: DRIVER_KINDS }),
    driverAddress: text('driver_address'),
    driverNamespace: text('driver_namespace'),
    driverFolder: text('driver_folder'),
    driverMachine: text('driver_machine'),
    createdAt: integer('created_at').notNull(),
    startedAt: integer('started_at'),
    finishedAt: integer('finished_at'),
    error: text(),
    /** The time since which an operator holds all of its runs; null if no operator does. */
    pausedAt: integer('paused_at'),
    /**
     * The time since which a command deletes its rows, batch by batch. From then on the row is only a remnant
     * of an experiment.
     */
    deletingAt: integer('deleting_at'),
    /**
     * The user's catalogue files that gave models to the experiment at its last start, as JSON
     * (`experiment/made-with.ts`). Null if an older version started it.
     */
    catalogue: text(),
    /**
     * The times in which no worker worked on it, as JSON: pairs of times (`rests.ts`). Null if there were
     * none, or if an older version wrote the row.
     */
    rests: text(),
  },
  (t) => [
    check('experiments_status', oneOf(t.status, EXPERIMENT_STATUSES)),
    check('experiments_run_count', sql`${t.runCount} > 0`),
    check('experiments_config', sql`json_valid(${t.config})`),
    check('experiments_driver', sql`(${t.driverWorkflowId} is null) = (${t.driverRunId} is null)`),
  ],
);

/** Run `runIndex` of its experiment: networks x seeds x prompts; prompts vary fastest. */
export const runs = sqliteTable(
  'runs',
  {
    id: integer().primaryKey(),
    experimentId: text('experiment_id')
      .notNull()
      .references(() => experiments.id, { onDelete: 'cascade' }),
    runIndex: integer('run_index').notNull(),
    /** JSON list of model names. */
    network: text().notNull(),
    seed: integer().notNull(),
    /** The seed that the planning of a run with seed -1 drew; null for fixed seeds. */
    drawnSeed: integer('drawn_seed'),
    promptId: integer('prompt_id')
      .notNull()
      .references(() => artifacts.id),
    maxLength: integer('max_length').notNull(),
    status: text({ enum: RUN_STATUSES }).notNull().default(PLANNED_RUN_STATUS),
    /** The reason why the trajectory ended; null before its end. */
    stopReason: text('stop_reason', { enum: ['length', 'cycle'] }),
    /** Number of invocations of the ended trajectory. */
    length: integer(),
    /** Sequence of the first invocation of the cycle, and its period in invocations. */
    cycleStart: integer('cycle_start'),
    cycleLength: integer('cycle_length'),
    /** Each `retry` raises it, so that failures of earlier tries do not count against a later one. */
    attempt: integer().notNull().default(1),
    errorKind: text('error_kind'),
    errorMessage: text('error_message'),
    startedAt: integer('started_at'),
    finishedAt: integer('finished_at'),
    /** The request of an operator for this run alone, until the run is resumed or its experiment ends. */
    hold: text({ enum: RUN_HOLDS }),
  },
  (t) => [
    uniqueIndex('runs_identity').on(t.experimentId, t.runIndex),
    index('runs_status').on(t.experimentId, t.status),
    index('runs_prompt').on(t.promptId),
    check('runs_status_known', oneOf(t.status, RUN_STATUSES)),
    check('runs_hold', sql`${t.hold} is null or ${oneOf(t.hold, RUN_HOLDS)}`),
    check('runs_network', sql`json_valid(${t.network}) and json_array_length(${t.network}) > 0`),
    check('runs_index', sql`${t.runIndex} >= 0`),
    check('runs_max_length', sql`${t.maxLength} between 1 and 1000000`),
    check('runs_seed', sql`${t.seed} >= -1 and (${t.seed} = -1) = (${t.drawnSeed} is not null)`),
    check(
      'runs_stop',
      sql`(${t.stopReason} is null and ${t.length} is null)
        or (${t.stopReason} = 'length' and ${t.length} = ${t.maxLength})
        or (${t.stopReason} = 'cycle' and ${t.cycleLength} is not null
            and ${t.length} = ${t.cycleStart} + ${t.cycleLength} + 1 and ${t.length} <= ${t.maxLength})`,
    ),
    check(
      'runs_cycle',
      sql`(${t.cycleStart} is null) = (${t.cycleLength} is null)
        and (${t.cycleLength} is null or (${t.cycleLength} > 0 and ${t.cycleStart} >= 0 and ${t.seed} >= 0
             and ${t.cycleLength} % json_array_length(${t.network}) = 0))`,
    ),
    check('runs_finished', sql`${t.status} <> 'finished' or ${t.stopReason} is not null`),
    check('runs_failed', sql`(${t.status} = 'failed') = (${t.errorKind} is not null)`),
  ],
);

/** One model call, or the recorded repeat of one. No program changes a row after it was written. */
export const invocations = sqliteTable(
  'invocations',
  {
    id: integer().primaryKey(),
    runId: integer('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    sequence: integer().notNull(),
    modelId: integer('model_id')
      .notNull()
      .references(() => models.id),
    inputId: integer('input_id')
      .notNull()
      .references(() => artifacts.id),
    outputId: integer('output_id')
      .notNull()
      .references(() => artifacts.id),
    seed: integer().notNull(),
    /**
     * `computed` by a model, `reused` from equal work of another step, or filled from the run's own `cycle`.
     */
    source: text({ enum: ['computed', 'reused', 'cycle'] }).notNull(),
    hostId: integer('host_id').references(() => hosts.id),
    batchSize: integer('batch_size'),
    computeMs: real('compute_ms'),
    createdAt: integer('created_at').notNull(),
    /**
     * The number of tokens at the end of the input that the model had no room for; null if it read
     * everything.
     */
    cutTokens: integer('cut_tokens'),
    /**
     * 1 if the model stopped at its limit of tokens, so that the end of the output is missing; null if it
     * ended by itself.
     */
    outputCut: integer('output_cut'),
  },
  (t) => [
    uniqueIndex('invocations_step').on(t.runId, t.sequence),
    index('invocations_output').on(t.runId, t.outputId),
    // A deletion of an artifact or a vector must see at once whether a row still points at it.
    index('invocations_input_artifact').on(t.inputId),
    index('invocations_output_artifact').on(t.outputId),
    index('invocations_work')
      .on(t.modelId, t.inputId, t.seed)
      .where(sql`source = 'computed'`),
    check('invocations_sequence', sql`${t.sequence} >= 0`),
    check('invocations_seed', sql`${t.seed} between 0 and 9007199254740991`),
    check('invocations_source', oneOf(t.source, ['computed', 'reused', 'cycle'])),
    check('invocations_cut_tokens', sql`${t.cutTokens} is null or ${t.cutTokens} > 0`),
    check('invocations_output_cut', sql`${t.outputCut} is null or ${t.outputCut} = 1`),
    check(
      'invocations_provenance',
      sql`(${t.source} = 'computed') = (${t.hostId} is not null)
        and (${t.source} = 'computed') = (${t.batchSize} is not null)
        and (${t.source} = 'computed') = (${t.computeMs} is not null)`,
    ),
  ],
);

/** Every failed attempt of a run, so that a user can see later what went wrong. */
export const failures = sqliteTable(
  'failures',
  {
    id: integer().primaryKey(),
    runId: integer('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    attempt: integer().notNull(),
    stage: text({ enum: ['invocation', 'embedding', 'diagram'] }).notNull(),
    /** The step that failed; only for invocations. */
    sequence: integer(),
    kind: text().notNull(),
    message: text().notNull(),
    createdAt: integer('created_at').notNull(),
  },
  (t) => [
    index('failures_run').on(t.runId, t.attempt),
    check('failures_stage', oneOf(t.stage, ['invocation', 'embedding', 'diagram'])),
  ],
);

/**
 * A vector, once per distinct content: float32 little-endian. `norm` is its Euclidean length. SQLite stores
 * NaN as NULL, so NOT NULL and the bounds below exclude null, zero and non-finite vectors.
 */
export const vectors = sqliteTable(
  'vectors',
  {
    id: integer().primaryKey(),
    modelId: integer('model_id')
      .notNull()
      .references(() => models.id),
    artifactId: integer('artifact_id')
      .notNull()
      .references(() => artifacts.id),
    sha256: blob({ mode: 'buffer' }).notNull(),
    bytes: blob({ mode: 'buffer' }).notNull(),
    norm: real().notNull(),
    /** The vector's share of the model's time for its batch. */
    computeMs: real('compute_ms').notNull(),
    hostId: integer('host_id')
      .notNull()
      .references(() => hosts.id),
    /**
     * The number of tokens at the end of the output that the model had no room for. Null if the model read
     * everything, or if the number is unknown.
     */
    cutTokens: integer('cut_tokens'),
  },
  (t) => [
    uniqueIndex('vectors_content').on(t.modelId, t.artifactId, t.sha256),
    index('vectors_artifact').on(t.artifactId),
    check('vectors_sha256', sql`length(${t.sha256}) = 32`),
    check('vectors_bytes', sql`length(${t.bytes}) > 0 and length(${t.bytes}) % 4 = 0`),
    check('vectors_norm', sql`${t.norm} > 0 and ${t.norm} < 1e300`),
    check('vectors_compute_ms', sql`${t.computeMs} >= 0`),
    check('vectors_cut_tokens', sql`${t.cutTokens} is null or ${t.cutTokens} > 0`),
  ],
);

/** Which vector belongs to the output of an invocation. */
export const embeddings = sqliteTable(
  'embeddings',
  {
    invocationId: integer('invocation_id')
      .notNull()
      .references(() => invocations.id, { onDelete: 'cascade' }),
    modelId: integer('model_id')
      .notNull()
      .references(() => models.id),
    vectorId: integer('vector_id')
      .notNull()
      .references(() => vectors.id),
    source: text({ enum: ['computed', 'reused'] }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.invocationId, t.modelId] }),
    index('embeddings_vector').on(t.vectorId),
    check('embeddings_source', oneOf(t.source, ['computed', 'reused'])),
  ],
);

/**
 * Which vector a prompt has: the distance of a run's outputs from its prompt, and from other prompts, is
 * measured from these. A prompt that several experiments share has one vector of a model.
 */
export const promptVectors = sqliteTable(
  'prompt_vectors',
  {
    artifactId: integer('artifact_id')
      .notNull()
      .references(() => artifacts.id),
    modelId: integer('model_id')
      .notNull()
      .references(() => models.id),
    vectorId: integer('vector_id')
      .notNull()
      .references(() => vectors.id),
  },
  (t) => [
    primaryKey({ columns: [t.artifactId, t.modelId] }),
    // A deletion of a vector must see at once whether a row still points at it.
    index('prompt_vectors_vector').on(t.vectorId),
  ],
);

/**
 * The numbers of a run's trajectory under one embedding model. A row is stale if its digests, its revision or its
 * parameters are not those of now: then all of its numbers and curves are computed again.
 */
export const runStatistics = sqliteTable(
  'run_statistics',
  {
    id: integer().primaryKey(),
    runId: integer('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    modelId: integer('model_id')
      .notNull()
      .references(() => models.id),
    /** SHA-256 over the SHA-256 digests of the vectors, in order, as of a diagram. */
    pointsSha256: blob('points_sha256', { mode: 'buffer' }).notNull(),
    /**
     * SHA-256 over those of the vectors of the prompts (tables/prompt-vectors.ts). Null if the model embeds no
     * text, or if a prompt had no vector: then the row has no drift from prompts.
     */
    promptSha256: blob('prompt_sha256', { mode: 'buffer' }),
    /** `ANALYSIS_REVISION` of the code that computed the row. */
    revision: integer().notNull(),
    /** What the numbers depend on besides, as canonical JSON: the values that were used. */
    parameters: text().notNull(),
    /** Invocations from one embedded output to the next; null for one output, or if it varies. */
    stride: integer(),
    ...statisticColumns(RUN_STATISTICS, RUN_STATISTIC_NAMES),
    computeMs: real('compute_ms').notNull(),
    createdAt: integer('created_at').notNull(),
  },
  (t) => [
    uniqueIndex('run_statistics_identity').on(t.runId, t.modelId),
    check('run_statistics_points_sha256', sql`length(${t.pointsSha256}) = 32`),
    check('run_statistics_prompt_sha256', sql`${t.promptSha256} is null or length(${t.promptSha256}) = 32`),
    check('run_statistics_revision', sql`${t.revision} > 0`),
    check('run_statistics_parameters', sql`json_valid(${t.parameters})`),
    check('run_statistics_stride', sql`${t.stride} is null or ${t.stride} > 0`),
    ...rangeChecks('run_statistics', RUN_STATISTICS, t, RUN_STATISTIC_NAMES, []),
  ],
);

/** A curve of a trajectory by its name in `RUN_CURVES`. `points`: float32 little-endian. */
export const runCurves = sqliteTable(
  'run_curves',
  {
    statisticsId: integer('statistics_id')
      .notNull()
      .references(() => runStatistics.id, { onDelete: 'cascade' }),
    name: text().notNull(),
    points: blob({ mode: 'buffer' }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.statisticsId, t.name] }),
    check('run_curves_name', sql`length(${t.name}) > 0`),
    check('run_curves_points', sql`length(${t.points}) % 4 = 0`),
  ],
);

/** The persistence diagram of a run's outputs under one embedding model. */
export const diagrams = sqliteTable(
  'diagrams',
  {
    id: integer().primaryKey(),
    runId: integer('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    modelId: integer('model_id')
      .notNull()
      .references(() => models.id),
    metric: text({ enum: ['euclidean'] }).notNull(),
    maxDimension: integer('max_dimension').notNull(),
    /** Null for the whole filtration. */
    maxEdgeLength: real('max_edge_length'),
    ...statisticColumns(DIAGRAM_COUNTS, DIAGRAM_COUNT_NAMES),
    /**
     * SHA-256 over the SHA-256 digests of the vectors, in order: a diagram whose vectors have changed is
     * stale.
     */
    pointsSha256: blob('points_sha256', { mode: 'buffer' }).notNull(),
    computeMs: real('compute_ms').notNull(),
    createdAt: integer('created_at').notNull(),
  },
  (t) => [
    uniqueIndex('diagrams_identity').on(t.runId, t.modelId),
    check('diagrams_metric', oneOf(t.metric, ['euclidean'])),
    check('diagrams_max_dimension', sql`${t.maxDimension} between 0 and 2`),
    check('diagrams_max_edge_length', sql`${t.maxEdgeLength} is null or ${t.maxEdgeLength} > 0`),
    check('diagrams_points', sql`${t.pointCount} >= ${t.distinctPointCount} and ${t.distinctPointCount} > 0`),
    check('diagrams_points_sha256', sql`length(${t.pointsSha256}) = 32`),
  ],
);

/** One homology dimension of a diagram. `bars`: float32 little-endian, birth, death, birth, death, ... */
export const diagramDimensions = sqliteTable(
  'diagram_dimensions',
  {
    diagramId: integer('diagram_id')
      .notNull()
      .references(() => diagrams.id, { onDelete: 'cascade' }),
    dimension: integer().notNull(),
    ...statisticColumns(BAR_STATISTICS, DIAGRAM_STATISTICS),
    bars: blob({ mode: 'buffer' }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.diagramId, t.dimension] }),
    check('diagram_dimensions_dimension', sql`${t.dimension} between 0 and 2`),
    check('diagram_dimensions_bars', sql`length(${t.bars}) = 8 * ${t.barCount}`),
    check('diagram_dimensions_finite', sql`${t.finiteBarCount} between 0 and ${t.barCount}`),
    ...rangeChecks('diagram_dimensions', BAR_STATISTICS, t, DIAGRAM_STATISTICS, [
      'barCount',
      'finiteBarCount',
    ]),
  ],
);

/**
 * One homology dimension of the diagram of a surrogate, which is made from a diagram's points. The row has
 * only the numbers to compare. The bars would take k times the room of the diagram's, and a program can make
 * them again: the seed follows from `points_sha256`, kind and index.
 */
export const surrogates = sqliteTable(
  'surrogates',
  {
    diagramId: integer('diagram_id')
      .notNull()
      .references(() => diagrams.id, { onDelete: 'cascade' }),
    kind: text({ enum: SURROGATE_KINDS }).notNull(),
    surrogateIndex: integer('surrogate_index').notNull(),
    dimension: integer().notNull(),
    ...statisticColumns(BAR_STATISTICS, SURROGATE_STATISTICS),
  },
  (t) => [
    primaryKey({ columns: [t.diagramId, t.kind, t.surrogateIndex, t.dimension] }),
    check('surrogates_kind', oneOf(t.kind, SURROGATE_KINDS)),
    check('surrogates_index', sql`${t.surrogateIndex} between 0 and 998`),
    check('surrogates_dimension', sql`${t.dimension} between 0 and 2`),
    check('surrogates_bar_count', sql`${t.barCount} >= (${t.dimension} = 0 or ${t.longestBar} > 0)`),
    check(
      'surrogates_lengths',
      sql`${t.longestBar} between 0 and ${t.totalPersistence} and ${t.totalPersistence} < 1e300
        and (${t.longestBar} = 0) = (${t.totalPersistence} = 0)`,
    ),
    check(
      'surrogates_entropy',
      sql`${t.entropy} >= 0 and ${t.entropy} < 1e300 and (${t.entropy} = 0 or ${t.longestBar} > 0)`,
    ),
    ...rangeChecks('surrogates', BAR_STATISTICS, t, SURROGATE_STATISTICS, [
      'barCount',
      'longestBar',
      'totalPersistence',
      'entropy',
    ]),
  ],
);
