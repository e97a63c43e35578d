import type { Modality } from './artifact.js';
import { runCount, surrogateCount, type ExperimentConfig } from './config.js';
import { PanicError } from '../common/errors.js';
import { isStoredAsObject, MODALITY_FACTS } from './modality.js';
import { modelOfKind } from './model.js';
import type { Catalogue, GenerativeModel, Model } from './model.js';

/** What earlier experiments on this machine measured, by model name. */
export interface PlanHistory {
  readonly msPerInvocation: ReadonlyMap<string, number>;
  readonly msPerVector: ReadonlyMap<string, number>;
  /** Mean size of a model's stored pictures, in bytes. */
  readonly bytesPerImage: ReadonlyMap<string, number>;
}

export interface PlanOptions {
  /**
   * Peak memory of a diagram of `points` points up to `maxDimension`. The caller passes the estimate of the
   * room that computes diagrams.
   */
  readonly diagramBytes: (points: number, maxDimension: 0 | 1 | 2) => number;
  readonly history?: PlanHistory;
  /** Milliseconds of a call, measured once on another machine, for models that the history does not know. */
  readonly measured?: Pick<PlanHistory, 'msPerInvocation' | 'msPerVector'>;
}

/** A model's share of the work. */
export interface ModelWork {
  readonly model: string;
  readonly count: number;
  /**
   * The time of the model alone, one call after another; null if neither the history nor a measurement knows
   * it.
   */
  readonly ms: number | null;
  /** The source of that time: the data folder's own history, or a measurement of another machine. */
  readonly from: 'history' | 'measurement' | null;
}

/**
 * The most work that an experiment can need. Runs that end in a cycle need less, and so does equal work that
 * is reused.
 */
export interface Plan {
  readonly runs: number;
  /** runs x max_length. */
  readonly invocations: number;
  /** In the order in which the networks first name the models. */
  readonly invocationsByModel: readonly ModelWork[];
  readonly embeddings: number;
  readonly embeddingsByModel: readonly ModelWork[];
  /** runs x embedding models. */
  readonly diagrams: number;
  /** Diagrams of surrogates, in addition to the others; 0 without a null model. */
  readonly surrogateDiagrams: number;
  readonly largestDiagramPoints: number;
  readonly largestDiagramBytes: number;
  readonly databaseBytes: number;
  /** Bytes of the pictures, which the store keeps beside the database. */
  readonly objectBytes: number;
  /** All model time together; null unless the time of every model is known. */
  readonly modelMs: number | null;
  /** The assumptions behind the figures, one sentence each. */
  readonly assumptions: readonly string[];
}

/** Bytes of the row of an invocation with its indices, and of the row of a run. */
const INVOCATION_ROW_BYTES = 250;
const RUN_ROW_BYTES = 400;
/** 4 bytes per dimension, and a third more because a database page rarely holds a whole number of vectors. */
const VECTOR_BYTES_PER_DIMENSION = 4 * (4 / 3);
const VECTOR_ROW_BYTES = 150;
/**
 * Birth and death as 32-bit numbers. The estimate assumes as many bars in each dimension as there are points.
 */
const BAR_BYTES = 8;
const DIAGRAM_ROW_BYTES = 500;
/** Bytes of one homology dimension of one surrogate. */
const SURROGATE_ROW_BYTES = 100;

/**
 * Computes the plan of an experiment: counts are exact upper bounds, bytes are estimates. The config must be
 * valid. Throws `InvalidInput` if the catalogue does not have one of its models.
 */
