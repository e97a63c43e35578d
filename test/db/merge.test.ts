import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { contentDigest } from '../../db/read/content.js';
import { NO_DRIVER, serviceAt } from '../../db/tables/driver-service.js';
import { mergeStores } from '../../db/merge/index.js';
import type { Connection, Store } from '../../db/index.js';
import type { MergedExperiment } from '../../db/merge/index.js';
import { runCount } from '../../experiment/config.js';
import { experimentId, seedOfStep } from '../../experiment/ids.js';
import { generative } from '../support/small-catalogue.js';
import { makeBucket, s3Program, startS3Server, toldSkipped } from '../support/s3-server.js';
import { violationsIn } from '../support/store-checks.js';
import { emptyPlace, isOnPostgres, sameOnBoth, tried } from './places.js';
import type { Place } from './place.js';
import {
  config,
  finishAgain,
  configWithSurrogates,
  finishExperiment,
  fingerprint,
  NOW,
  rejection,
  step,
  temporaryStore,
} from '../support/small-experiment.js';

// A source is an SQLite file whatever the target is.
let from: ReturnType<typeof temporaryStore>;
let source: Store<Connection>;
let into: Place;
let target: Store;

beforeEach(async () => {
  from = temporaryStore();
  into = await emptyPlace();
  ({ store: source } = from);
  ({ store: target } = into);
});
afterEach(async () => {
  await from.remove();
  await into.remove();
});

async function merge(more: { dryRun?: boolean; busy?: string } = {}): Promise<MergedExperiment[]> {
  const merged: MergedExperiment[] = [];
  const { dryRun = false, busy = null } = more;
  for await (const one of mergeStores({ source, target, dryRun, busy: async () => busy, now: () => NOW })) {
    merged.push(one);
  }
  return merged;
}

/** Plans the experiment with the seeds that `finishExperiment` draws, and makes some steps of its first run. */
async function begin(store: Store, steps: number): Promise<string> {
  const id = experimentId(config);
  await store.experiments.plan(id, config, NOW);
  await store.db.write(() =>
    store.db.rows(sql.raw('update runs set drawn_seed = 1000 + run_index where seed = -1 returning id')),
  );
  await store.experiments.claim(id, { workflowId: 'w', runId: 'r' }, null, NOW);
  const run = await store.runs.get(id, 0);
  await store.runs.markRunning(run, NOW);
  for (let made = 0; made < steps; made++) await step(store, run, config.on_cycle);
  return id;
}

test('an experiment that the target does not have is copied whole, with its pictures, and a second merge has nothing to do', async () => {
  const id = await finishExperiment(source, configWithSurrogates);
  const other = await finishExperiment(target, {
    ...config,
    name: 'other',
    prompts: ['the sea'],
    seeds: [7],
  });
  const digest = await contentDigest(target.db, other);
  await source.routes.recordFirst(new Map([['Painter', 'theirs']]), { by: 'another fleet', at: 1 });
  await target.routes.recordFirst(new Map([['Scribe', 'ours']]), { by: 'this fleet', at: 2 });
  const before = await into.rows();
  const trial = await merge({ dryRun: true });
  expect(await into.rows()).toEqual(before);

  const done = await merge();
  expect(done).toEqual(trial);
  expect(done).toMatchObject([{ experiment: id, outcome: 'new', added: { run: 4 }, conflicts: [] }]);
  expect(done[0]!.added.invocation).toBeGreaterThan(20);
  expect(await contentDigest(target.db, id)).toBe(await contentDigest(source.db, id));
  expect(await contentDigest(target.db, other)).toBe(digest);
  expect(await violationsIn(target)).toEqual([]);

  const after = await into.rows();
  for (const table of ['routes', 'databases']) expect(after[table]).toEqual(before[table]);
  expect(await merge()).toMatchObject([{ outcome: 'equal', objects: 0, added: { run: 0, invocation: 0 } }]);
  expect(await into.rows()).toEqual(after);
});

test.each(tried([4, 0, 1]))('a target that is %i steps on gets the rest', async (steps) => {
  const id = await finishExperiment(source);
  expect(await begin(target, steps)).toBe(id);
  expect(await merge()).toMatchObject([{ outcome: 'extended', added: { run: 0 } }]);
  expect(await contentDigest(target.db, id)).toBe(await contentDigest(source.db, id));
  expect(await target.experiments.get(id)).toMatchObject({ status: 'completed', driverWorkflowId: null });
  expect(await violationsIn(target)).toEqual([]);
});

