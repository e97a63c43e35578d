import { ANALYSIS_REVISION, runStatistics } from '../analysis/index.js';
import type {
  EmbeddedSteps,
  NewRunStatistics,
  PromptOrigins,
  RecomputedStatistics,
  RunRow,
  RunStatisticsKey,
  Store,
  UsedEmbedding,
} from '../db/index.js';
import { canonicalJson } from '../experiment/ids.js';

/** The radius of recurrences and near cycles for unit vectors: a cosine of 0.98. */
const UNIT_RADIUS = 0.2;

/** What the numbers of a run depend on besides its vectors. */
export interface RunStatisticsParameters {
  /** Null for a model whose vectors are not of length 1: no radius suits all of them. */
  readonly radius: number | null;
}

type StatisticsStore = Pick<Store, 'trajectories' | 'promptVectors' | 'runStatistics' | 'experiments'>;

/**
 * Computes and stores the numbers and curves of a run under a model, in a transaction of their own. Idempotent by
 * (run, model): a row of the same vectors, prompts, revision and parameters stays. Returns whether it computed
 * them. A run without an embedded output has none. A run of which a prompt has no vector has no drift from
 * prompts. Shares the thread with the event loop, and rejects with the reason of the signal if it is aborted.
 */
export async function storeRunStatistics(
  { store, now }: { readonly store: StatisticsStore; readonly now: () => number },
  run: RunRow,
  model: UsedEmbedding,
  signal: AbortSignal,
): Promise<boolean> {
  const sources = await sourcesOf(store, run, model);
  if (await store.runStatistics.isCurrent(run, model.id, sources.key)) return false;
  const made = await computed(store, model, sources, signal);
  if (made === null) return false;
  await store.runStatistics.commit(run, model.id, sources.key, made, now());
  return true;
}

/** The numbers and curves of a run as this version computes them; null without an embedded output. */
export async function recomputedStatistics(
  store: StatisticsStore,
  run: RunRow,
  model: UsedEmbedding,
  signal: AbortSignal,
): Promise<RecomputedStatistics | null> {
  const sources = await sourcesOf(store, run, model);
  const made = await computed(store, model, sources, signal);
  return made === null ? null : { key: sources.key, made };
}

/** What the numbers are computed from, without the vectors of the outputs. */
interface Sources {
  readonly key: RunStatisticsKey;
  readonly steps: EmbeddedSteps;
  readonly origins: PromptOrigins | null;
  readonly parameters: RunStatisticsParameters;
}

async function sourcesOf(
  store: StatisticsStore,
  run: RunRow,
  { id: modelId, input }: UsedEmbedding,
): Promise<Sources> {
  const steps = await store.trajectories.steps(run, modelId);
  const { prompts } = await store.experiments.config(run.experimentId);
  const origins = input === 'text' ? await store.promptVectors.origins(run, prompts.length, modelId) : null;
  const parameters = { radius: steps.areUnit ? UNIT_RADIUS : null };
  const key = {
    pointsSha256: steps.sha256,
    promptSha256: origins?.sha256 ?? null,
    revision: ANALYSIS_REVISION,
    parameters: canonicalJson(parameters),
  };
  return { key, steps, origins, parameters };
}

async function computed(
  store: StatisticsStore,
  { dimension }: UsedEmbedding,
  { steps, origins, parameters }: Sources,
  signal: AbortSignal,
): Promise<NewRunStatistics | null> {
  const started = performance.now();
  const vectors = await store.trajectories.points(steps.vectorIds, dimension);
  const made = await runStatistics(
    { vectors, dimension, sequence: steps.sequence },
    {
      ...parameters,
      outputs: steps.outputs,
      prompt: origins?.prompt ?? null,
      otherPrompts: origins === null ? null : { points: origins.others, dimension },
    },
    { signal },
  );
  if (made === null) return null;
  return { ...made, stride: steps.stride, computeMs: performance.now() - started };
}
