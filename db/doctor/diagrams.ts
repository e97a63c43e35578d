import type Database from 'better-sqlite3';
import { createHash } from 'node:crypto';
import type { ExperimentConfig } from '../../experiment/config.js';
import { float32s } from '../float32.js';
import { barProblems } from './bars.js';
import type { EntropyOf } from './bars.js';
import { surrogateCheck } from './surrogates.js';
import type { RunRecord } from './trajectory.js';
import { RESTORE } from './violation.js';
import type { Violation } from './violation.js';

interface DiagramRecord {
  readonly id: number;
  readonly modelId: number;
  readonly model: string | null;
  readonly modality: string | null;
  readonly metric: string;
  readonly maxDimension: number;
  readonly maxEdgeLength: number | null;
  readonly pointCount: number;
  readonly distinctPointCount: number;
  readonly pointsSha256: Buffer;
}

interface DimensionRecord {
  readonly dimension: number;
  readonly barCount: number;
  readonly finiteBarCount: number;
  readonly entropy: number;
  readonly bars: Buffer;
}

/** Invariant 4 of one run: each diagram there, of today's points, with the experiment's settings and surrogates, and well formed. */
export function diagramCheck(db: Database.Database, entropyOf: EntropyOf | null) {
  const diagrams = db.prepare<[number], DiagramRecord>(`
    select d.id, d.model_id as modelId, m.name as model, m.input as modality, d.metric, d.max_dimension as maxDimension,
      d.max_edge_length as maxEdgeLength, d.point_count as pointCount, d.distinct_point_count as distinctPointCount,
      d.points_sha256 as pointsSha256
    from diagrams d left join models m on m.id = d.model_id where d.run_id = ? order by d.id`);
  const dimensions = db.prepare<[number], DimensionRecord>(`
    select dimension, bar_count as barCount, finite_bar_count as finiteBarCount, entropy, bars
    from diagram_dimensions where diagram_id = ? order by dimension`);
  const surrogateProblems = surrogateCheck(db);
  const points = new PointReader(db);

  return function* check(run: RunRecord, config: ExperimentConfig): Generator<Violation> {
    const where = `run ${run.runIndex} of experiment ${run.experimentId}`;
    const made = diagrams.all(run.id);
    if (run.status === 'finished') {
      for (const name of config.embedding_models) {
        if (made.some(({ model }) => model === name)) continue;
        const message = `${where}: it is finished without a diagram of ${name}; ${RESTORE}`;
        yield { invariant: 4, table: 'runs', id: run.id, message };
      }
    }
    for (const diagram of made) {
      const problem = (table: string, id: string | number, text: string): Violation => {
        const message = `diagram of ${diagram.model ?? 'a missing model'} of ${where}: ${text}; ${RESTORE}`;
        return { invariant: 4, table, id, message };
      };
      for (const text of settingProblems(diagram, config)) yield problem('diagrams', diagram.id, text);
      // A run that is not finished gets a stale diagram made again.
      if (run.status === 'finished') {
        for (const text of points.problems(run, diagram)) yield problem('diagrams', diagram.id, text);
      }
      const seen = new Set<number>();
      for (const row of dimensions.iterate(diagram.id)) {
        seen.add(row.dimension);
        for (const text of dimensionProblems(diagram, row, entropyOf)) {
          yield problem('diagram_dimensions', `${diagram.id}/${row.dimension}`, text);
        }
      }
      for (let dimension = 0; dimension <= diagram.maxDimension; dimension++) {
        if (!seen.has(dimension)) {
          const text = `dimension ${dimension} is missing`;
          yield problem('diagram_dimensions', `${diagram.id}/${dimension}`, text);
        }
      }
      // One that an earlier revision of the model left behind may have been left before it was complete.
      const isNewest = made.findLast(({ model }) => model === diagram.model) === diagram;
      const complete = run.status === 'finished' && isNewest;
      for (const { id, text } of surrogateProblems(diagram, config.null_model, complete)) {
        yield problem('surrogates', id, text);
      }
    }
  };
}