sameOnBoth(() => {
  test('a source that is less complete adds nothing, and takes nothing away', async () => {
    await begin(source, 3);
    await finishExperiment(target);
    const before = await into.rows();
    expect(await merge()).toMatchObject([{ outcome: 'equal' }]);
    expect(await into.rows()).toEqual(before);
  });
});

test('a run that was interrupted in the source is to be resumed in the target, and its later steps are added', async () => {
  const id = await begin(source, 3);
  await source.runs.logFailure(
    await source.runs.get(id, 0),
    { stage: 'invocation', sequence: 3, kind: 'DeviceError', message: 'lost' },
    NOW,
  );
  expect(await merge()).toMatchObject([{ outcome: 'new', added: { invocation: 3 } }]);
  expect(await target.experiments.get(id)).toMatchObject({ status: 'cancelled', driverWorkflowId: null });
  expect(await target.runs.get(id, 0)).toMatchObject({ status: 'cancelled' });
  expect(await violationsIn(target)).toEqual([]);
  expect(await merge()).toMatchObject([{ outcome: 'equal' }]);

  const run = await source.runs.get(id, 0);
  await step(source, run, config.on_cycle);
  expect(await merge()).toMatchObject([{ outcome: 'extended', added: { invocation: 1 } }]);
  expect(await target.runs.failuresOf(await target.runs.get(id, 0))).toHaveLength(1);
  expect(await violationsIn(target)).toEqual([]);
});

sameOnBoth(() => {
  test('an experiment of two stores was at work at the times of either', async () => {
    const HOUR = 3_600_000;
    const id = await begin(target, 2);
    await finishExperiment(source);
    source.db.sqlite.exec(`
    update experiments set started_at = ${NOW + HOUR}, rests = '[[${NOW + 2 * HOUR},${NOW + 3 * HOUR}]]';
    update runs set finished_at = ${NOW + 4 * HOUR}`);
    await target.experiments.setPaused(id, true, NOW + HOUR);
    expect(await merge()).toMatchObject([{ outcome: 'extended' }]);
    const rests = [
      [NOW + 1, NOW + HOUR],
      [NOW + 2 * HOUR, NOW + 3 * HOUR],
    ];
    expect(await target.experiments.get(id)).toMatchObject({ startedAt: NOW, rests });
  });

  test('one that the target has planned and never begun has the times of the source, and a new one has them, too', async () => {
    const id = await finishExperiment(source);
    source.db.sqlite.exec(`update experiments set rests = '[[${NOW + 1},${NOW + 3}]]'`);
    await target.experiments.plan(id, { ...config, drawn_seeds: [1002, 1003] }, NOW - 5);
    expect(await merge()).toMatchObject([{ outcome: 'extended' }]);
    const times = { startedAt: NOW, rests: [[NOW + 1, NOW + 3]] };
    expect(await target.experiments.get(id)).toMatchObject(times);
    await into.remove();
    into = await emptyPlace();
    ({ store: target } = into);
    expect(await merge()).toMatchObject([{ outcome: 'new' }]);
    expect(await target.experiments.get(id)).toMatchObject(times);
  });
});

test('runs that were planned with other seeds, and other outputs, are named; nothing of the experiment is changed', async () => {
  const id = await finishExperiment(source);
  await begin(target, 2);
  await into.sql('update runs set drawn_seed = 7 where run_index = 2');
  const before = await into.rows();
  const [planned] = await merge();
  expect(planned).toMatchObject({
    experiment: id,
    outcome: 'conflict',
    conflictingRuns: 1,
    drawnApart: 1,
    agreeingRuns: 3,
  });
  expect(planned!.conflicts).toEqual(['run 2: the drawn seed is 1002 in the source and 7 in the target']);
  expect(await into.rows()).toEqual(before);

  await into.sql(`
    update runs set drawn_seed = 1002 where run_index = 2;
    drop trigger invocations_are_immutable;
    update invocations set seed = 8 where sequence = 1`);
  expect((await merge())[0]!.conflicts).toEqual([
    'run 0, invocation 1: seed is 7 in the source and 8 in the target',
  ]);
});

