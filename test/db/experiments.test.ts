import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { contentDigest, contentOf, driverOf, serviceAt } from '../../db/index.js';
import { checkInvariants } from '../../db/doctor/index.js';
import type { ContentRow, RunRow, Store } from '../../db/index.js';
import type { UnfinishedPlan } from '../../db/doctor/index.js';
import { runCoordinates } from '../../experiment/config.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { experimentId } from '../../experiment/ids.js';
import {
  config,
  configWithSurrogates,
  embed,
  finishExperiment,
  finishRun,
  imagePoints,
  NOW,
  step,
  rejection,
  textPoints,
} from '../support/small-experiment.js';
import { emptyPlace, sameOnBoth, soundPlace } from './places.js';
import type { Place, Sound } from './place.js';

let place: Place;
let store: Store;
const id = experimentId(config);

beforeEach(async () => {
  place = await emptyPlace();
  ({ store } = place);
});
afterEach(async () => place.remove());

function run(index: number): Promise<RunRow> {
  return store.runs.get(id, index);
}

const drawnOf = (rows: readonly RunRow[]) =>
  rows.filter(({ seed }) => seed === -1).map(({ drawnSeed }) => drawnSeed);

/** Before each test, a copy of a store with the finished experiment takes the place of the empty one. */
function fromFinished(): void {
  let sound: Sound;
  beforeAll(async () => {
    sound = await soundPlace(config);
  });
  afterAll(() => sound.remove());
  beforeEach(async () => {
    await place.remove();
    place = await sound.copy();
    ({ store } = place);
  });
}

/** The findings of the doctor in the store. */
async function found() {
  const violations: string[] = [];
  const unfinished: UnfinishedPlan[] = [];
  const onUnfinishedPlan = (plan: UnfinishedPlan) => void unfinished.push(plan);
  for await (const { message } of checkInvariants(store.db, store.objects, { onUnfinishedPlan })) {
    violations.push(message);
  }
  return { violations, unfinished };
}

