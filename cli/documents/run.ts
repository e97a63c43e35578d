import type { RunRow, Store } from '../../db/index.js';
import { isStoredAsObject } from '../../experiment/modality.js';
import { bettiCurve } from '../../tda/index.js';
import { isoTime } from '../terminal/format.js';
import { nullModelRanks } from './null-model.js';
import { runStatisticsDocument } from './run-statistics.js';
import { countsDocument, statisticsDocument } from './statistics.js';
import { stepValues } from './step-columns.js';
import type { StoredStep } from './step-columns.js';

/**
 * Number of thresholds of a Betti curve. They are evenly spaced from 0 to the last finite birth or death of the
 * diagram.
 */
const BETTI_THRESHOLDS = 101;

/**
 * One run as `show ID RUN --json` prints it, without its trajectory. The trajectory may be long, so
 * `documentSteps` gives it.
 */
export type RunDocument = Awaited<ReturnType<typeof runDocument>>;

/** One step as `show ID RUN --json` prints it. */
export type StepDocument = ReturnType<typeof stepDocument>;

export function stepDocument({ objects }: Pick<Store, 'objects'>, step: StoredStep) {
  const { modality, text, sha256 } = step;
  return {
    ...stepValues(step),
    modality,
    ...(isStoredAsObject(modality) ? { object: objects.location(sha256) } : { text }),
  };
}

/** Yields the steps of a run, and reads each when the caller takes it. */
export async function* documentSteps(
  store: Store,
  run: RunRow,
): AsyncGenerator<StepDocument, void, undefined> {
  for await (const step of store.invocations.steps(run)) yield stepDocument(store, step);
}

export async function runDocument(store: Store, run: RunRow, prompt: string) {
  const trajectory: StepDocument[] = [];
  const failures = await store.runs.failuresOf(run);
  const diagrams = await store.diagrams.ofRun(run);
  const { embedding_models: models } = await store.experiments.config(run.experimentId);
  return {
    experiment: run.experimentId,
    run: run.runIndex,
    network: run.network,
    seed: run.seed,
    /** The seed that the seeds of all steps derive from. Only for seed -1. */
    drawnSeed: run.drawnSeed,
    prompt,
    status: run.status,
    /** What an operator asked for this run alone: `paused`, `cancelled`, or null. */
    hold: run.hold,
    stopReason: run.stopReason,
    length: run.length,
    maxLength: run.maxLength,
    cycle: run.cycleStart === null ? null : { start: run.cycleStart, length: run.cycleLength },
    attempt: run.attempt,
    error: run.errorKind === null ? null : { kind: run.errorKind, message: run.errorMessage },
    startedAt: isoTime(run.startedAt),
    finishedAt: isoTime(run.finishedAt),
    trajectory,
    /** The number of outputs that stopped at the limit of tokens, so that their end is missing. */
    outputsCut: (await store.invocations.stepFigures(run)).told.outputCut,
    /** Embedding models that gave all distinct outputs of the run one vector. */
    sharedVectors: await store.summaries.sharedVectors(run.experimentId, models, run.id),
    /** Embedding models that had no room for the end of some outputs. */
    cutOutputs: await store.vectors.cuts(run),
    failures: failures.map(({ attempt, stage, sequence, kind, message, createdAt }) => ({
      attempt,
      stage,
      sequence,
      kind,
      message,
      at: isoTime(createdAt),
    })),
    /** The numbers of the trajectory under each embedding model that has them. */
    statistics: (await store.runStatistics.ofRun(run)).map((made) => runStatisticsDocument(made)),
    diagrams: await Promise.all(diagrams.map((made) => diagramDocument(store, made))),
  };
}

type DiagramOfRun = Awaited<ReturnType<Store['diagrams']['ofRun']>>[number];

async function diagramDocument(store: Store, { model, diagram, dimensions }: DiagramOfRun) {
  const thresholds = bettiThresholds(dimensions.map(({ bars }) => bars));
  return {
    model,
    metric: diagram.metric,
    maxDimension: diagram.maxDimension,
    maxEdgeLength: diagram.maxEdgeLength,
    ...countsDocument(diagram),
    computeMs: diagram.computeMs,
    bettiThresholds: [...thresholds],
    dimensions: dimensions.map((row) => ({
      dimension: row.dimension,
      ...statisticsDocument(row),
      /** Each bar is [birth, death]. A death of null is infinite. */
      bars: pairs(row.bars),
      bettiCurve: [...bettiCurve(row.bars, thresholds)],
    })),
    /** Empty without a null model. */
    nullModel: nullModelRanks(dimensions, await store.surrogates.ofDiagram(diagram.id)),
  };
}

export type BarPair = readonly [birth: number, death: number | null];

function pairs(bars: Float32Array): BarPair[] {
  const list: BarPair[] = [];
  for (let k = 0; k < bars.length; k += 2) {
    const death = bars[k + 1]!;
    list.push([bars[k]!, death === Infinity ? null : death]);
  }
  return list;
}

function bettiThresholds(dimensions: readonly Float32Array[]): Float32Array {
  let last = 0;
  for (const bars of dimensions) for (const end of bars) if (end !== Infinity && end > last) last = end;
  return Float32Array.from({ length: BETTI_THRESHOLDS }, (_, k) => (last * k) / (BETTI_THRESHOLDS - 1));
}
