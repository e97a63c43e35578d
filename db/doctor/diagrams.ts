import { createHash } from 'node:crypto';
import type { Modality } from '../../experiment/artifact.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import type { BarMeasures, KeptOf } from '../../experiment/statistics.js';
import { float32s } from '../float32.js';
import type { Snapshot } from '../connection/database.js';
import { experimentReader } from '../read/experiment-reader.js';
import type { ExperimentReader } from '../read/experiment-reader.js';
import { embeddingTotals, stepTotals } from '../read/totals.js';
import type { DiagramRecord, StoredDimension } from '../read/rows.js';
import { barProblems, lackingStatistics } from './bars.js';
import { pointsDigest } from './points-digest.js';
import type { OnRows } from './yield-turns.js';
import type { Repair } from './repair.js';
import { surrogateProblems } from './surrogates.js';
import type { CheckedRun } from './trajectory.js';
import type { Violation } from './violation.js';

const CHECKED = [
  'id',
  'modelId',
  'metric',
  'maxDimension',
  'maxEdgeLength',
  'pointCount',
  'distinctPointCount',
  'pointsSha256',
  'model.name',
  'model.input',
] as const satisfies readonly (keyof DiagramRecord)[];

type CheckedDiagram = Pick<DiagramRecord, (typeof CHECKED)[number]>;

/** Called for a diagram that does not have numbers which its bars give. */
export type OnUnmeasured = (diagram: number, names: readonly KeptOf<'diagram'>[]) => void;

/**
 * Invariant 4 of one run: each diagram exists, is made of the present points, has the experiment's settings
 * and surrogates, and is well formed.
 */
export async function* checkDiagrams(
  snapshot: Snapshot,
  run: CheckedRun,
  config: ExperimentConfig,
  measures: BarMeasures | null,
  onRows: OnRows,
  onUnmeasured: OnUnmeasured,
): AsyncGenerator<Violation, void, undefined> {
  const where = `run ${run.runIndex} of experiment ${run.experimentId}`;
  const reader = experimentReader(snapshot);
  const made: CheckedDiagram[] = [];
  for await (const row of reader.diagramsOf(run.id, CHECKED)) made.push(row);
  onRows(made.length);
  if (run.status === 'finished') {
    for (const name of config.embedding_models) {
      if (made.some((diagram) => diagram['model.name'] === name)) continue;
      const message = `${where}: it is finished without a diagram of ${name}`;
      const repair = { kind: 'reopen run', run: run.id } as const;
      yield { invariant: 4, table: 'runs', id: run.id, message, repair };
    }
  }
  for (const diagram of made) {
    const remake: Repair = { kind: 'delete diagram', diagram: diagram.id };
    const problem = (
      table: string,
      id: string | number,
      text: string,
      repair: Repair = remake,
    ): Violation => {
      const message = `diagram of ${diagram['model.name'] ?? 'a missing model'} of ${where}: ${text}`;
      return { invariant: 4, table, id, message, repair };
    };
    for (const text of settingProblems(diagram, config)) yield problem('diagrams', diagram.id, text);
    // A stale diagram of an unfinished run is no violation: a worker makes it again.
    if (run.status === 'finished') {
      for await (const text of pointProblems(snapshot, run, diagram)) {
        yield problem('diagrams', diagram.id, text);
      }
    }
    const seen = new Set<number>();
    for await (const row of reader.dimensionsOf({ diagram: diagram.id })) {
      seen.add(row.dimension);
      const problems = [...dimensionProblems(diagram, row, measures)];
      for (const text of problems) {
        yield problem('diagram_dimensions', `${diagram.id}/${row.dimension}`, text);
      }
      if (problems.length > 0 || measures === null) continue;
      const lacking = lackingStatistics(row, float32s(row.bars), measures);
      if (lacking.length > 0) onUnmeasured(diagram.id, lacking);
    }
    for (let dimension = 0; dimension <= diagram.maxDimension; dimension++) {
      if (!seen.has(dimension)) {
        const text = `dimension ${dimension} is missing`;
        yield problem('diagram_dimensions', `${diagram.id}/${dimension}`, text);
      }
    }
    // An earlier revision of the model may have left its diagram incomplete.
    const isNewest = made.findLast((other) => other['model.name'] === diagram['model.name']) === diagram;
    const complete = run.status === 'finished' && isNewest;
    const surrogates = surrogateProblems(snapshot, run.id, diagram, config.null_model, complete, onRows);
    for await (const { id, text, repair } of surrogates) yield problem('surrogates', id, text, repair);
  }
}