describe('planning', () => {
  test('makes every run of the experiment, once, in the order of the plan', async () => {
    await store.experiments.plan(id, config, NOW);
    const before = await store.runs.list(id);
    await store.experiments.plan(id, config, NOW + 1);
    expect(await store.runs.list(id)).toEqual(before);
    expect(before.map(({ runIndex }) => runIndex)).toEqual([0, 1, 2, 3]);
    for (const row of before) {
      const { network, seed } = runCoordinates(config, row.runIndex);
      expect(row).toMatchObject({ network, seed, status: 'pending', maxLength: 12, attempt: 1 });
      expect(row.drawnSeed === null).toBe(seed >= 0);
    }
    expect(new Set(before.map(({ drawnSeed }) => drawnSeed)).size).toBe(3);
  });

  test('that is cut off makes nothing', async () => {
    await place.fault('insert on runs', 'new.run_index = 3');
    expect(await rejection(store.experiments.plan(id, config, NOW))).toContain('pulled out');
    expect(await store.experiments.find(id)).toBeNull();
    expect(await place.one('select count(*) from artifacts')).toBe(0);
  });

  describe('of more runs than one transaction makes', () => {
    // 2,100 runs, of which 1,050 draw a seed: three transactions.
    const seeds = [-1, 7];
    const prompts = Array.from({ length: 525 }, (_, k) => `prompt ${k}`);
    const wide = { ...config, networks: [...config.networks, ...config.networks], seeds, prompts };
    const wideId = 'wide';
    const given = Array.from({ length: 1050 }, (_, k) => (k % 7 === 0 ? null : 5000 + k));

    /** Interrupts a plan in its second transaction. */
    async function cutOff(of: ExperimentConfig): Promise<void> {
      await place.fault('insert on runs', 'new.run_index = 1500');
      expect(await rejection(store.experiments.plan(wideId, of, NOW))).toContain('pulled out');
      await place.mend();
      expect(await place.one('select count(*) from runs')).toBe(1000);
    }

    async function plannedRows(): Promise<readonly RunRow[]> {
      const rows = await store.runs.list(wideId);
      expect(rows.map(({ runIndex }) => runIndex)).toEqual(Array.from({ length: 2100 }, (_, k) => k));
      const promptIds = await place.column(
        'select text from artifacts join runs on prompt_id = artifacts.id order by run_index',
      );
      for (const [k, row] of rows.entries()) {
        const { network, seed, prompt } = runCoordinates(wide, k);
        expect([row.network, row.seed, promptIds[k]]).toEqual([network, seed, prompt]);
      }
      return rows;
    }

    test('continues where it was cut off, and keeps the stored drawn seeds', async () => {
      await cutOff(wide);
      const before = await store.runs.list(wideId);
      await store.experiments.plan(wideId, wide, NOW + 1);
      const rows = await plannedRows();
      expect(rows.slice(0, 1000)).toEqual(before);
      expect(new Set(drawnOf(rows)).size).toBe(1050);
      expect(await store.experiments.get(wideId)).toMatchObject({ createdAt: NOW, status: 'planned' });
    });

    sameOnBoth(() => {
      test('continues with the drawn seeds that a file gave, also if the next call gives none', async () => {
        await cutOff({ ...wide, drawn_seeds: given });
        const stored = (await store.experiments.get(wideId)).config;
        expect(stored.drawn_seeds).toEqual(given);
        // The first 1,000 runs have 525 drawn seeds; for the others the file says which of them draw one.
        const told = await store.experiments.drawnSeeds(wideId);
        expect(told.slice(525)).toEqual(given.slice(525));
        expect(told.slice(0, 525)).toEqual(given.slice(0, 525).map((seed) => seed ?? expect.any(Number)));
        await store.experiments.plan(wideId, wide, NOW);
        const drawn = drawnOf(await plannedRows());
        expect(drawn.map((seed, k) => (given[k] === null ? null : seed))).toEqual(given);
        expect((await store.experiments.get(wideId)).config).toEqual(wide);
      });

      test('takes drawn seeds of a file for the runs to come, and refuses seeds other than those stored or given before', async () => {
        await cutOff(wide);
        const there = await store.experiments.drawnSeeds(wideId);
        expect(there).toHaveLength(1050);
        const agreeing = there.map((seed, k) => seed ?? 9000 + k);
        const other = { ...wide, drawn_seeds: agreeing.with(3, 1) };
        await expect(store.experiments.plan(wideId, other, NOW)).rejects.toThrow(
          /run 3 has \d+, and drawn_seeds\[3\] of the file is 1/,
        );
        await place.fault('insert on runs', 'new.run_index = 1000');
        expect(
          await rejection(store.experiments.plan(wideId, { ...wide, drawn_seeds: agreeing }, NOW)),
        ).toContain('pulled out');
        await place.mend();
        await store.experiments.plan(wideId, { ...wide, drawn_seeds: agreeing }, NOW);
        expect(drawnOf(await plannedRows())).toEqual(agreeing);
      });

      test('refuses a file that gives other drawn seeds to runs that are still to come', async () => {
        await cutOff({ ...wide, drawn_seeds: given });
        const other = { ...wide, drawn_seeds: given.map((_, k) => (k === 1040 ? 1 : null)) };
        const refused =
          /the file that began it gives 6040 at this place, and drawn_seeds\[1040\] of the file is 1/;
        await expect(store.experiments.refuseOtherSeeds(wideId, other)).rejects.toThrow(refused);
        await expect(store.experiments.plan(wideId, other, NOW)).rejects.toThrow(refused);
        expect(await place.one('select count(*) from runs')).toBe(1000);
      });
    });

    test('leaves the same rows whether one call makes them or three side by side', async () => {
      await Promise.all([1, 2, 3].map((k) => store.experiments.plan(wideId, wide, NOW + k)));
      expect(new Set(drawnOf(await plannedRows())).size).toBe(1050);
    });

    sameOnBoth(() => {
      test('lets nothing claim the experiment before its last run is there', async () => {
        await cutOff(wide);
        const driver = { workflowId: 'w', runId: 'r' };
        expect(await store.experiments.claim(wideId, driver, null, NOW)).toBe(false);
        await store.experiments.plan(wideId, wide, NOW);
        expect(await store.experiments.claim(wideId, driver, null, NOW)).toBe(true);
      });

      test('makes no run again that an experiment lost after it was driven', async () => {
        await store.experiments.plan(wideId, wide, NOW);
        await store.experiments.claim(wideId, { workflowId: 'w', runId: 'r' }, null, NOW);
        await place.run('delete from runs where run_index >= 2000');
        await store.experiments.plan(wideId, wide, NOW);
        expect(await place.one('select count(*) from runs')).toBe(2000);
      });

      test('ends if a user deletes the experiment meanwhile, which is then deleted whole', async () => {
        await cutOff(wide);
        expect(await store.deletion.begin(wideId, null, NOW)).toBe(true);
        await store.experiments.plan(wideId, wide, NOW);
        expect(await place.one('select count(*) from runs')).toBe(1000);
        while (!(await store.deletion.step(wideId)).done);
        await store.deletion.end(wideId);
        expect(
          await place.one('select (select count(*) from experiments) + (select count(*) from artifacts)'),
        ).toBe(0);
      });

      test('ends between two transactions if its caller gives up', async () => {
        const given = new AbortController();
        given.abort(new Error('given up'));
        expect(await rejection(store.experiments.plan(wideId, wide, NOW, null, given.signal))).toBe(
          'given up',
        );
        expect(await place.one('select count(*) from runs')).toBe(1000);
      });

      test('is no violation while it is cut off and nothing has begun, and one afterwards', async () => {
        const whole = experimentId(wide);
        await place.fault('insert on runs', 'new.run_index = 1500');
        await rejection(store.experiments.plan(whole, wide, NOW));
        await place.mend();
        expect(await found()).toEqual({
          violations: [],
          unfinished: [{ experiment: whole, planned: 1000, of: 2100 }],
        });
        const missing = {
          violations: [expect.stringContaining('runs 1000..2099 are missing')],
          unfinished: [],
        };
        await place.run(`update experiments set started_at = 1`);
        expect(await found()).toEqual(missing);
        await place.run(`update experiments set started_at = null`);
        await store.runs.markRunning(await store.runs.get(whole, 5), NOW);
        expect((await found()).violations).toContainEqual(missing.violations[0]);
      });

      test('says of a run to come that it is not planned yet', async () => {
        await cutOff(wide);
        await expect(store.runs.get(wideId, 1000)).rejects.toThrow(
          /run 1000 .* is not planned yet.*resume wide/,
        );
        await expect(store.runs.get(wideId, 2100)).rejects.toThrow(/no run 2100/);
      });
    });
  });

  sameOnBoth(() => {
    test('an experiment that is not there is an input error that says where to look', async () => {
      await expect(store.experiments.get('nobody')).rejects.toThrow(/panic-tda list/);
      await expect(store.runs.get('nobody', 0)).rejects.toThrow(/no run 0/);
    });
  });
});

