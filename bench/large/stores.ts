import { createHash } from 'node:crypto';
import type { Connection, RunRow, Store } from '../../db/index.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { experimentId } from '../../experiment/ids.js';
import type { EmbeddingModel, GenerativeModel } from '../../experiment/model.js';

/**
 * Writes experiments into a store by SQL, since making them by model calls would take hours. Texts have
 * vectors of four numbers, and no run has diagrams.
 */

const AT = 1_700_000_000_000;

const identity = {
  summary: '',
  loader: 'built-in',
  weights: null,
  source: 'built-in',
  revision: '1',
  settings: {},
  license: 'MIT',
} as const;

/** A model that no catalogue has. */
const rewriter: GenerativeModel = {
  ...identity,
  kind: 'generative',
  name: 'BenchRewriter',
  input: 'text',
  output: 'text',
  deterministic: true,
};

export const points: EmbeddingModel = {
  ...identity,
  kind: 'embedding',
  name: 'BenchPoints',
  input: 'text',
  dimension: 4,
};

const config: ExperimentConfig = {
  name: null,
  networks: [[rewriter.name]],
  prompts: ['a red apple'],
  seeds: [7],
  embedding_models: [],
  max_length: 1,
  on_cycle: 'stop',
  max_dimension: 0,
  max_edge_length: null,
  null_model: null,
  reuse: true,
  concurrency: 64,
  weight: 1,
};

const driver = { workflowId: 'bench', runId: 'bench' };

/** One run of `steps` steps, which was cancelled. */
export function longExperiment(steps: number): ExperimentConfig {
  return { ...config, embedding_models: [points.name], max_length: steps + 1 };
}

/** `runs` runs of one step each. */
export function wideExperiment(runs: number): ExperimentConfig {
  return { ...config, seeds: Array.from({ length: runs }, (_, k) => k) };
}

/** One run of `steps` calls, which was cancelled. */
export function callsExperiment(steps: number): ExperimentConfig {
  return { ...config, networks: [['DummyT2I', 'DummyI2T']], max_length: steps + 1 };
}

/** One run of `steps` steps. Each has a text of its own with a vector that the step does not have yet. */
export async function makeLong(store: Store<Connection>, steps: number): Promise<void> {
  const run = await planned(store, longExperiment(steps));
  const model = await store.provenance.modelId(rewriter);
  const embedding = await store.provenance.modelId(points);
  const host = await hostOf(store);
  const { sqlite } = store.db;
  const addText = sqlite.prepare(
    `insert into artifacts (modality, sha256, byte_length, text) values ('text', ?, ?, ?) returning id`,
  );
  const addVector = sqlite.prepare(
    `insert into vectors (model_id, artifact_id, sha256, bytes, norm, compute_ms, host_id) values (?, ?, ?, ?, 1, 1, ?)`,
  );
  const addStep = sqlite.prepare(
    `insert into invocations (run_id, sequence, model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms, created_at)
     values (?, ?, ?, ?, ?, 7, 'computed', ?, 1, 1, ?)`,
  );
  const bytes = Buffer.from(Float32Array.of(1, 0, 0, 0).buffer);
  const digest = createHash('sha256').update(bytes).digest();
  sqlite.transaction(() => {
    let input = run.promptId;
    for (let step = 0; step < steps; step++) {
      const text = `a red apple on step ${step} of a long walk`;
      const sha256 = createHash('sha256').update(text).digest();
      const output = Number(addText.pluck().get(sha256, Buffer.byteLength(text), text));
      addVector.run(embedding, output, digest, bytes, host);
      addStep.run(run.id, step, model, input, output, host, AT + step);
      input = output;
    }
  })();
  await cancelled(store, run);
}

/** `runs` runs of one step each. */
export async function makeWide(store: Store<Connection>, runs: number): Promise<void> {
  const { experimentId: id } = await planned(store, wideExperiment(runs));
  const model = await store.provenance.modelId(rewriter);
  const host = await hostOf(store);
  store.db.sqlite.exec(`
    insert into invocations (run_id, sequence, model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms, created_at)
      select id, 0, ${model}, prompt_id, prompt_id, seed, 'computed', ${host}, 1, 1, ${AT} + run_index
      from runs where experiment_id = '${id}';
    update runs set stop_reason = 'length', length = 1, status = 'finished' where experiment_id = '${id}';
    analyze`);
  await store.experiments.release(id, driver, 'completed', null, AT);
}

/**
 * One run of `steps` calls of DummyT2I and DummyI2T, all of the same picture and text. The model paints
 * another picture, so `verify` finds differences, and takes as long as without them.
 */
export async function makeCalls(
  store: Store<Connection>,
  steps: number,
  painters: readonly GenerativeModel[],
): Promise<void> {
  const [painter, describer] = painters;
  if (painter === undefined || describer === undefined) throw new Error('two models are needed');
  const run = await planned(store, callsExperiment(steps));
  const host = await hostOf(store);
  const [paints, describes] = [
    await store.provenance.modelId(painter),
    await store.provenance.modelId(describer),
  ];
  const picture = { modality: 'image', width: 8, height: 8, pixels: new Uint8Array(192).fill(200) } as const;
  const output = await store.artifacts.stage(await store.artifacts.encode(picture));
  const provenance = { source: 'computed', hostId: host, batchSize: 1, computeMs: 1 } as const;
  const step = { sequence: 0, inputId: run.promptId, modelId: paints, seed: 7, output, provenance };
  await store.invocations.commit(run, { ...step, call: {}, onCycle: 'ignore' }, AT);
  store.db.sqlite.exec(`
    with recursive numbers(k) as (select 1 union all select k + 1 from numbers where k < ${steps - 1})
    insert into invocations (run_id, sequence, model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms, created_at)
      select run_id, k, case k % 2 when 0 then model_id else ${describes} end, case k % 2 when 0 then input_id else output_id end,
        case k % 2 when 0 then output_id else input_id end, 7, 'computed', host_id, 1, 1, ${AT} + k
      from invocations, numbers where run_id = ${run.id} and sequence = 0 order by k`);
  await cancelled(store, run);
}

/** The first run of an experiment that is under way. */
async function planned(store: Store<Connection>, of: ExperimentConfig): Promise<RunRow> {
  const id = experimentId(of);
  await store.experiments.plan(id, of, AT);
  await store.experiments.claim(id, driver, null, AT);
  return await store.runs.get(id, 0);
}

async function cancelled(store: Store<Connection>, run: RunRow): Promise<void> {
  await store.runs.stop(run, { status: 'cancelled' }, AT);
  await store.experiments.release(run.experimentId, driver, 'cancelled', null, AT);
  store.db.sqlite.exec('analyze');
}

function hostOf(store: Store<Connection>): Promise<number> {
  return store.provenance.hostId({
    runtime: 'typescript',
    runtimeVersion: '1',
    device: 'cpu',
    dtype: 'float32',
    files: {},
  });
}
