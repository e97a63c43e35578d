import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { embedMissing } from '../../activities/embed-run.js';
import { textContent } from '../../db/tables/artifacts.js';
import { derivedRows } from '../../db/doctor/mend/derived.js';
import { contentRepairs } from '../../db/doctor/mend/content.js';
import type { Repair } from '../../db/doctor/repair.js';
import type { RunRow, Store } from '../../db/index.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { experimentId } from '../../experiment/ids.js';
import { embedding, generative } from '../support/small-catalogue.js';
import { config, fingerprint, NOW, rejection } from '../support/small-experiment.js';
import { emptyPlace, isOnPostgres } from './places.js';
import type { Place } from './place.js';

/** More values than one statement of SQLite can have, which is 32,766. */
const MANY = 33_000;

const echo = generative('Echo', 'text', 'text');
const points = embedding('Points', 'text', 4);

let place: Place;
let store: Store;

beforeEach(async () => {
  place = await emptyPlace();
  ({ store } = place);
});
afterEach(async () => place.remove());

async function planned(of: Partial<ExperimentConfig>): Promise<string> {
  const whole = { ...config, networks: [['Echo']], prompts: ['hello'], seeds: [7], ...of };
  const id = experimentId(whole);
  await store.experiments.plan(id, whole, NOW);
  await store.provenance.modelId(echo);
  await store.provenance.modelId(points);
  await store.provenance.hostId(fingerprint);
  return id;
}

const ECHO = `(select id from models where name = 'Echo')`;
const POINTS = `(select id from models where name = 'Points')`;
const HOST = '(select min(id) from hosts)';
const NUMBERS = (to: number) =>
  `with recursive numbers(k) as (select 1 union all select k + 1 from numbers where k < ${to})`;

/** A vector of the only text, with a digest and bytes that no model of ours gives. */
function addVector(): Promise<number> {
  return place.run(
    `insert into vectors (model_id, artifact_id, sha256, bytes, norm, compute_ms, host_id)
     select ${POINTS}, id, ?, ?, 1, 1, ${HOST} from artifacts where text = 'hello'`,
    Buffer.alloc(32, 1),
    Buffer.from(Float32Array.of(1, 0, 0, 0).buffer),
  );
}

/** Finished runs of one step each, whose outputs share one vector. */
async function manyRuns(): Promise<void> {
  await planned({ max_length: 1 });
  await place.sql(`insert into runs (experiment_id, run_index, network, seed, prompt_id, max_length)
    ${NUMBERS(MANY - 1)} select experiment_id, k, network, seed, prompt_id, max_length from runs, numbers`);
  await place.sql(`insert into invocations
      (run_id, sequence, model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms, created_at)
    select id, 0, ${ECHO}, prompt_id, prompt_id, 7, 'computed', ${HOST}, 1, 1, 1 from runs`);
  await place.sql(`update runs set stop_reason = 'length', length = 1, status = 'finished'`);
  await addVector();
  await place.sql(`insert into embeddings (invocation_id, model_id, vector_id, source)
    select i.id, v.model_id, v.id, 'reused' from invocations i, vectors v`);
}

test('a vector that 33,000 runs share can be deleted, and each of them is made again', async () => {
  await manyRuns();
  const derived = derivedRows(store.db);
  await derived.deleteVectors([Number(await place.one('select id from vectors'))]);
  expect(await place.one('select (select count(*) from vectors) + (select count(*) from embeddings)')).toBe(
    0,
  );
  expect(await place.one(`select count(*) from runs where status = 'pending' and attempt = 2`)).toBe(MANY);
});

test('33,000 runs are reopened in one repair', async () => {
  await manyRuns();
  const ids = (await place.column('select id from runs')).map(Number);
  await derivedRows(store.db).reopenRuns(ids);
  expect(await place.one(`select count(*) from runs where status = 'pending' and attempt = 2`)).toBe(MANY);
});

function repairsOfContent(): ReturnType<typeof contentRepairs> {
  return contentRepairs(
    store.db,
    store,
    derivedRows(store.db),
    new Map(),
    () => Promise.reject(new Error('not asked')),
    (change) => change(),
  );
}