describe('a claim', () => {
  const [one, other] = [
    { workflowId: 'experiment-e', runId: 'one' },
    { workflowId: 'experiment-e', runId: 'other' },
  ];
  beforeEach(async () => await store.experiments.plan(id, config, NOW));

  test('goes to one of the executions that saw the same driver', async () => {
    expect(await store.experiments.claim(id, one, null, NOW)).toBe(true);
    expect(await store.experiments.claim(id, other, null, NOW)).toBe(false);
    expect(await store.experiments.get(id)).toMatchObject({ status: 'running', driverRunId: 'one' });
    expect(await store.experiments.claim(id, other, one, NOW + 1)).toBe(true);
    expect(await store.experiments.claim(id, one, one, NOW + 2)).toBe(false);
    expect(await store.experiments.get(id)).toMatchObject({ driverRunId: 'other', startedAt: NOW });
  });

  test('may be repeated by its owner', async () => {
    await store.experiments.claim(id, one, null, NOW);
    expect(await store.experiments.claim(id, one, one, NOW)).toBe(true);
  });

  test('records its service, and a caller that saw that driver forgets both', async () => {
    const where = { kind: 'service', address: 'there:7233', namespace: 'default', machine: null } as const;
    const service = serviceAt(where, 'an id');
    await store.experiments.claim(id, { ...one, service }, null, NOW);
    const row = await store.experiments.get(id);
    expect(driverOf(row)).toEqual({ ...one, service });
    expect(await store.experiments.forgetDriver(id, other)).toBe(false);
    expect(await store.experiments.get(id)).toEqual(row);
    expect(await store.experiments.forgetDriver(id, one)).toBe(true);
    expect(driverOf(await store.experiments.get(id))).toBeNull();
    expect(await store.experiments.get(id)).toMatchObject({
      status: 'planned',
      driverPlace: null,
      driverKind: null,
      driverAddress: null,
      driverNamespace: null,
    });
  });

  sameOnBoth(() => {
    test('of a kind of service that this version does not know says its place in words only', async () => {
      const where = { kind: 'service', address: 'there:7233', namespace: 'default', machine: null } as const;
      const service = serviceAt(where, 'an id');
      await store.experiments.claim(id, { ...one, service }, null, NOW);
      await place.run("update experiments set driver_kind = 'a later kind' where id = ?", id);
      expect(driverOf(await store.experiments.get(id))).toEqual({
        ...one,
        service: { ...service, where: null },
      });
    });
  });

  test('is given back by its owner only', async () => {
    await store.experiments.claim(id, one, null, NOW);
    await store.experiments.claim(id, other, one, NOW);
    await store.experiments.release(id, one, 'cancelled', null, NOW + 1);
    expect(await store.experiments.get(id)).toMatchObject({ status: 'running', driverRunId: 'other' });
    await store.experiments.release(id, other, 'completed_with_failures', 'run 3: lost', NOW + 2);
    expect(await store.experiments.get(id)).toMatchObject({
      status: 'completed_with_failures',
      driverWorkflowId: null,
      driverRunId: null,
      finishedAt: NOW + 2,
      error: 'run 3: lost',
    });
    await store.experiments.claim(id, one, null, NOW + 3);
    expect(await store.experiments.get(id)).toMatchObject({ finishedAt: null, error: null });
  });
});

