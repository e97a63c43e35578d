import { openStore } from '../../db/index.js';
import type { Connection, Store } from '../../db/index.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { experimentId, seedOfStep } from '../../experiment/ids.js';
import type { EmbeddingModel, GenerativeModel } from '../../experiment/model.js';
import type { Fingerprint } from '../../experiment/provenance.js';
import { barStatistics, ripsPersistence } from '../../tda/index.js';

/**
 * Steps of each run. Runs of most experiments are short, and doctor checks the rows of each run separately.
 */
const STEPS = 20;
const DIMENSION = 8;

const identity = {
  summary: '',
  loader: 'built-in',
  weights: null,
  source: 'built-in',
  revision: '1',
  settings: {},
  license: 'MIT',
} as const;
const echo: GenerativeModel = {
  ...identity,
  kind: 'generative',
  name: 'Echo',
  input: 'text',
  output: 'text',
  deterministic: true,
};
const points: EmbeddingModel = {
  ...identity,
  kind: 'embedding',
  name: 'Points',
  input: 'text',
  dimension: DIMENSION,
};
const fingerprint: Fingerprint = {
  runtime: 'none',
  runtimeVersion: '1',
  device: 'cpu',
  dtype: 'float32',
  files: {},
};

/**
 * Fills a sound store with `runs` finished runs of 20 steps, each like the first: invocations, embeddings,
 * diagrams. Returns the number of rows.
 */
export async function fillStore(folder: string, runs: number): Promise<number> {
  const config: ExperimentConfig = {
    name: 'synthetic',
    networks: [['Echo']],
    prompts: ['begin'],
    seeds: Array.from({ length: runs }, (_, index) => index),
    embedding_models: ['Points'],
    max_length: STEPS,
    on_cycle: 'stop',
    max_dimension: 1,
    max_edge_length: null,
    null_model: null,
    reuse: true,
    concurrency: 64,
    weight: 1,
  };
  const id = experimentId(config);
  const store = openStore(folder);
  try {
    const driver = { workflowId: 'synthetic', runId: 'synthetic' };
    await store.experiments.plan(id, config, 0);
    await store.experiments.claim(id, driver, null, 0);
    await makeFirstRun(store, id);
    copyFirstRun(store, id);
    await store.experiments.release(id, driver, 'completed', null, 1);
    store.db.sqlite.pragma('wal_checkpoint(TRUNCATE)');
    return Number(
      store.db.sqlite
        .prepare(
          'select (select count(*) from invocations) + (select count(*) from embeddings) + 3 * (select count(*) from diagrams) + (select count(*) from runs)',
        )
        .pluck()
        .get(),
    );
  } finally {
    await store.close();
  }
}

async function makeFirstRun(store: Store, experiment: string): Promise<void> {
  const run = await store.runs.get(experiment, 0);
  await store.runs.markRunning(run, 0);
  const modelId = await store.provenance.modelId(echo);
  const hostId = await store.provenance.hostId(fingerprint);
  for (let sequence = 0; sequence < STEPS; sequence++) {
    const { next: position } = await store.invocations.progress(run);
    const output = (await store.artifacts.encode({ modality: 'text', text: `step ${sequence}` })).content;
    const provenance = { source: 'computed', hostId, batchSize: 1, computeMs: 1 } as const;
    const step = { ...position, modelId, seed: seedOfStep(run, sequence), output, provenance };
    await store.invocations.commit(run, { ...step, call: {}, onCycle: 'stop' }, 0);
  }
  const embedding = await store.provenance.modelId(points);
  const pending = await store.vectors.pending(run, embedding, 'text');
  const batch = pending.map((output, index) => ({
    pending: output,
    vector: Float32Array.from({ length: DIMENSION }, (_, k) => 1 + ((index * (k + 3)) % 11)),
    computeMs: 1,
    cutTokens: 0,
  }));
  await store.vectors.commit(batch, embedding, hostId);
  const cloud = await store.vectors.pointCloud(run, embedding, DIMENSION);
  const made = await ripsPersistence({ points: cloud.points, dimension: DIMENSION }, { maxDimension: 1 });
  const dimensions = made.diagrams.map((bars) => ({ bars, statistics: barStatistics(bars) }));
  const key = { pointsSha256: cloud.sha256, maxDimension: 1, maxEdgeLength: null } as const;
  const { distinctPointCount, edgeCount, pointCount } = made;
  const diagram = { ...key, distinctPointCount, edgeCount, pointCount, dimensions, computeMs: 1 };
  await store.diagrams.commit(run, embedding, diagram, 0);
  await store.diagrams.finishRun(run, { diagrams: 1, surrogates: 0 }, 1);
}

/** Gives every other run the rows of the first, with another seed. */
function copyFirstRun({ db: { sqlite } }: Store<Connection>, experiment: string): void {
  const others = `from runs r, runs f where f.experiment_id = '${experiment}' and f.run_index = 0
    and r.experiment_id = f.experiment_id and r.run_index > 0`;
  const triggers = sqlite
    .prepare<[], { name: string; sql: string }>(`select name, sql from sqlite_master where type = 'trigger'`)
    .all();
  sqlite.pragma('synchronous = OFF');
  // The triggers can go: the rows are sound by construction, and the check is what this measures.
  sqlite.transaction(() => {
    for (const { name } of triggers) sqlite.exec(`drop trigger ${name}`);
    sqlite.exec(`
      insert into invocations (run_id, sequence, model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms, created_at)
      select r.id, i.sequence, i.model_id, i.input_id, i.output_id, r.seed, 'computed', i.host_id, 1, 1, 0
      ${others.replace('where', 'join invocations i on i.run_id = f.id where')};
      insert into embeddings (invocation_id, model_id, vector_id, source)
      select n.id, e.model_id, e.vector_id, 'reused'
      ${others.replace('where', 'join invocations i on i.run_id = f.id join embeddings e on e.invocation_id = i.id join invocations n on n.run_id = r.id and n.sequence = i.sequence where')};
      insert into diagrams (run_id, model_id, metric, max_dimension, max_edge_length, point_count, distinct_point_count,
        edge_count, points_sha256, compute_ms, created_at)
      select r.id, d.model_id, d.metric, d.max_dimension, d.max_edge_length, d.point_count, d.distinct_point_count,
        d.edge_count, d.points_sha256, 1, 0 ${others.replace('where', 'join diagrams d on d.run_id = f.id where')};
      insert into diagram_dimensions (diagram_id, dimension, bar_count, finite_bar_count, entropy, bars)
      select n.id, k.dimension, k.bar_count, k.finite_bar_count, k.entropy, k.bars
      ${others.replace('where', 'join diagrams d on d.run_id = f.id join diagram_dimensions k on k.diagram_id = d.id join diagrams n on n.run_id = r.id where')};
      update runs set status = 'finished', stop_reason = 'length', length = ${STEPS}, started_at = 0, finished_at = 1
      where run_index > 0;`);
    for (const { sql } of triggers) sqlite.exec(sql);
  })();
}