export function planOf(config: ExperimentConfig, catalogue: Catalogue, options: PlanOptions): Plan {
  const { history, measured } = options;
  const runs = runCount(config);
  const invocations = countInvocations(config);
  const generative = [...invocations].map(([name, count]) => ({
    model: requireModel(name, 'generative', catalogue),
    count,
  }));
  const embedding = config.embedding_models.map((name) => {
    const model = requireModel(name, 'embedding', catalogue);
    const count = sum(
      generative.filter(({ model: from }) => from.output === model.input).map((work) => work.count),
    );
    return { model, count };
  });
  const invocationsByModel = generative.map(({ model: { name }, count }) =>
    workOf(name, count, history?.msPerInvocation, measured?.msPerInvocation),
  );
  const embeddingsByModel = embedding.map(({ model: { name }, count }) =>
    workOf(name, count, history?.msPerVector, measured?.msPerVector),
  );
  const largestDiagramPoints = mostPoints(
    config,
    embedding.map(({ model }) => model.input),
    catalogue,
  );
  const embeddings = sum(embedding.map(({ count }) => count));
  const diagrams = runs * config.embedding_models.length;
  const surrogateDiagrams = diagrams * surrogateCount(config);
  return {
    runs,
    invocations: runs * config.max_length,
    invocationsByModel,
    embeddings,
    embeddingsByModel,
    diagrams,
    surrogateDiagrams,
    largestDiagramPoints,
    largestDiagramBytes: options.diagramBytes(largestDiagramPoints, config.max_dimension),
    databaseBytes: Math.round(
      runs * RUN_ROW_BYTES +
        sum(
          generative.map(
            ({ model, count }) => count * (INVOCATION_ROW_BYTES + MODALITY_FACTS[model.output].rowBytes),
          ),
        ) +
        sum(
          embedding.map(
            ({ model, count }) => count * (VECTOR_ROW_BYTES + model.dimension * VECTOR_BYTES_PER_DIMENSION),
          ),
        ) +
        diagrams * DIAGRAM_ROW_BYTES +
        embeddings * BAR_BYTES * (config.max_dimension + 1) +
        surrogateDiagrams * SURROGATE_ROW_BYTES * (config.max_dimension + 1),
    ),
    objectBytes: Math.round(sum(generative.map(({ model, count }) => count * objectBytesOf(model, history)))),
    modelMs: total([...invocationsByModel, ...embeddingsByModel].map(({ ms }) => ms)),
    assumptions: [
      'Counts are upper bounds: a run ends earlier at a cycle, and equal work is computed once.',
      `Bytes are estimates: pictures of ${MODALITY_FACTS.image.objectBytes / 1000} kB where history knows no better, texts of about twenty words.`,
      'Model time is that of one call after another, without persistence diagrams; several go on at once.',
    ],
  };
}

/**
 * The number of steps of a run that the model at `position` of a network makes: every `length`-th step from
 * `position` on.
 */
export function stepsAt(position: number, length: number, maxLength: number): number {
  return Math.max(0, Math.ceil((maxLength - position) / length));
}

function countInvocations(config: ExperimentConfig): Map<string, number> {
  const runsPerNetwork = config.seeds.length * config.prompts.length;
  const counts = new Map<string, number>();
  for (const network of config.networks) {
    for (const [position, name] of network.entries()) {
      const steps = stepsAt(position, network.length, config.max_length);
      counts.set(name, (counts.get(name) ?? 0) + steps * runsPerNetwork);
    }
  }
  return counts;
}

/** The number of points of the largest diagram: the most outputs of an embedded modality in one run. */
export function mostPoints(
  config: Pick<ExperimentConfig, 'networks' | 'max_length'>,
  embedded: readonly Modality[],
  catalogue: Catalogue,
): number {
  const points = config.networks.flatMap((network) =>
    embedded.map((modality) =>
      sum(
        network.map((name, position) =>
          requireModel(name, 'generative', catalogue).output === modality
            ? stepsAt(position, network.length, config.max_length)
            : 0,
        ),
      ),
    ),
  );
  return points.reduce((most, count) => Math.max(most, count), 0);
}

/** Bytes of an output's object; 0 if its row holds the whole output. */
function objectBytesOf({ name, output }: GenerativeModel, history: PlanHistory | undefined): number {
  if (!isStoredAsObject(output)) return 0;
  return history?.bytesPerImage.get(name) ?? MODALITY_FACTS[output].objectBytes;
}

function workOf(
  model: string,
  count: number,
  history: ReadonlyMap<string, number> | undefined,
  measured: ReadonlyMap<string, number> | undefined,
): ModelWork {
  if (count === 0) return { model, count, ms: 0, from: null };
  const known = history?.get(model);
  const each = known ?? measured?.get(model);
  if (each === undefined) return { model, count, ms: null, from: null };
  return { model, count, ms: count * each, from: known === undefined ? 'measurement' : 'history' };
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

function total(values: readonly (number | null)[]): number | null {
  return values.reduce((all, value) => (all === null || value === null ? null : all + value), 0);
}

/** @throws PanicError InvalidInput if the catalogue has no such model. */
function requireModel<Kind extends Model['kind']>(name: string, kind: Kind, catalogue: Catalogue) {
  const model = modelOfKind(catalogue, name, kind);
  if (model === null) throw new PanicError('InvalidInput', `no ${kind} model "${name}" in the catalogue`);
  return model;
}