describe('runs', () => {
  const failed = { status: 'failed', kind: 'DeviceError', message: 'the process was lost' } as const;
  beforeEach(async () => await store.experiments.plan(id, config, NOW));

  test('that failed start again from where they stopped, and no others', async () => {
    await finishRun(store, await run(0), config);
    await store.runs.markRunning(await run(1), NOW);
    await step(store, await run(1), 'stop');
    await store.runs.stop(await run(1), failed, NOW);
    await store.runs.stop(await run(2), { status: 'cancelled' }, NOW);
    const others = await Promise.all([0, 2, 3].map(run));
    const reset: number[] = [];
    const count = await store.experiments.resetFailedRuns(id, null, (some) => reset.push(...some));
    expect([count, reset]).toEqual([1, [1]]);
    expect(await run(1)).toMatchObject({
      status: 'pending',
      attempt: 2,
      errorKind: null,
      errorMessage: null,
    });
    expect(await Promise.all([0, 2, 3].map(run))).toEqual(others);
    expect((await store.invocations.progress(await run(1))).next.sequence).toBe(1);
    expect(await store.experiments.resetFailedRuns(id)).toBe(0);
  });

  sameOnBoth(() => {
    test('that finished or failed are not worked on', async () => {
      await finishRun(store, await run(0), config);
      await store.runs.stop(await run(1), failed, NOW);
      await store.runs.stop(await run(2), { status: 'cancelled' }, NOW);
      expect(await store.runs.unfinished(id, 0, 4)).toEqual([2, 3]);
      expect(await store.runs.unfinished(id, 3, 4)).toEqual([3]);
      expect(await store.runs.unfinished(id, 0, 2)).toEqual([]);
    });

    test('that finished cannot be stopped or started', async () => {
      await finishRun(store, await run(0), config);
      const finished = await run(0);
      await store.runs.stop(finished, failed, NOW);
      await store.runs.stop(finished, { status: 'cancelled' }, NOW);
      await store.runs.markRunning(finished, NOW);
      expect(await run(0)).toEqual(finished);
    });
  });

  test('keep what went wrong in characters that every database has', async () => {
    const said = { kind: 'Half\ud83d', message: 'cut off in a \ud83d\0 😀' };
    await store.runs.logFailure(await run(1), { stage: 'invocation', sequence: 0, ...said }, NOW);
    const stored = { kind: 'Half\ufffd', message: 'cut off in a \ufffd\\u0000 😀' };
    expect(await store.runs.failuresOf(await run(1))).toMatchObject([stored]);
    await store.runs.stop(await run(1), { status: 'failed', ...said }, NOW);
    expect(await run(1)).toMatchObject({ errorKind: stored.kind, errorMessage: stored.message });
    const driver = { workflowId: 'w', runId: 'r' };
    await store.experiments.claim(id, driver, null, NOW);
    await store.experiments.release(id, driver, 'failed', said.message, NOW);
    expect((await store.experiments.get(id)).error).toBe(stored.message);
  });

  sameOnBoth(() => {
    test.each([
      ['half of a surrogate pair', 'a \ud83d', /half of a surrogate pair/],
      ['U+0000', 'a\0b', /U\+0000/],
      ['nothing to be seen', '\u2800\u200b', /blank/],
      ['marks alone, of which the database knows nothing', '\u0301', /blank/],
    ])('take no prompt and no name with %s, whatever checked it before', async (_, text, message) => {
      for (const part of [{ prompts: [text] }, { name: text }]) {
        await expect(store.experiments.plan('other', { ...config, ...part }, NOW)).rejects.toMatchObject({
          kind: 'InvalidInput',
          message: expect.stringMatching(message),
        });
      }
      expect(await store.experiments.find('other')).toBeNull();
    });
  });

  test('count the failures of a step by kind, anew after each retry', async () => {
    const failure = {
      stage: 'invocation',
      sequence: 3,
      kind: 'ModelOutputInvalid',
      message: 'blank',
    } as const;
    const failing = await run(1);
    const log = (changes: object) => store.runs.logFailure(failing, { ...failure, ...changes }, NOW);
    const counts = [];
    for (const changes of [{}, {}, { sequence: 4 }, { kind: 'DeviceError' }, {}])
      counts.push(await log(changes));
    expect(counts).toEqual([1, 2, 1, 1, 3]);
    expect([await log({ sequence: null }), await log({ sequence: null })]).toEqual([1, 2]);
    await store.runs.stop(await run(1), failed, NOW);
    await store.experiments.resetFailedRuns(id);
    expect(await store.runs.logFailure(await run(1), failure, NOW)).toBe(1);
    expect(await store.runs.failuresOf(await run(1))).toHaveLength(8);
    expect(await store.runs.lastFailure(id)).toMatchObject({ runIndex: 1, attempt: 2 });
    expect(await store.runs.lastFailure('nobody')).toBeNull();
  });
});

