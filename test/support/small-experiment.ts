import { afterAll } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection, RunRow, Store } from '../../db/index.js';
import { callColumns, openStore } from '../../db/index.js';
import type { Artifact } from '../../experiment/artifact.js';
import { runCount, surrogateCount } from '../../experiment/config.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { experimentId, seedOfStep, surrogateSeed } from '../../experiment/ids.js';
import type { Catalogue, EmbeddingModel, GenerativeModel } from '../../experiment/model.js';
import type { Fingerprint } from '../../experiment/provenance.js';
import { barStatistics, ripsPersistence, surrogate } from '../../tda/index.js';
import { embedding, generative } from './small-catalogue.js';

/** A store in a folder of its own. The test has to call `remove` at the end. */
export function temporaryStore(): {
  readonly folder: string;
  readonly store: Store<Connection>;
  remove(): Promise<void>;
} {
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-db-'));
  const store = openStore(folder);
  return {
    folder,
    store,
    async remove() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export const painter = generative('Painter', 'text', 'image');
export const describer = generative('Describer', 'image', 'text');
export const textPoints = embedding('TextPoints', 'text', 4);
export const imagePoints = embedding('ImagePoints', 'image', 3);

export const catalogue: Catalogue = new Map(
  [painter, describer, textPoints, imagePoints].map((model) => [model.name, model]),
);

/** The models of an experiment, and what they answer. */
export interface AnsweringModels {
  generative(name: string): GenerativeModel;
  embedding(name: string): EmbeddingModel;
  answer(model: GenerativeModel, input: Artifact, seed: number): Artifact;
  vectorOf(model: EmbeddingModel, input: Artifact): Float32Array;
  /** Whether the rows of a run say that they were copied from equal work, which is stored already. */
  reused?(run: RunRow): boolean;
}

const smallModels: AnsweringModels = {
  generative: (name) => named(name, [painter, describer]),
  embedding: (name) => named(name, [textPoints, imagePoints]),
  answer,
  vectorOf,
};

function named<M extends { readonly name: string }>(name: string, models: readonly M[]): M {
  const found = models.find((model) => model.name === name);
  if (found === undefined) throw new Error(`there is no model ${name}`);
  return found;
}

export const fingerprint: Fingerprint = {
  runtime: 'typescript',
  runtimeVersion: '1',
  device: 'cpu',
  dtype: 'float32',
  files: {},
};

/** Two runs of a fixed seed, which meet a cycle, and two of seed -1, which do not end at one. */
export const config: ExperimentConfig = {
  name: null,
  networks: [['Painter', 'Describer']],
  prompts: ['a red apple', 'the sea'],
  seeds: [7, -1],
  embedding_models: ['TextPoints', 'ImagePoints'],
  max_length: 12,
  on_cycle: 'stop',
  max_dimension: 1,
  max_edge_length: null,
  null_model: null,
  reuse: true,
  concurrency: 64,
  weight: 1,
};

/** The same with two surrogates of each kind for each diagram. */
export const configWithSurrogates: ExperimentConfig = {
  ...config,
  null_model: { surrogates: 2, kinds: ['shuffled_increments', 'sphere'] },
};

export const NOW = 1_700_000_000_000;

function digest(...parts: readonly (string | number | Uint8Array)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(typeof part === 'number' ? String(part) : part);
  return hash.digest();
}

/** A picture of one colour, or one of five captions, so that a fixed seed meets a cycle within 12 steps. */
export function answer(model: GenerativeModel, input: Artifact, seed: number): Artifact {
  if (model.output === 'image' && input.modality === 'text') {
    const colour = digest(input.text, seed).subarray(0, 3);
    return picture(8, 6, colour);
  }
  if (input.modality === 'text') throw new Error('the describer takes pictures');
  return { modality: 'text', text: `caption ${digest(input.pixels, seed)[0]! % 5}` };
}

export function picture(width: number, height: number, colour: Uint8Array): Artifact {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, index) => colour[index % 3]!);
  return { modality: 'image', width, height, pixels };
}

export function vectorOf(model: EmbeddingModel, input: Artifact): Float32Array {
  const bytes = digest(input.modality === 'text' ? input.text : input.pixels);
  return Float32Array.from({ length: model.dimension }, (_, index) => 1 + bytes[index]!);
}

/** While a store is open, the processes that decode pictures stay for the next store of the file. */
let open: Pick<ReturnType<typeof temporaryStore>, 'remove'> | null = null;
afterAll(async () => open?.remove());

/** For a test file with tables of its own: it keeps its own stores open, and no other store is opened for it. */
export function keepOwnStores(): void {
  open = { remove: async () => undefined };
}

/** Makes an artifact's object durable, as the invocation activity does before the row. */
export async function staged(store: Store, artifact: Artifact) {
  open ??= temporaryStore();
  return store.artifacts.stage(await store.artifacts.encode(artifact));
}

/** Makes one step of a run as the invocation activity does. False if the run has ended. */
export async function step(
  store: Store,
  run: RunRow,
  onCycle: 'stop' | 'continue',
  models = smallModels,
): Promise<boolean> {
  const { sequence, inputId } = (await store.invocations.progress(run)).next;
  const model = models.generative(run.network[sequence % run.network.length]!);
  const output = models.answer(model, await store.artifacts.load(inputId), seedOfStep(run, sequence));
  const committed = await store.invocations.commit(
    run,
    {
      sequence,
      inputId,
      modelId: await store.provenance.modelId(model),
      seed: seedOfStep(run, sequence),
      output: await staged(store, output),
      provenance:
        models.reused?.(run) === true
          ? { source: 'reused' }
          : {
              source: 'computed',
              hostId: await store.provenance.hostId(fingerprint),
              batchSize: 1,
              computeMs: 2,
            },
      call: callColumns({ model, answer: { cutTokens: 0, outputCut: false } }),
      onCycle: run.seed === -1 ? 'ignore' : onCycle,
    },
    NOW + sequence,
  );
  if (committed.cycle !== null && onCycle === 'continue') {
    let filled = committed;
    while (filled.ended === null) {
      filled = await store.invocations.fillFromCycle(run, committed.cycle, run.seed, 3, NOW);
    }
    return false;
  }
  return committed.ended === null;
}

