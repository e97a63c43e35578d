import { createHash } from 'node:crypto';
import { canonicalJson } from '../../experiment/ids.js';
import type { Database } from '../connection/database.js';

/**
 * An experiment's rows by what they mean: indices, names and digests, without ids, times, hosts and how a value was come
 * by. Two stores that hold the same results of the same experiment have equal content, whatever happened on the way.
 */
export type ContentRow =
  | ContentOfRun
  | ContentOfInvocation
  | ContentOfEmbedding
  | ContentOfDiagram
  | ContentOfSurrogate;

export interface ContentOfRun {
  readonly kind: 'run';
  readonly run: number;
  readonly network: string;
  readonly seed: number;
  /** Differs between two plans of a run with seed -1. */
  readonly drawnSeed: number | null;
  readonly prompt: string;
  readonly maxLength: number;
  readonly status: string;
  readonly stopReason: string | null;
  readonly length: number | null;
  readonly cycleStart: number | null;
  readonly cycleLength: number | null;
  readonly errorKind: string | null;
}

export interface ContentOfInvocation {
  readonly kind: 'invocation';
  readonly run: number;
  readonly sequence: number;
  readonly model: string;
  readonly seed: number;
  readonly modality: string;
  /** Hexadecimal, as every digest here. */
  readonly output: string;
  readonly cutTokens: number | null;
}

export interface ContentOfEmbedding {
  readonly kind: 'embedding';
  readonly run: number;
  readonly sequence: number;
  readonly model: string;
  readonly vector: string;
  readonly cutTokens: number | null;
}

export interface ContentOfDiagram {
  readonly kind: 'diagram';
  readonly run: number;
  readonly model: string;
  readonly metric: string;
  readonly maxDimension: number;
  readonly maxEdgeLength: number | null;
  readonly pointCount: number;
  readonly distinctPointCount: number;
  readonly edgeCount: number;
  readonly points: string;
  readonly dimension: number;
  readonly barCount: number;
  readonly finiteBarCount: number;
  /** Birth, death, birth, death, ... as stored. */
  readonly bars: string;
}

/** Without its entropy, which follows from the bars and takes logarithms, whose last bit may differ between machines. */
export interface ContentOfSurrogate {
  readonly kind: 'surrogate';
  readonly run: number;
  readonly model: string;
  readonly nullModel: string;
  readonly index: number;
  readonly dimension: number;
  readonly barCount: number;
  readonly longestBar: number;
  readonly totalPersistence: number;
}

// Model names carry their revision: another revision is another result.
const MODEL = `m.name || '@' || m.revision as model`;

const RUNS = `
  select r.id, r.run_index as run, r.network, r.seed, r.drawn_seed as "drawnSeed", p.text as prompt,
    r.max_length as "maxLength", r.status, r.stop_reason as "stopReason", r.length, r.cycle_start as "cycleStart",
    r.cycle_length as "cycleLength", r.error_kind as "errorKind"
  from runs r join artifacts p on p.id = r.prompt_id where r.experiment_id = ? order by r.run_index`;

const INVOCATIONS = `
  select i.sequence, ${MODEL}, i.seed, o.modality, o.sha256 as output,
    i.cut_tokens as "cutTokens"
  from invocations i join models m on m.id = i.model_id join artifacts o on o.id = i.output_id
  where i.run_id = ? order by i.sequence`;

const EMBEDDINGS = `
  select i.sequence, ${MODEL}, v.sha256 as vector,
    v.cut_tokens as "cutTokens"
  from invocations i join embeddings e on e.invocation_id = i.id join models m on m.id = e.model_id
  join vectors v on v.id = e.vector_id where i.run_id = ? order by m.name, m.revision, m.settings, i.sequence`;

const DIAGRAMS = `
  select ${MODEL}, d.metric, d.max_dimension as "maxDimension",
    d.max_edge_length as "maxEdgeLength", d.point_count as "pointCount", d.distinct_point_count as "distinctPointCount",
    d.edge_count as "edgeCount", d.points_sha256 as points, k.dimension, k.bar_count as "barCount",
    k.finite_bar_count as "finiteBarCount", k.bars as bars
  from diagrams d join models m on m.id = d.model_id join diagram_dimensions k on k.diagram_id = d.id
  where d.run_id = ? order by m.name, m.revision, m.settings, k.dimension`;

const SURROGATES = `
  select ${MODEL}, s.kind as "nullModel", s.surrogate_index as "index", s.dimension,
    s.bar_count as "barCount", s.longest_bar as "longestBar", s.total_persistence as "totalPersistence"
  from diagrams d join models m on m.id = d.model_id join surrogates s on s.diagram_id = d.id
  where d.run_id = ? order by m.name, m.revision, m.settings, s.kind, s.surrogate_index, s.dimension`;

/**
 * The content of an experiment, run by run: the run, its invocations, its embeddings, its diagrams, their surrogates, each
 * in order. Reads the database as it is at the first step; finish or `return()` the iteration, which closes what it reads from.
 */
export async function* contentOf(
  db: Database,
  experimentId: string,
): AsyncGenerator<ContentRow, void, undefined> {
  const snapshot = await db.snapshot();
  try {
    for await (const { id, ...run } of snapshot.rows<RunRecord>(RUNS, experimentId)) {
      yield { kind: 'run', ...run };
      for (const [kind, query] of OF_RUN) {
        for await (const row of snapshot.rows<object>(query, id)) {
          yield { kind, run: run.run, ...withHexadecimal(row) } as ContentRow;
        }
      }
    }
  } finally {
    await snapshot.close();
  }
}

type RunRecord = Omit<ContentOfRun, 'kind'> & { readonly id: number };

const OF_RUN = [
  ['invocation', INVOCATIONS],
  ['embedding', EMBEDDINGS],
  ['diagram', DIAGRAMS],
  ['surrogate', SURROGATES],
] as const;

function withHexadecimal(row: object): object {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [key, Buffer.isBuffer(value) ? value.toString('hex') : value]),
  );
}

/** SHA-256 (hexadecimal) of an experiment's content, row by row as canonical JSON lines. */
export async function contentDigest(db: Database, experimentId: string): Promise<string> {
  const digest = createHash('sha256');
  for await (const row of contentOf(db, experimentId)) digest.update(`${canonicalJson(row)}\n`);
  return digest.digest('hex');
}