describe('models that are still called', () => {
  const all = { generative: ['Painter', 'Describer'], embedding: ['TextPoints', 'ImagePoints'] };

  test('are those of trajectories that go on, and of outputs without a vector', async () => {
    await store.experiments.plan(id, config, NOW);
    expect(await store.runs.stillCalled(id, all, 'none')).toEqual([...all.generative, ...all.embedding]);
    for (const index of [0, 1, 2]) await finishRun(store, await run(index), config);
    while (await step(store, await run(3), 'stop'));
    expect(await store.runs.stillCalled(id, all, 'none')).toEqual(all.embedding);
    await embed(store, await run(3), textPoints);
    expect(await store.runs.stillCalled(id, all, 'none')).toEqual(['ImagePoints']);
    await embed(store, await run(3), imagePoints);
    expect(await store.runs.stillCalled(id, all, 'none')).toEqual([]);
  });

  sameOnBoth(() => {
    test('are those of failed runs if the caller asks about these, all or one', async () => {
      await store.experiments.plan(id, config, NOW);
      for (const index of [0, 1, 2]) await finishRun(store, await run(index), config);
      await store.runs.stop(await run(3), { status: 'failed', kind: 'DeviceError', message: 'x' }, NOW);
      const called = (failed: number | 'all' | 'none') => store.runs.stillCalled(id, all, failed);
      expect([await called('none'), await called('all'), await called(2), await called(3)]).toEqual([
        [],
        [...all.generative, ...all.embedding],
        [],
        [...all.generative, ...all.embedding],
      ]);
    });

    test("are found by a run's vectors, if these are of one version", async () => {
      await store.experiments.plan(id, config, NOW);
      while (await step(store, await run(3), 'stop'));
      const { id: runId } = await run(3);
      expect(await store.provenance.embeddedWith(runId, 'TextPoints')).toBeNull();
      await embed(store, await run(3), textPoints);
      expect(await store.provenance.embeddedWith(runId, 'TextPoints')).toEqual({
        id: await store.provenance.modelId(textPoints),
        name: 'TextPoints',
        input: 'text',
        dimension: 4,
      });
      await embed(store, await run(3), { ...textPoints, revision: '2' });
      expect(await store.provenance.embeddedWith(runId, 'TextPoints')).toBeNull();
    });

    test('and the catalogue file that gave them, are kept from the last start that knew it', async () => {
      const made = { path: '/own.json', sha256: 'ab', models: ['Painter'], machine: 'here' };
      await store.experiments.plan(id, config, NOW, [made]);
      await store.experiments.plan(id, config, NOW);
      expect((await store.experiments.get(id)).catalogue).toEqual([made]);
      await store.experiments.plan(id, config, NOW, [{ ...made, path: '/moved.json' }]);
      expect((await store.experiments.get(id)).catalogue).toMatchObject([{ path: '/moved.json' }]);
    });
  });
});

