import type Sqlite from 'better-sqlite3';
import type { Modality } from '../../experiment/artifact.js';
import type { RunStatus } from '../../experiment/run-status.js';
import type { StoredContent } from '../tables/artifacts.js';
import { hasObject } from '../tables/has-object.js';
import { LAST_WORK } from '../tables/rests.js';

/**
 * The reading side of a merge: an experiment's rows in another SQLite file, with what they point at told by content instead of
 * ids. All of it is read from one snapshot. (Another kind of source needs only these queries.)
 */
export type MergeSource = ReturnType<typeof mergeSource>;

export interface SourceModel {
  readonly name: string;
  readonly kind: 'generative' | 'embedding';
  readonly source: string;
  readonly revision: string;
  readonly settings: string;
  readonly input: Modality;
  readonly output: Modality | null;
  readonly dimension: number | null;
}

export interface SourceExperiment {
  readonly id: string;
  readonly name: string | null;
  readonly config: string;
  readonly runCount: number;
  readonly status: string;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly error: string | null;
  readonly catalogue: string | null;
  readonly rests: string | null;
}

export interface SourceRun {
  readonly id: number;
  readonly runIndex: number;
  readonly network: string;
  readonly seed: number;
  readonly drawnSeed: number | null;
  readonly promptId: number;
  readonly maxLength: number;
  readonly status: RunStatus;
  readonly stopReason: 'length' | 'cycle' | null;
  readonly length: number | null;
  readonly cycleStart: number | null;
  readonly cycleLength: number | null;
  readonly attempt: number;
  readonly errorKind: string | null;
  readonly errorMessage: string | null;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

export interface SourceInvocation {
  readonly sequence: number;
  readonly modelId: number;
  readonly inputId: number;
  readonly outputId: number;
  readonly seed: number;
  readonly source: 'computed' | 'reused' | 'cycle';
  readonly hostId: number | null;
  readonly batchSize: number | null;
  readonly computeMs: number | null;
  readonly createdAt: number;
  readonly cutTokens: number | null;
  readonly outputCut: number | null;
}

export interface SourceEmbedding {
  readonly sequence: number;
  readonly modelId: number;
  readonly source: 'computed' | 'reused';
  readonly vectorId: number;
}

export interface SourceVector {
  readonly artifactId: number;
  readonly sha256: Buffer;
  readonly bytes: Buffer;
  readonly norm: number;
  readonly computeMs: number;
  readonly hostId: number;
  readonly cutTokens: number | null;
}

export interface SourceDiagram {
  readonly id: number;
  readonly modelId: number;
  readonly metric: 'euclidean';
  readonly maxDimension: number;
  readonly maxEdgeLength: number | null;
  readonly pointCount: number;
  readonly distinctPointCount: number;
  readonly edgeCount: number;
  readonly pointsSha256: Buffer;
  readonly computeMs: number;
  readonly createdAt: number;
}

export interface SourceDimension {
  readonly dimension: number;
  readonly barCount: number;
  readonly finiteBarCount: number;
  readonly entropy: number;
  readonly bars: Buffer;
}

export interface SourceSurrogate {
  readonly kind: 'shuffled_increments' | 'sphere';
  readonly surrogateIndex: number;
  readonly dimension: number;
  readonly barCount: number;
  readonly longestBar: number;
  readonly totalPersistence: number;
  readonly entropy: number;
}

export interface SourceFailure {
  readonly attempt: number;
  readonly stage: 'invocation' | 'embedding' | 'diagram';
  readonly sequence: number | null;
  readonly kind: string;
  readonly message: string;
  readonly createdAt: number;
}

const CONTENT = `modality, sha256, byte_length as "byteLength", text, width, height`;

/** Over a connection that sees one moment (`openSnapshot`); it is the caller's to close. */
export function mergeSource(sqlite: Sqlite.Database) {
  const experiments = sqlite.prepare<[], SourceExperiment>(`
    select id, name, config, run_count as "runCount", status, created_at as "createdAt", started_at as "startedAt",
      finished_at as "finishedAt", error, catalogue, rests
    from experiments where deleting_at is null order by created_at, id`);
  const runs = sqlite.prepare<[string], SourceRun>(`
    select id, run_index as "runIndex", network, seed, drawn_seed as "drawnSeed", prompt_id as "promptId",
      max_length as "maxLength", status, stop_reason as "stopReason", length, cycle_start as "cycleStart",
      cycle_length as "cycleLength", attempt, error_kind as "errorKind", error_message as "errorMessage",
      started_at as "startedAt", finished_at as "finishedAt"
    from runs where experiment_id = ? order by run_index`);
  const drawnSeeds = sqlite
    .prepare<[string], number>(
      'select drawn_seed from runs where experiment_id = ? and drawn_seed is not null order by run_index',
    )
    .pluck();
  const invocations = sqlite.prepare<[number, number], SourceInvocation>(`
    select sequence, model_id as "modelId", input_id as "inputId", output_id as "outputId", seed, source,
      host_id as "hostId", batch_size as "batchSize", compute_ms as "computeMs", created_at as "createdAt",
      cut_tokens as "cutTokens", output_cut as "outputCut"
    from invocations where run_id = ? and sequence >= ? order by sequence`);
  const embeddings = sqlite.prepare<[number], SourceEmbedding>(`
    select i.sequence, e.model_id as "modelId", e.source, e.vector_id as "vectorId"
    from invocations i join embeddings e on e.invocation_id = i.id where i.run_id = ? order by e.model_id, i.sequence`);
  const vector = sqlite.prepare<[number], SourceVector>(`
    select artifact_id as "artifactId", sha256, bytes, norm, compute_ms as "computeMs", host_id as "hostId",
      cut_tokens as "cutTokens"
    from vectors where id = ?`);
  const diagrams = sqlite.prepare<[number], SourceDiagram>(`
    select id, model_id as "modelId", metric, max_dimension as "maxDimension", max_edge_length as "maxEdgeLength",
      point_count as "pointCount", distinct_point_count as "distinctPointCount", edge_count as "edgeCount",
      points_sha256 as "pointsSha256", compute_ms as "computeMs", created_at as "createdAt"
    from diagrams where run_id = ? order by id`);
  const dimensions = sqlite.prepare<[number], SourceDimension>(`
    select dimension, bar_count as "barCount", finite_bar_count as "finiteBarCount", entropy, bars
    from diagram_dimensions where diagram_id = ? order by dimension`);
  const surrogates = sqlite.prepare<[number], SourceSurrogate>(`
    select kind, surrogate_index as "surrogateIndex", dimension, bar_count as "barCount", longest_bar as "longestBar",
      total_persistence as "totalPersistence", entropy
    from surrogates where diagram_id = ? order by kind, surrogate_index, dimension`);
  const failures = sqlite.prepare<[number], SourceFailure>(`
    select attempt, stage, sequence, kind, message, created_at as "createdAt" from failures where run_id = ? order by id`);
  const model = sqlite.prepare<[number], SourceModel>(
    'select name, kind, source, revision, settings, input, output, dimension from models where id = ?',
  );
  const host = sqlite.prepare<[number], { readonly fingerprint: string }>(
    'select fingerprint from hosts where id = ?',
  );
  const artifact = sqlite.prepare<[number], StoredContent>(`select ${CONTENT} from artifacts where id = ?`);
  const pictures = sqlite.prepare<[string], StoredContent>(`
    select ${CONTENT} from artifacts where ${hasObject()} and id in (
      select i.output_id from runs r join invocations i on i.run_id = r.id where r.experiment_id = ?)
    order by sha256`);

  const lastWork = sqlite.prepare<[string], { readonly at: number | null }>(LAST_WORK);

  return {
    experiments: () => experiments.all(),
    /** When the last thing was stored of an experiment, milliseconds since the epoch; null where nothing was. */
    lastWork: (experiment: string) => lastWork.get(experiment)?.at ?? null,
    runs: (experiment: string) => runs.iterate(experiment),
    drawnSeeds: (experiment: string) => drawnSeeds.all(experiment),
    /** From this sequence on. */
    invocations: (run: number, from: number) => invocations.iterate(run, from),
    embeddings: (run: number) => embeddings.iterate(run),
    vector: (id: number) => there(vector.get(id), 'vector', id),
    diagrams: (run: number) => diagrams.all(run),
    dimensions: (diagram: number) => dimensions.all(diagram),
    surrogates: (diagram: number) => surrogates.iterate(diagram),
    failures: (run: number) => failures.all(run),
    model: (id: number) => there(model.get(id), 'model', id),
    host: (id: number) => there(host.get(id), 'host', id).fingerprint,
    artifact: (id: number) => there(artifact.get(id), 'artifact', id),
    /** Every picture among an experiment's outputs, once each. */
    pictures: (experiment: string) => pictures.iterate(experiment),
  };
}

function there<T>(row: T | undefined, what: string, id: number): T {
  if (row === undefined)
    throw new Error(`${what} ${id} of the source is missing, although its invariants hold`);
  return row;
}
