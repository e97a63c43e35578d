import { runCount } from '../../experiment/config.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { describeRunCurve, RUN_CURVE_NAMES } from '../../experiment/run-curves.js';
import { describeRunStatistic, RUN_STATISTIC_NAMES } from '../../experiment/run-statistics.js';
import { rangeProblem } from '../../experiment/statistics.js';
import type { Snapshot } from '../connection/database.js';
import { float32s } from '../float32.js';
import { experimentReader } from '../read/experiment-reader.js';
import type { ExperimentReader } from '../read/experiment-reader.js';
import type { StatisticsRecord } from '../read/rows.js';
import type { Store } from '../store.js';
import { isOfKey } from '../tables/run-statistics.js';
import type { RecomputedStatistics } from '../tables/run-statistics.js';
import { pointsDigest } from './points-digest.js';
import type { CheckedRun } from './trajectory.js';
import type { Violation } from './violation.js';

/** A run and an embedding model of its experiment, by names. */
export interface StatisticsPlace {
  readonly experiment: string;
  readonly run: number;
  readonly model: string;
}

/** The code that computes the numbers of trajectories, which is not of this room. */
export interface StatisticsCode {
  /** `ANALYSIS_REVISION`. */
  readonly revision: number;
  /** Computes the numbers of a run from its stored vectors; null if it has none. */
  recompute(of: StatisticsPlace & { readonly modelId: number }): Promise<RecomputedStatistics | null>;
  /** Computes and stores them, unless the stored ones are not stale. */
  store(store: Store, of: StatisticsPlace): Promise<void>;
}

/** Called for a finished run and a model with no numbers of the present revision. */
export type OnUncomputed = (of: StatisticsPlace) => void;

/** Of each experiment so many runs, of at most so many points, are computed again. */
const SAMPLE = { runs: 8, points: 1000 };

/** The largest difference between two machines, relative to 1 + the number. */
const TOLERANCE = { number: 1e-9, curve: 1e-5 };

/**
 * Invariant 4 of the numbers of one run's trajectory: they are of its present points, in their ranges, with the
 * curves that every run has, and in a sample equal to what the vectors give.
 */
export async function* checkRunStatistics(
  snapshot: Snapshot,
  run: CheckedRun,
  config: ExperimentConfig,
  {
    statistics: code,
    deep,
  }: { readonly statistics: Omit<StatisticsCode, 'store'> | null; readonly deep: boolean },
  onUncomputed: OnUncomputed,
): AsyncGenerator<Violation, void, undefined> {
  const reader = experimentReader(snapshot);
  const computed = new Set<string>();
  for await (const row of reader.statisticsOf(run.id, CHECKED)) {
    const model = row['model.name'];
    const isPresent = code === null || row.revision >= code.revision;
    if (model !== null && isPresent) computed.add(model);
    const where = `numbers of run ${run.runIndex} of experiment ${run.experimentId} under ${model ?? 'a missing model'}`;
    const repair = { kind: 'delete statistics', statistics: row.id } as const;
    const problem = (text: string): Violation => ({
      invariant: 4,
      table: 'run_statistics',
      id: row.id,
      message: `${where}: ${text}`,
      repair,
    });
    if (model === null || !config.embedding_models.includes(model)) {
      yield problem('their model is not one of the experiment');
    }
    for (const text of rangeProblems(row)) yield problem(text);
    for await (const text of curveProblems(reader, row)) yield problem(text);
    // Those of an unfinished run may be stale: a worker computes them again.
    if (run.status !== 'finished') continue;
    if (!(await pointsDigest(reader, run.id, row.modelId)).equals(row.pointsSha256)) {
      yield problem('they are stale: their points_sha256 is not that of the vectors that the run has now');
      continue;
    }
    if (code === null || model === null || row.revision !== code.revision) continue;
    if (!deep && !isSampled(run, row.pointCount, config)) continue;
    const of = { experiment: run.experimentId, run: run.runIndex, model };
    const found = await code.recompute({ ...of, modelId: row.modelId });
    if (found !== null && !isOfKey(row, found.key)) onUncomputed(of);
    else for await (const text of differences(reader, row, found)) yield problem(text);
  }
  if (run.status !== 'finished') return;
  for (const model of config.embedding_models) {
    if (!computed.has(model)) onUncomputed({ experiment: run.experimentId, run: run.runIndex, model });
  }
}