describe('figures while runs go on', () => {
  test('of progress count what is made and what is to come', async () => {
    await store.experiments.plan(id, config, NOW);
    expect(await store.summaries.progress(id)).toMatchObject({ invocations: 0, invocationsExpected: 48 });
    await finishRun(store, await run(0), config);
    await store.runs.markRunning(await run(1), NOW);
    for (let made = 0; made < 3; made++) await step(store, await run(1), 'stop');
    const { length } = await run(0);
    expect(await store.summaries.progress(id)).toEqual({
      runs: { pending: 2, running: 1, finished: 1, failed: 0, cancelled: 0 },
      invocations: length! + 3,
      invocationsExpected: length! + 36,
      invocationsHeld: 0,
      trajectoriesEnded: 1,
      diagrams: 2,
    });
    await store.runs.stop(await run(1), { status: 'failed', kind: 'DeviceError', message: 'lost' }, NOW);
    expect(await store.summaries.progress(id)).toMatchObject({
      invocations: length! + 3,
      invocationsExpected: length! + 27,
    });
    await store.experiments.resetFailedRuns(id);
    expect(await store.summaries.progress(id)).toMatchObject({
      invocations: length! + 3,
      invocationsExpected: length! + 36,
    });
  });

  test('of the rate look at the last minute', async () => {
    await store.experiments.plan(id, config, NOW);
    await store.runs.markRunning(await run(0), NOW);
    for (let made = 0; made < 3; made++) await step(store, await run(0), 'stop');
    expect(await store.summaries.recentRate(id, NOW + 1000)).toBeCloseTo(3000 / 1002);
    expect(await store.summaries.recentRate(id, NOW + 120_000)).toBe(0);
  });
});