test('a text that 33,000 runs pass through is not deleted, and is not looked for in each of them', async () => {
  await manyRuns();
  const id = Number(await place.one(`select id from artifacts where text = 'hello'`));
  expect(await repairsOfContent().deleteArtifacts([id])).toMatchObject({ done: false });
  expect(await place.one('select count(*) from artifacts')).toBe(1);
});

const STEPS = 20_000;

/** A run of 20,000 steps, all of the same output. */
async function longRun(of: Partial<ExperimentConfig> = {}): Promise<RunRow> {
  const id = await planned({ max_length: STEPS, seeds: [-1], embedding_models: ['Points'], ...of });
  await place.sql(`insert into invocations
      (run_id, sequence, model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms, created_at)
    ${NUMBERS(STEPS)} select id, k - 1, ${ECHO}, prompt_id, prompt_id, 7, 'computed', ${HOST}, 1, 1, 1
    from runs, numbers order by k`);
  await place.sql(`update runs set stop_reason = 'length', length = max_length`);
  return await store.runs.get(id, 0);
}

const idOf = (k: number) => `(select id from artifacts where text = 't${k}')`;

/** How often the event loop got its turn during the work. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let next = setImmediate(function turn() {
    turns++;
    next = setImmediate(turn);
  });
  try {
    await work();
  } finally {
    clearImmediate(next);
  }
  return turns;
}

test('20,000 runs are planned in portions, between which other work has its turn', async () => {
  const wide = { ...config, networks: [['Echo']], prompts: ['hello'], seeds: Array<number>(20_000).fill(-1) };
  const id = experimentId(wide);
  const counts: number[] = [];
  const watch = new AbortController();
  async function watchPlan(): Promise<void> {
    while (!watch.signal.aborted) {
      const { pending } = await store.experiments.runsByStatus(id);
      if (pending !== counts.at(-1)) counts.push(pending);
      await sleep(2);
    }
  }
  const turns = await turnsDuring(async () => {
    const watching = watchPlan();
    try {
      await store.experiments.plan(id, wide, NOW);
    } finally {
      watch.abort();
      await watching;
    }
  });
  expect(turns).toBeGreaterThanOrEqual(20);
  // Others see the plan grow, and not only none and all.
  expect(counts.length).toBeGreaterThan(2);
  expect(counts.filter((pending) => pending % 1000 !== 0)).toEqual([]);
  expect(await store.experiments.runsByStatus(id)).toMatchObject({ pending: 20_000 });
  expect(new Set(await store.experiments.drawnSeeds(id)).size).toBe(20_000);
});

test('2,100 failed runs are reset in portions', async () => {
  const id = await planned({ seeds: Array<number>(2100).fill(-1) });
  await place.sql(
    `update runs set status = 'failed', error_kind = 'DeviceError', error_message = 'gone', finished_at = 1`,
  );
  const portions: number[] = [];
  const count = await store.experiments.resetFailedRuns(id, null, (some) => portions.push(some.length));
  expect([count, portions]).toEqual([2100, [500, 500, 500, 500, 100]]);
  expect(await store.experiments.runsByStatus(id)).toMatchObject({ pending: 2100, failed: 0 });
});

test('a text that 6,000 runs gave, and that no model gives again, can be cut out of each of them', async () => {
  await planned({ seeds: Array<number>(6000).fill(-1), max_length: 1 });
  // Its digest is not that of its text.
  await place.run(
    `insert into artifacts (modality, sha256, byte_length, text) values ('text', ?, 4, 'lost')`,
    Buffer.alloc(32, 1),
  );
  await place.sql(`insert into invocations
      (run_id, sequence, model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms, created_at)
    select id, 0, ${ECHO}, prompt_id, (select id from artifacts where text = 'lost'), 7, 'computed', ${HOST}, 1, 1, 1
    from runs`);
  const id = Number(await place.one(`select id from artifacts where text = 'lost'`));
  const outcome = await repairsOfContent().recomputeArtifact(id);
  const cuts = new Set<number>();
  const others: Repair[] = [];
  for await (const repair of outcome.next ?? []) {
    if (repair.kind === 'cut run') cuts.add(repair.run);
    else others.push(repair);
  }
  expect([outcome.done, cuts.size, others]).toEqual([
    false,
    6000,
    [{ kind: 'delete artifact', artifact: id }],
  ]);
});

test('outputs of a long run get their vectors in portions, between which other work has its turn', async () => {
  const run = await longRun();
  await addVector();
  const modelId = await store.provenance.modelId(points);
  let pending: Awaited<ReturnType<typeof store.vectors.pending>> = [];
  const looking = await turnsDuring(async () => {
    pending = await store.vectors.pending(run, modelId, 'text');
  });
  expect(pending.map(({ invocationIds }) => invocationIds.length)).toEqual([STEPS]);
  expect(looking).toBeGreaterThanOrEqual(4);
  expect(await store.vectors.countPending(run, modelId, 'text')).toBe(STEPS);
  expect(await turnsDuring(() => store.vectors.reuse(pending, modelId))).toBeGreaterThanOrEqual(9);
  expect(await place.one('select count(*) from embeddings')).toBe(STEPS);
  expect(await store.vectors.countPending(run, modelId, 'text')).toBe(0);
});

test('an interrupted reuse keeps the vectors that it gave, and the next one continues', async () => {
  const run = await longRun();
  await addVector();
  const modelId = await store.provenance.modelId(points);
  const middle = Number(await place.one('select min(id) + 9000 from invocations'));
  await place.fault('insert on embeddings', `new.invocation_id = ${middle}`);
  const pending = await store.vectors.pending(run, modelId, 'text');
  expect(await rejection(store.vectors.reuse(pending, modelId))).toContain('pulled out');
  expect(await place.one('select count(*) from embeddings')).toBe(8000);
  await place.sql(`drop trigger fault${isOnPostgres() ? ' on embeddings' : ''}`);
  await store.vectors.reuse(await store.vectors.pending(run, modelId, 'text'), modelId);
  expect(await place.one('select count(*) from embeddings')).toBe(STEPS);
});

test.each([true, false])(
  'a long run has one computed vector for each of its distinct outputs, with reuse %s',
  async (reuse) => {
    const run = await longRun({ reuse });
    let computed = 0;
    const models = {
      embed: async (_: string, inputs: readonly unknown[]) => {
        computed += inputs.length;
        const vectors = inputs.map(() => Float32Array.of(1, 2, 3, 4));
        return { vectors, cutTokens: null, fingerprint, computeMs: 1, batchSize: inputs.length };
      },
    };
    const used = {
      id: await store.provenance.modelId(points),
      name: 'Points',
      input: 'text',
      dimension: 4,
    } as const;
    const counts = { embedded: 0, step: 0, of: 0 };
    const never = new AbortController().signal;
    const catalogue = new Map([[points.name, points]]);
    const deps = { store, models, catalogue };
    expect(await embedMissing(deps, run, used, counts, never, Infinity)).toBe(true);
    expect([computed, counts]).toEqual([1, { embedded: 1, step: STEPS, of: STEPS }]);
    expect(await place.column('select count(*) from embeddings group by source order by source')).toEqual([
      1,
      STEPS - 1,
    ]);
  },
);

test('a cycle that is longer than a portion is filled lap by lap, from the lap before', async () => {
  const id = await planned({ max_length: 50, seeds: [7], on_cycle: 'continue', networks: [['Echo']] });
  const run = await store.runs.get(id, 0);
  // Texts 0 to 20; step 20 repeats step 9, so that the cycle has 11 steps.
  for (let k = 0; k < 20; k++) await store.db.write(() => store.artifacts.idOf(textContent(`t${k}`)));
  for (let k = 0; k <= 20; k++) {
    const input = k === 0 ? 'prompt_id' : idOf(k - 1);
    await place.sql(`insert into invocations
        (run_id, sequence, model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms, created_at)
      select id, ${k}, ${ECHO}, ${input}, ${idOf(k === 20 ? 9 : k)}, 7, 'computed', ${HOST}, 1, 1, 1 from runs`);
  }
  await place.sql('update runs set cycle_start = 9, cycle_length = 11');
  for (const limit of [3, 5, 4, 100])
    await store.invocations.fillFromCycle(run, { start: 9, length: 11 }, 7, limit, NOW);
  const texts = await place.column(
    'select a.text from invocations i join artifacts a on a.id = i.output_id order by i.sequence',
  );
  const expected = Array.from({ length: 50 }, (_, k) => `t${k < 20 ? k : 9 + ((k - 9) % 11)}`);
  expect(texts).toEqual(expected);
});