sameOnBoth(() => {
  test('runs that disagree take a line each, and those that agree are counted', async () => {
    const id = await finishExperiment(source);
    await target.experiments.plan(id, { ...config, drawn_seeds: [7, 8] }, NOW);
    await finishAgain(target, id);
    await into.sql('drop trigger invocations_are_immutable');
    await into.sql(
      'update invocations set seed = 9 where run_id = (select id from runs where run_index = 1)',
    );
    const { length } = await target.runs.get(id, 1);
    const [told] = await merge();
    expect(told).toMatchObject({ outcome: 'conflict', conflictingRuns: 3, drawnApart: 2, agreeingRuns: 1 });
    expect(told!.conflicts).toEqual([
      `run 1, invocation 0: seed is 7 in the source and 9 in the target, and ${length! - 1} more of its rows`,
      'run 2: the drawn seed is 1002 in the source and 7 in the target',
      'run 3: the drawn seed is 1003 in the source and 8 in the target',
    ]);
  });

  test('an experiment that is planned with the drawn seeds of another store is equal to it', async () => {
    const id = await finishExperiment(source);
    const drawn = await source.experiments.drawnSeeds(id);
    expect(drawn).toEqual([1002, 1003]);
    await target.experiments.plan(id, { ...config, drawn_seeds: drawn }, NOW);
    await finishAgain(target, id);
    expect((await target.experiments.get(id)).config).toEqual(config);
    expect(await merge()).toMatchObject([{ outcome: 'equal' }]);
    await target.experiments.plan(id, { ...config, drawn_seeds: [null, 1003] }, NOW);
    await expect(target.experiments.plan(id, { ...config, drawn_seeds: [null, 5] }, NOW)).rejects.toThrow(
      /run 3 has 1003, and drawn_seeds\[1\] of the file is 5/,
    );
  });

  test('an experiment that is running in the target is left alone', async () => {
    await finishExperiment(source);
    await begin(target, 2);
    const before = await into.rows();
    expect(await merge({ busy: 'it is running in the target' })).toMatchObject([
      { outcome: 'conflict', conflicts: ['it is running in the target'] },
    ]);
    expect(await into.rows()).toEqual(before);
  });

  test('an experiment whose last runs came from the source has no driver any more, and no service of one', async () => {
    const id = await begin(target, 2);
    const driver = { workflowId: 'w', runId: 'r' };
    const where = { kind: 'service', address: 'a:1', namespace: 'n', machine: 'm' } as const;
    const on = { ...driver, runId: 'other', service: serviceAt(where, 'service') };
    await target.experiments.claim(id, on, driver, NOW);
    await finishExperiment(source);
    expect(await merge()).toMatchObject([{ outcome: 'extended' }]);
    expect(await target.experiments.get(id)).toMatchObject({ status: 'completed', ...NO_DRIVER });
  });

  test('a picture whose object is damaged in the source is not copied, nor is its experiment', async () => {
    const id = await finishExperiment(source);
    const [sha256] = source.db.sqlite
      .prepare<[], Buffer>("select sha256 from artifacts where modality = 'image'")
      .pluck()
      .all();
    await source.objects.remove(sha256!);
    await source.objects.put(sha256!, Buffer.from('something else'));
    await expect(merge()).rejects.toThrow(/is damaged/);
    expect(await target.experiments.find(id)).toBeNull();
    expect(await violationsIn(target)).toEqual([]);
  });
});

test.each([
  ['U+0000', 'the \0 sea', /"the \\u0000 sea" cannot be stored: it contains U\+0000/],
  ['nothing to be seen', '\u200b', /"\\u200b" cannot be stored: it is blank/],
])(
  'a text of an older version that may not be stored (%s) is named, and nothing of its experiment is there',
  async (_, text, message) => {
    await source.experiments.plan(experimentId(config), config, NOW);
    source.db.sqlite.exec('drop trigger artifacts_are_immutable');
    source.db.sqlite.prepare(`update artifacts set text = ? where text = 'the sea'`).run(text);
    await expect(merge()).rejects.toMatchObject({
      kind: 'InvalidInput',
      message: expect.stringMatching(message),
    });
    expect(await target.experiments.list()).toEqual([]);
  },
);

const program = await s3Program();
sameOnBoth(() => {
  ('path' in program ? test : test.skip)(
    toldSkipped('pictures of a folder are merged into a bucket', program),
    async () => {
      if (!('path' in program)) return;
      const server = await startS3Server(program.path);
      Object.assign(process.env, server.environment);
      await makeBucket(server, 'merged');
      const service = { endpoint: server.endpoint, region: 'us-east-1', pathStyle: true };
      const bucket = await emptyPlace({ kind: 's3', bucket: 'merged', prefix: 'lab', service });
      try {
        target = bucket.store;
        const id = await finishExperiment(source);
        const [done] = await merge();
        expect(done).toMatchObject({ experiment: id, outcome: 'new' });
        expect(done!.objects).toBeGreaterThan(10);
        expect(await contentDigest(target.db, id)).toBe(await contentDigest(source.db, id));
        expect(await violationsIn(target)).toEqual([]);
        expect(await merge()).toMatchObject([{ outcome: 'equal', objects: 0 }]);
      } finally {
        await bucket.remove();
        await server.remove();
      }
    },
  );
});