describe('figures after the end', () => {
  fromFinished();

  test('of all runs list each run with its entropies, and the widths that their table needs', async () => {
    const listed = [];
    for await (const overview of store.runOverviews.list(id)) listed.push(overview);
    expect(listed.map(({ run }) => run)).toEqual(await store.runs.list(id));
    expect(listed.map(({ run, made }) => made - run.length!)).toEqual([0, 0, 0, 0]);
    const names = ['ImagePoints H0', 'ImagePoints H1', 'TextPoints H0', 'TextPoints H1'];
    for (const { dimensions } of listed) {
      expect(dimensions.map(({ model, dimension }) => `${model} H${dimension}`)).toEqual(names);
    }
    const figures = await store.runOverviews.figures(id);
    const made = listed.map((overview) => overview.made);
    expect(figures).toMatchObject({
      made: made.reduce((sum, one) => sum + one, 0),
      mostMade: Math.max(...made),
      seedWidth: 2,
      statusWidth: 'finished'.length,
      errorKinds: [],
      longestCycle: Math.max(...listed.map(({ run }) => run.cycleLength ?? 0)),
    });
    expect(figures.entropies).toHaveLength(4);
    for (const { model, dimension, entropy } of figures.entropies) {
      const same = listed.flatMap(({ dimensions }) =>
        dimensions.filter((one) => one.model === model && one.dimension === dimension),
      );
      expect(entropy).toBe(Math.max(...same.map((one) => one.entropy)));
    }
    const none = await store.runOverviews.figures('nobody');
    expect(none).toMatchObject({ made: 0, mostMade: 0, seedWidth: 0, longestCycle: null, entropies: [] });
  });

  test('of the summary are those of the rows', async () => {
    const runs = await store.runs.list(id);
    const trajectories = await Promise.all(runs.map((each) => store.invocations.trajectory(each)));
    const steps = trajectories.flat();
    const outputs = new Set(steps.map(({ sha256 }) => sha256.toString('hex'))).size;
    const cycles = (await store.runs.list(id)).flatMap(({ cycleLength }) => cycleLength ?? []);
    const summary = await store.summaries.summary(id);
    expect(summary).toMatchObject({
      invocations: { computed: steps.length, reused: 0, cycle: 0 },
      distinctOutputs: outputs,
      cycles: 2,
      shortestCycle: Math.min(...cycles),
      longestCycle: Math.max(...cycles),
      embeddings: steps.length,
      vectors: outputs,
      diagrams: 8,
      firstInvocationAt: NOW,
      lastInvocationAt: NOW + 11,
    });
    expect(summary.entropy.map(({ model, dimension, diagrams }) => [model, dimension, diagrams])).toEqual([
      ['ImagePoints', 0, 4],
      ['ImagePoints', 1, 4],
      ['TextPoints', 0, 4],
      ['TextPoints', 1, 4],
    ]);
    for (const { minEntropy, meanEntropy, maxEntropy } of summary.entropy) {
      expect(minEntropy).toBeLessThanOrEqual(meanEntropy);
      expect(meanEntropy).toBeLessThanOrEqual(maxEntropy);
    }
  });

  sameOnBoth(() => {
    test('of an experiment do not see another', async () => {
      const before = [await store.summaries.progress(id), await store.summaries.summary(id)];
      await finishExperiment(store, { ...config, name: 'another' });
      expect([await store.summaries.progress(id), await store.summaries.summary(id)]).toEqual(before);
      expect((await store.summaries.progress('nobody')).invocations).toBe(0);
      expect(await store.summaries.summary('nobody')).toMatchObject({
        cycles: 0,
        firstInvocationAt: null,
        entropy: [],
      });
    });
  });

  test('of models are means over all that the store has seen', async () => {
    expect(await store.summaries.invocationMs()).toEqual(
      new Map([
        ['Describer', 2],
        ['Painter', 2],
      ]),
    );
    const bytes = await store.summaries.imageBytes();
    expect([...bytes.keys()]).toEqual(['Painter']);
    expect(bytes.get('Painter')).toBeGreaterThan(20);
  });
});