const CHECKED = [
  'id',
  'modelId',
  'pointsSha256',
  'promptSha256',
  'revision',
  'parameters',
  'stride',
  'model.name',
  ...RUN_STATISTIC_NAMES,
] as const satisfies readonly (keyof StatisticsRecord)[];

type Checked = Pick<StatisticsRecord, (typeof CHECKED)[number]>;

function* rangeProblems(row: Checked): Generator<string> {
  for (const name of RUN_STATISTIC_NAMES) {
    const description = describeRunStatistic(name);
    const value = row[name];
    if (value === null && description.nullRule !== null) continue;
    const outside = rangeProblem(description, value);
    if (outside !== null) yield outside;
  }
  const { distinctOutputCount, distinctPointCount, pointCount } = row;
  for (const distinct of [distinctOutputCount, distinctPointCount]) {
    if (distinct > pointCount)
      yield `they have ${distinct} distinct points or outputs among ${pointCount} points`;
  }
}

async function* curveProblems(
  reader: ExperimentReader,
  row: Checked,
): AsyncGenerator<string, void, undefined> {
  const known = RUN_CURVE_NAMES.map((name) => describeRunCurve(name));
  const seen = new Set<string>();
  for await (const { name, points } of reader.curvesOf(row.id)) {
    seen.add(name);
    if (known.every((curve) => curve.name !== name)) yield `there is no curve ${name}`;
    if (points.byteLength % 4 !== 0)
      yield `the curve ${name} has ${points.byteLength} bytes, 4 for each number`;
    else if (!float32s(points).every(Number.isFinite))
      yield `the curve ${name} has a number that is not finite`;
  }
  for (const { name, nullRule } of known) {
    if (nullRule === null && !seen.has(name)) yield `the curve ${name} is missing`;
  }
}

/** Every so many runs of an experiment, so that the sample does not grow with it. */
function isSampled({ runIndex }: CheckedRun, pointCount: number, config: ExperimentConfig): boolean {
  return pointCount <= SAMPLE.points && runIndex % Math.ceil(runCount(config) / SAMPLE.runs) === 0;
}

async function* differences(
  reader: ExperimentReader,
  row: Checked,
  found: RecomputedStatistics | null,
): AsyncGenerator<string, void, undefined> {
  if (found === null) {
    yield 'the run has no vectors to compute them from';
    return;
  }
  const { values, curves, stride } = found.made;
  if (row.stride !== stride) yield `their stride is ${row.stride}, the steps give ${stride}`;
  for (const name of RUN_STATISTIC_NAMES) {
    if (isNear(row[name], values[name], TOLERANCE.number)) continue;
    yield `their ${describeRunStatistic(name).column} is ${row[name]}, the vectors give ${values[name]}`;
  }
  const stored = new Map<string, Float32Array>();
  for await (const { name, points } of reader.curvesOf(row.id)) stored.set(name, float32s(points));
  for (const name of RUN_CURVE_NAMES) {
    const title = describeRunCurve(name).name;
    const [kept, given] = [stored.get(title), curves[name]];
    if (kept === undefined && given === null) continue;
    const isEqual =
      kept?.length === given?.length &&
      kept?.every((value, k) => isNear(value, given?.[k] ?? null, TOLERANCE.curve)) === true;
    if (!isEqual) yield `their curve ${title} is not the one that the vectors give`;
  }
}

function isNear(value: number | null, expected: number | null, tolerance: number): boolean {
  if (value === null || expected === null) return value === expected;
  return Math.abs(value - expected) <= tolerance * (1 + Math.abs(expected));
}