test('a long run is added in transactions of at most 500 rows, and wherever that ends the target is sound', async () => {
  const id = await longExperiment();
  const messages: string[] = [];
  for (const at of [499, 500, 1004]) {
    await into.fault('insert on invocations', `new.sequence = ${at}`);
    messages.push(await rejection(merge()));
    await into.sql(`drop trigger fault${isOnPostgres() ? ' on invocations' : ''}`);
    expect(await into.one('select count(*) from invocations')).toBe(at - (at % 500));
    expect(await violationsIn(target)).toEqual([]);
    expect(await target.experiments.get(id)).toMatchObject({ status: 'cancelled' });
  }
  expect(messages.every((message) => message.includes('pulled out'))).toBe(true);
  expect(await merge()).toMatchObject([{ outcome: 'extended', added: { run: 0, invocation: 5 } }]);
  expect(await contentDigest(target.db, id)).toBe(await contentDigest(source.db, id));
  expect(await target.experiments.get(id)).toMatchObject({ status: 'completed', error: null });
  expect(await violationsIn(target)).toEqual([]);
});

sameOnBoth(() => {
  test('many runs are planned in transactions of at most 500 rows, and where that ends a resume plans the others with their seeds', async () => {
    const wide = { ...config, prompts: Array.from({ length: 600 }, (_, k) => `prompt ${k}`) };
    const id = experimentId(wide);
    await source.experiments.plan(id, wide, NOW);
    const count = runCount(wide);
    expect(count).toBeGreaterThan(1100);
    for (const at of [499, 500, 1001]) {
      await into.fault('insert on runs', `new.run_index = ${at}`);
      expect(await rejection(merge())).toContain('pulled out');
      await into.sql(`drop trigger fault${isOnPostgres() ? ' on runs' : ''}`);
      expect(await into.one('select count(*) from runs')).toBe(at - (at % 500));
      expect(await violationsIn(target)).toEqual([]);
    }
    await target.experiments.plan(id, wide, NOW);
    expect(await target.experiments.drawnSeeds(id)).toEqual(await source.experiments.drawnSeeds(id));
    expect(await merge()).toMatchObject([{ conflicts: [], conflictingRuns: 0 }]);
    expect(await contentDigest(target.db, id)).toBe(await contentDigest(source.db, id));
    expect((await target.experiments.get(id)).config).toEqual((await source.experiments.get(id)).config);
  });

  test('the merge reports each run that it added', async () => {
    await finishExperiment(source);
    const told: unknown[] = [];
    const parts = { source, target, dryRun: false, busy: async () => null, now: () => NOW };
    for await (const one of mergeStores({ ...parts, onProgress: ({ runs, of }) => told.push([runs, of]) })) {
      expect(one.outcome).toBe('new');
    }
    expect(told).toEqual([1, 2, 3, 4].map((run) => [run, 4]));
  });
});

const LONG = 1005;

/** One finished run of 1,005 steps, without vectors. */
async function longExperiment(): Promise<string> {
  const long = {
    ...config,
    networks: [['Echo']],
    prompts: ['p'],
    seeds: [-1],
    embedding_models: [],
    max_length: LONG,
  };
  const id = experimentId(long);
  const driver = { workflowId: 'w', runId: 'r' };
  await source.experiments.plan(id, long, NOW);
  await source.experiments.claim(id, driver, null, NOW);
  const run = await source.runs.get(id, 0);
  await source.runs.markRunning(run, NOW);
  const echo = generative('Echo', 'text', 'text');
  const modelId = await source.provenance.modelId(echo);
  const hostId = await source.provenance.hostId(fingerprint);
  const step = source.db.sqlite.prepare(`
    insert into invocations (run_id, sequence, model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms, created_at)
    values (${run.id}, ?, ${modelId}, ${run.promptId}, ${run.promptId}, ?, 'computed', ${hostId}, 1, 1, 1)`);
  for (let k = 0; k < LONG; k++) step.run(k, seedOfStep(run, k));
  source.db.sqlite.exec(`update runs set stop_reason = 'length', length = ${LONG}`);
  await source.diagrams.finishRun(await source.runs.get(id, 0), { diagrams: 0, surrogates: 0 }, NOW);
  await source.experiments.release(id, driver, 'completed', null, NOW);
  return id;
}