async function kinds(rows: AsyncIterable<ContentRow>) {
  const counts = { run: 0, invocation: 0, embedding: 0, diagram: 0, surrogate: 0 };
  for await (const { kind } of rows) counts[kind]++;
  return counts;
}

async function listed<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const row of rows) list.push(row);
  return list;
}

describe('content', () => {
  fromFinished();

  test('is equal in two stores that obtained it in different ways', async () => {
    const elsewhere = await emptyPlace();
    try {
      // The other store has other ids, other times, other machines, and an interruption.
      await finishExperiment(elsewhere.store, { ...config, name: 'before it', prompts: ['something else'] });
      await elsewhere.store.experiments.plan(id, config, NOW + 77);
      await step(elsewhere.store, await elsewhere.store.runs.get(id, 0), 'stop');
      await finishExperiment(elsewhere.store);
      expect(await contentDigest(elsewhere.store.db, id)).toBe(await contentDigest(store.db, id));
      expect(await listed(contentOf(elsewhere.store.db, id))).toEqual(await listed(contentOf(store.db, id)));
    } finally {
      await elsewhere.remove();
    }
  });

  sameOnBoth(() => {
    test('has a row for every run, step, vector and dimension of a diagram', async () => {
      const { invocations, embeddings } = await store.summaries.summary(id);
      expect(await kinds(contentOf(store.db, id))).toEqual({
        run: 4,
        invocation: invocations.computed,
        embedding: embeddings,
        diagram: 16,
        surrogate: 0,
      });
      expect(await listed(contentOf(store.db, 'nobody'))).toEqual([]);
    });

    test('has a row for every dimension of a surrogate', async () => {
      const experiment = await finishExperiment(store, configWithSurrogates);
      expect(await kinds(contentOf(store.db, experiment))).toMatchObject({
        diagram: 16,
        surrogate: 16 * 2 * 2,
      });
      const before = await contentDigest(store.db, experiment);
      await place.sql('update surrogates set longest_bar = longest_bar / 2 where surrogate_index = 1');
      expect(await contentDigest(store.db, experiment)).not.toBe(before);
    });

    test.each([
      ['a vector', `update vectors set sha256 = zeroblob(32) where id = 1`],
      [
        'the bars of a diagram',
        'update diagram_dimensions set bars = zeroblob(8 * bar_count) where dimension = 0',
      ],
      ['the points of a diagram', 'update diagrams set points_sha256 = zeroblob(32)'],
      ['a status', `update runs set status = 'running' where run_index = 1`],
      ['a drawn seed', 'update runs set drawn_seed = 1 where run_index = 2'],
      [
        'what a step did not read',
        'drop trigger invocations_are_immutable; update invocations set cut_tokens = 5 where id = 1',
      ],
      ['a step less', 'delete from invocations where id = (select max(id) from invocations)'],
    ])('differs by %s', async (_, change) => {
      const before = await contentDigest(store.db, id);
      await place.sql(change);
      expect(await contentDigest(store.db, id)).not.toBe(before);
    });

    test('does not differ by times, machines and the way in which a value was obtained', async () => {
      const before = await contentDigest(store.db, id);
      await place.sql(`
      drop trigger invocations_are_immutable;
      update invocations set created_at = 0, source = 'reused', host_id = null, batch_size = null, compute_ms = null;
      update embeddings set source = 'reused';
      update diagrams set compute_ms = 0.5, created_at = 0;
      update runs set started_at = 0, finished_at = 0, attempt = 3`);
      expect(await contentDigest(store.db, id)).toBe(before);
    });
  });

  test('a reading that ends half-way leaves the store usable', async () => {
    for await (const { kind } of contentOf(store.db, id)) if (kind === 'invocation') break;
    await store.experiments.plan('another', config, NOW);
    for await (const violation of checkInvariants(store.db, store.objects, { experiment: id })) {
      throw new Error(violation.message);
    }
  });
});