function* settingProblems(diagram: CheckedDiagram, config: ExperimentConfig): Generator<string> {
  const { 'model.name': model } = diagram;
  if (model === null || !config.embedding_models.includes(model)) {
    yield 'its model is not one of its experiment';
  }
  const metric: string = diagram.metric;
  if (metric !== 'euclidean') yield `its metric is ${metric}, not euclidean`;
  if (diagram.maxDimension !== config.max_dimension) {
    yield `its max_dimension is ${diagram.maxDimension}, its experiment says ${config.max_dimension}`;
  }
  if (diagram.maxEdgeLength !== config.max_edge_length) {
    yield `its max_edge_length is ${diagram.maxEdgeLength}, its experiment says ${config.max_edge_length}`;
  }
}

function* dimensionProblems(
  diagram: CheckedDiagram,
  row: StoredDimension,
  measures: BarMeasures | null,
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
  for (const problem of barProblems(float32s(row.bars), row, diagram.maxEdgeLength, measures)) {
    yield `dimension ${dimension}: ${problem}`;
  }
}

const BYTES = ['bytes'] as const;

/** Compares the facts that a diagram states about its points with the vectors that the run has now. */
async function* pointProblems(
  snapshot: Snapshot,
  run: CheckedRun,
  diagram: CheckedDiagram,
): AsyncGenerator<string, void, undefined> {
  const { pointCount, distinctPointCount, modelId, 'model.input': modality } = diagram;
  const reader = experimentReader(snapshot);
  const eligible = modality === null ? 0 : await eligibleSteps(reader, run.id, modality);
  if (pointCount !== eligible) {
    yield `it is made from ${pointCount} points, its run has ${eligible} eligible outputs`;
  }
  if (!(await pointsDigest(reader, run.id, modelId)).equals(diagram.pointsSha256)) {
    yield 'it is stale: its points_sha256 is not that of the vectors that its run has now';
    return;
  }
  // The database counts them, which needs no memory for a run of any length.
  const { distinct } = await reader.total(
    embeddingTotals(
      { run: run.id, only: { modelId } },
      { distinct: { over: 'distinct', of: 'vector.sha256' } },
    ),
  );
  if (distinct === distinctPointCount) return;
  const found = await countDistinct(reader, run, diagram);
  if (found !== distinctPointCount) {
    yield `its distinct_point_count is ${distinctPointCount}, its vectors are ${found} distinct points`;
  }
}

/** The number of steps whose outputs an embedding model of this modality takes. */
async function eligibleSteps(reader: ExperimentReader, run: number, modality: Modality): Promise<number> {
  const scope = { run, only: { 'output.modality': modality } };
  return (await reader.total(stepTotals(scope, { steps: { over: 'rows' } }))).steps;
}

/** Counts by value: vectors that differ only in the sign of a zero are one point. */
async function countDistinct(
  reader: ExperimentReader,
  run: CheckedRun,
  { modelId }: CheckedDiagram,
): Promise<number> {
  const values = new Set<string>();
  for await (const { bytes } of reader.vectorRowsOf(run.id, modelId, BYTES)) {
    const positive = float32s(bytes).map((value) => (value === 0 ? 0 : value));
    values.add(createHash('sha256').update(positive).digest('base64'));
  }
  return values.size;
}