/**
 * Gives every eligible output of a run its vector, and for a model of texts also every prompt of its
 * experiment, as the embedding activity does.
 */
export async function embed(
  store: Store,
  run: RunRow,
  model: EmbeddingModel,
  models = smallModels,
): Promise<void> {
  const modelId = await store.provenance.modelId(model);
  const missing = await store.vectors.reuse(await store.vectors.pending(run, modelId, model.input), modelId);
  const batch = [];
  for (const pending of missing) {
    const vector = models.vectorOf(model, await store.artifacts.load(pending.artifactId));
    batch.push({ pending, vector, computeMs: 1, cutTokens: 0 });
  }
  const hostId = await store.provenance.hostId(fingerprint);
  await store.vectors.commit(batch, modelId, hostId);
  if (model.input !== 'text') return;
  const { prompts } = await store.experiments.config(run.experimentId);
  const left = await store.promptVectors.missing(run, prompts.length, modelId);
  const made = [];
  for (const artifactId of await store.promptVectors.reuse(left, modelId)) {
    const vector = models.vectorOf(model, await store.artifacts.load(artifactId));
    made.push({ artifactId, vector, computeMs: 1, cutTokens: 0 });
  }
  await store.promptVectors.commit(made, { modelId, hostId });
}

/**
 * Makes the diagram of a run, and the surrogates that its experiment asks for, as the diagram activity does.
 */
export async function diagram(
  store: Store,
  run: RunRow,
  model: EmbeddingModel,
  { max_dimension: maxDimension, max_edge_length: maxEdgeLength, null_model: nullModel }: ExperimentConfig,
): Promise<void> {
  const modelId = await store.provenance.modelId(model);
  const cloud = await store.vectors.pointCloud(run, modelId, model.dimension);
  const { diagrams, distinctPointCount, edgeCount, pointCount } = await ripsPersistence(
    { points: cloud.points, dimension: model.dimension },
    { maxDimension, maxEdgeLength: maxEdgeLength ?? Infinity },
  );
  const dimensions = diagrams.map((bars) => ({ bars, statistics: barStatistics(bars) }));
  const key = { pointsSha256: cloud.sha256, maxDimension, maxEdgeLength };
  const id = await store.diagrams.commit(
    run,
    modelId,
    { ...key, distinctPointCount, edgeCount, pointCount, dimensions, computeMs: 3 },
    NOW,
  );
  if (nullModel === null) return;
  for (const { kind, index } of await store.surrogates.missing(id, nullModel)) {
    const seed = surrogateSeed(cloud.sha256, kind, index);
    const points = surrogate(cloud.points, model.dimension, kind, seed);
    const made = await ripsPersistence({ points, dimension: model.dimension }, { maxDimension });
    await store.surrogates.commit(id, { kind, index }, made.diagrams.map(barStatistics));
  }
}

export async function finishRun(
  store: Store,
  run: RunRow,
  of: ExperimentConfig,
  models = smallModels,
): Promise<void> {
  await store.runs.markRunning(run, NOW);
  if (run.stopReason === null) while (await step(store, run, of.on_cycle, models));
  for (const name of of.embedding_models) {
    const model = models.embedding(name);
    await embed(store, run, model, models);
    await diagram(store, run, model, of);
  }
  const expected = { diagrams: of.embedding_models.length, surrogates: surrogateCount(of) };
  await store.diagrams.finishRun(run, expected, NOW);
}

/** Plans and finishes a whole experiment; returns its id. */
export async function finishExperiment(
  store: Store,
  of: ExperimentConfig = config,
  models = smallModels,
): Promise<string> {
  const id = experimentId(of);
  const driver = { workflowId: `experiment-${id}`, runId: 'first' };
  await store.experiments.plan(id, of, NOW);
  // Every plan draws these seeds anew, and tests need the same trajectories every time.
  await store.db.write(() =>
    store.db.rows(sql`update runs set drawn_seed = 1000 + run_index where seed = -1 returning id`),
  );
  await store.experiments.claim(id, driver, null, NOW);
  for (let index = 0; index < runCount(of); index++)
    await finishRun(store, await store.runs.get(id, index), of, models);
  await store.experiments.release(id, driver, 'completed', null, NOW);
  return id;
}

/** Finishes the unfinished runs of a stored experiment. False if there is none. */
export async function finishAgain(store: Store, id: string): Promise<boolean> {
  const of = await store.experiments.config(id);
  const unfinished = await store.runs.unfinished(id, 0, runCount(of));
  if (unfinished.length === 0) return false;
  const driver = { workflowId: `experiment-${id}`, runId: 'again' };
  await store.experiments.claim(id, driver, null, NOW);
  for (const index of unfinished) await finishRun(store, await store.runs.get(id, index), of);
  await store.experiments.release(id, driver, 'completed', null, NOW);
  return true;
}

/**
 * The message with which a promise rejects. `rejects.toThrow` does not recognise errors of SQLite: the native
 * module's `Error` belongs to another realm than the test's.
 */
export async function rejection(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => 'it was fulfilled',
    (reason: unknown) => reason,
  );
  return typeof error === 'object' && error !== null && 'message' in error
    ? String(error.message)
    : String(error);
}