function* settingProblems(diagram: DiagramRecord, config: ExperimentConfig): Generator<string> {
  if (diagram.model === null || !config.embedding_models.includes(diagram.model)) {
    yield 'its model is not one of its experiment';
  }
  if (diagram.metric !== 'euclidean') yield `its metric is ${diagram.metric}, not euclidean`;
  if (diagram.maxDimension !== config.max_dimension) {
    yield `its max_dimension is ${diagram.maxDimension}, its experiment says ${config.max_dimension}`;
  }
  if (diagram.maxEdgeLength !== config.max_edge_length) {
    yield `its max_edge_length is ${diagram.maxEdgeLength}, its experiment says ${config.max_edge_length}`;
  }
}

function* dimensionProblems(
  diagram: DiagramRecord,
  row: DimensionRecord,
  entropyOf: EntropyOf | null,
): Generator<string> {
  const { dimension } = row;
  if (dimension > diagram.maxDimension) {
    yield `dimension ${dimension} is above its max_dimension ${diagram.maxDimension}`;
  }
  if (row.bars.byteLength !== 8 * row.barCount) {
    yield `dimension ${dimension} has ${row.bars.byteLength} bytes for ${row.barCount} bars of 8`;
    return;
  }
  if (dimension === 0 && row.barCount !== diagram.distinctPointCount) {
    yield `dimension 0 has ${row.barCount} bars for ${diagram.distinctPointCount} distinct points`;
  }
  for (const problem of barProblems(float32s(row.bars), row, diagram.maxEdgeLength, entropyOf)) {
    yield `dimension ${dimension}: ${problem}`;
  }
}

/** Compares what a diagram says of its points with the vectors that the run has now. */
class PointReader {
  private readonly eligible;
  private readonly digests;
  private readonly vectors;

  constructor(db: Database.Database) {
    this.eligible = db
      .prepare<[number, string | null], number>(
        'select count(*) from invocations i join artifacts o on o.id = i.output_id where i.run_id = ? and o.modality = ?',
      )
      .pluck();
    const ofRun = `from invocations i join embeddings e on e.invocation_id = i.id join vectors v on v.id = e.vector_id
      where i.run_id = ? and e.model_id = ?`;
    this.digests = db
      .prepare<[number, number], Buffer>(`select v.sha256 ${ofRun} order by i.sequence`)
      .pluck();
    this.vectors = db.prepare<[number, number], Buffer>(`select distinct v.bytes ${ofRun}`).pluck();
  }

  *problems(run: RunRecord, diagram: DiagramRecord): Generator<string> {
    const { pointCount, distinctPointCount } = diagram;
    const eligible = this.eligible.get(run.id, diagram.modality) ?? 0;
    if (pointCount !== eligible) {
      yield `it is made from ${pointCount} points, its run has ${eligible} eligible outputs`;
    }
    const digest = createHash('sha256');
    const distinct = new Set<string>();
    for (const sha256 of this.digests.iterate(run.id, diagram.modelId)) {
      digest.update(sha256);
      distinct.add(sha256.toString('base64'));
    }
    if (!digest.digest().equals(diagram.pointsSha256)) {
      yield 'it is stale: its points_sha256 is not that of the vectors that its run has now';
      return;
    }
    if (distinct.size === distinctPointCount) return;
    const found = this.countDistinct(run, diagram);
    if (found !== distinctPointCount) {
      yield `its distinct_point_count is ${distinctPointCount}, its vectors are ${found} distinct points`;
    }
  }

  /** By value: vectors that differ only in the sign of a zero are one point. */
  private countDistinct(run: RunRecord, diagram: DiagramRecord): number {
    const values = new Set<string>();
    for (const bytes of this.vectors.iterate(run.id, diagram.modelId)) {
      const positive = float32s(bytes).map((value) => (value === 0 ? 0 : value));
      values.add(createHash('sha256').update(positive).digest('base64'));
    }
    return values.size;
  }
}
