import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { CallColumns, Cycle, RunRow, Store } from '../../db/index.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { experimentId } from '../../experiment/ids.js';
import {
  config,
  describer,
  fingerprint,
  NOW,
  painter,
  picture,
  rejection,
  staged,
} from '../support/small-experiment.js';
import { emptyPlace } from './places.js';
import type { Place } from './place.js';

let place: Place;
let store: Store;
beforeEach(async () => {
  place = await emptyPlace();
  ({ store } = place);
});
afterEach(async () => place.remove());

async function planned(of: ExperimentConfig, index = 0): Promise<RunRow> {
  await store.experiments.plan(experimentId(of), of, NOW);
  return await store.runs.get(experimentId(of), index);
}

function reread(run: RunRow): Promise<RunRow> {
  return store.runs.get(run.experimentId, run.runIndex);
}

async function counted(table: string): Promise<number> {
  return Number(await place.one(`select count(*) from ${table}`));
}

type OnCycle = 'stop' | 'continue' | 'ignore';

/** Commits the next step with this answer: a colour for the painter, a caption for the describer. */
async function step(
  run: RunRow,
  answer: number | string,
  onCycle: OnCycle = 'stop',
  sequence?: number,
  call: CallColumns = {},
) {
  const { next: position } = await store.invocations.progress(run);
  const at = sequence ?? position.sequence;
  const output =
    typeof answer === 'number'
      ? picture(4, 4, Uint8Array.of(answer, 0, 0))
      : ({ modality: 'text', text: answer } as const);
  const content = await staged(store, output);
  const modelId = await store.provenance.modelId(at % 2 === 0 ? painter : describer);
  const provenance = {
    source: 'computed',
    hostId: await store.provenance.hostId(fingerprint),
    batchSize: 1,
    computeMs: 1,
  } as const;
  const { inputId } = position;
  return store.invocations.commit(
    run,
    { sequence: at, inputId, modelId, seed: 7, output: content, provenance, call, onCycle },
    NOW + at,
  );
}

describe('a step', () => {
  test('starts at the prompt and continues from the previous output', async () => {
    const run = await planned(config);
    expect((await store.invocations.progress(run)).next).toEqual({ sequence: 0, inputId: run.promptId });
    const { next, ended, superseded } = await step(run, 1);
    expect(next.sequence).toBe(1);
    expect([ended, superseded]).toEqual([null, false]);
    expect((await store.invocations.progress(run)).next).toEqual(next);
    expect(await store.artifacts.load(next.inputId)).toEqual(picture(4, 4, Uint8Array.of(1, 0, 0)));
  });

  test('that fails in the middle leaves nothing, and can be made again', async () => {
    const run = await planned({ ...config, max_length: 1 });
    const before = await counted('artifacts');
    // The end of the run is the last write of a step.
    await place.fault('update on runs');
    expect(await rejection(step(run, 1))).toContain('pulled out');
    expect([await counted('invocations'), await counted('artifacts')]).toEqual([0, before]);
    expect(await reread(run)).toEqual(run);
    await place.mend();
    expect((await step(run, 1)).ended).toBe('length');
    expect(await reread(run)).toMatchObject({ stopReason: 'length', length: 1 });
  });

  test('that fails does not take the steps of other runs with it', async () => {
    const [run, bad, other] = [await planned(config, 0), await planned(config, 1), await planned(config, 2)];
    const results = await Promise.allSettled([step(run, 1), step(bad, 'no picture'), step(other, 2)]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const lengths = await Promise.all(
      [run, bad, other].map(async (each) => (await store.invocations.trajectory(each)).length),
    );
    expect(lengths).toEqual([1, 0, 1]);
  });

  test('that is stored already stays, and the late attempt changes nothing', async () => {
    const run = await planned(config);
    await step(run, 1);
    const [rows, contents] = [await counted('invocations'), await counted('artifacts')];
    const position = { sequence: 0, inputId: run.promptId };
    const late = await store.invocations.commit(
      run,
      {
        ...position,
        modelId: await store.provenance.modelId(painter),
        seed: 7,
        output: await staged(store, picture(4, 4, Uint8Array.of(99, 0, 0))),
        provenance: {
          source: 'computed',
          hostId: await store.provenance.hostId(fingerprint),
          batchSize: 1,
          computeMs: 1,
        },
        call: {},
        onCycle: 'stop',
      },
      NOW + 500,
    );
    expect(late).toMatchObject({ superseded: true, ended: null });
    expect(late.next).toEqual((await store.invocations.progress(run)).next);
    expect([await counted('invocations'), await counted('artifacts')]).toEqual([rows, contents]);
  });

  test('that is stored already with another seed is a conflict that says which', async () => {
    const run = await planned(config);
    await step(run, 1);
    const again = store.invocations.commit(
      run,
      {
        sequence: 0,
        inputId: run.promptId,
        modelId: await store.provenance.modelId(painter),
        seed: 8,
        output: run.promptId,
        provenance: { source: 'reused' },
        call: {},
        onCycle: 'stop',
      },
      NOW,
    );
    await expect(again).rejects.toMatchObject({
      kind: 'StoreConflict',
      message: expect.stringMatching(/step 0 of run 0 .* another seed \(7, not 8\)/),
    });
  });

  test('of a deterministic model is found again by model, input and seed', async () => {
    const run = await planned(config);
    await step(run, 1);
    const model = await store.provenance.modelId(painter);
    const {
      next: { inputId: output },
    } = await store.invocations.progress(run);
    expect(await store.invocations.findEqualWork(model, run.promptId, 7)).toEqual({
      outputId: output,
      call: { cutTokens: null, outputCut: null },
    });
    expect(await store.invocations.findEqualWork(model, run.promptId, 8)).toBeNull();
    expect(await store.invocations.findEqualWork(model, output, 7)).toBeNull();
    const revised = await store.provenance.modelId({ ...painter, revision: '2' });
    expect(await store.invocations.findEqualWork(revised, run.promptId, 7)).toBeNull();
  });

  test('records how much of its input the model did not read, and so does a copy of it', async () => {
    const run = await planned(config);
    await step(run, 1, 'stop', undefined, { cutTokens: 12 });
    await step(run, 'a');
    expect((await store.invocations.trajectory(run)).map(({ cutTokens }) => cutTokens)).toEqual([12, null]);
    const model = await store.provenance.modelId(painter);
    expect(await store.invocations.findEqualWork(model, run.promptId, 7)).toMatchObject({
      call: { cutTokens: 12, outputCut: null },
    });
  });

  test('records that its output was cut, and so does a copy of it', async () => {
    const run = await planned({ ...config, max_length: 8, on_cycle: 'continue' });
    await step(run, 1, 'continue');
    const { next: painted } = await store.invocations.progress(run);
    await step(run, 'a', 'continue', undefined, { outputCut: 1 });
    await step(run, 1, 'continue');
    const cycling = await reread(run);
    const cycle = { start: cycling.cycleStart!, length: cycling.cycleLength! };
    await store.invocations.fillFromCycle(cycling, cycle, 7, 100, NOW);
    const steps = await store.invocations.trajectory(run);
    expect(steps.map(({ outputCut }) => outputCut === 1)).toEqual(
      steps.map(({ sequence }) => sequence % 2 === 1),
    );
    expect(steps.at(-1)).toMatchObject({ source: 'cycle' });
    const model = await store.provenance.modelId(describer);
    expect(await store.invocations.findEqualWork(model, painted.inputId, 7)).toMatchObject({
      call: { outputCut: 1 },
    });
  });

  test('that was copied is not copied from', async () => {
    const run = await planned(config);
    const model = await store.provenance.modelId(painter);
    const content = await staged(store, picture(4, 4, Uint8Array.of(1, 0, 0)));
    const output = await store.db.write(() => store.artifacts.idOf(content));
    await store.invocations.commit(
      run,
      {
        sequence: 0,
        inputId: run.promptId,
        modelId: model,
        seed: 7,
        output,
        provenance: { source: 'reused' },
        call: {},
        onCycle: 'stop',
      },
      NOW,
    );
    expect((await store.invocations.trajectory(run))[0]).toMatchObject({ source: 'reused', computeMs: null });
    expect(await store.invocations.findEqualWork(model, run.promptId, 7)).toBeNull();
  });
});

/** Commits these answers one after another. Returns the result of the last one. */
async function walk(run: RunRow, answers: readonly (number | string)[], onCycle: OnCycle) {
  const committed = [];
  for (const answer of answers) committed.push(await step(run, answer, onCycle));
  return committed.at(-1)!;
}

describe('a cycle', () => {
  test('ends the run at the first repeat, which is kept', async () => {
    const run = await planned(config);
    expect(await walk(run, [1, 'a', 2, 'b', 3], 'stop')).toMatchObject({ ended: null, cycle: null });
    expect(await step(run, 'a')).toMatchObject({ ended: 'cycle', cycle: { start: 1, length: 4 } });
    expect(await reread(run)).toMatchObject({
      stopReason: 'cycle',
      length: 6,
      cycleStart: 1,
      cycleLength: 4,
    });
    expect(await rejection(step(run, 2))).toContain('the run has ended');
  });

  test('that another attempt has found is what a late attempt continues from, with the length of the run', async () => {
    const run = await planned(config);
    expect(await store.invocations.progress(run)).toEqual({
      next: { sequence: 0, inputId: run.promptId },
      ended: null,
      cycle: null,
    });
    const ended = await walk(run, [1, 'a', 2, 'b', 3, 'a'], 'stop');
    const stand = { next: ended.next, ended: 'cycle', cycle: { start: 1, length: 4 } };
    const { sequence, inputId, modelId, outputId } = (await store.invocations.trajectory(run))[1]!;
    const late = {
      sequence,
      inputId,
      modelId,
      seed: 7,
      output: outputId,
      call: {},
      onCycle: 'stop',
    } as const;
    const reused = { ...late, provenance: { source: 'reused' } } as const;
    expect(await store.invocations.commit(run, reused, NOW)).toEqual({ superseded: true, ...stand });
    expect(await store.invocations.progress(run)).toEqual(stand);
  });

  test('needs the same position of the network', async () => {
    const copies = { ...config, networks: [['Copier', 'Echo', 'Echo']], seeds: [7] };
    const run = await planned(copies);
    const say = async (text: string, name: string) => {
      const provenance = {
        source: 'computed',
        hostId: await store.provenance.hostId(fingerprint),
        batchSize: 1,
        computeMs: 1,
      } as const;
      const output = await staged(store, { modality: 'text', text });
      const work = {
        ...(await store.invocations.progress(run)).next,
        modelId: await store.provenance.modelId({ ...describer, name, input: 'text' }),
        seed: 7,
        output,
        provenance,
        call: {},
      };
      return store.invocations.commit(run, { ...work, onCycle: 'stop' }, NOW);
    };
    // "a" comes at position 0, then at 1 and 2: other models come next, so nothing repeats yet.
    for (const name of ['Copier', 'Echo', 'Echo']) expect((await say('a', name)).cycle).toBeNull();
    expect(await say('a', 'Copier')).toMatchObject({ ended: 'cycle', cycle: { start: 0, length: 3 } });
  });

  test('is not looked for if a repeat would be none', async () => {
    const run = await planned(config);
    expect(await walk(run, [1, 'a', 1, 'a', 1, 'a'], 'ignore')).toMatchObject({ ended: null, cycle: null });
    expect(await reread(run)).toMatchObject({ cycleStart: null, stopReason: null });
  });

  test('that ends on the last step is the reason why the run ends', async () => {
    const run = await planned({ ...config, max_length: 3 });
    expect(await walk(run, [1, 'a', 1], 'stop')).toMatchObject({ ended: 'cycle' });
  });

  describe('that is continued', () => {
    const continued = { ...config, on_cycle: 'continue' } as const;
    let run: RunRow;
    let cycle: Cycle;
    beforeEach(async () => {
      run = await planned(continued);
      await walk(run, [1, 'a', 2, 'b', 3], 'continue');
      const found = await step(run, 'a', 'continue', undefined, { cutTokens: 9 });
      expect(found).toMatchObject({ ended: null, cycle: { start: 1, length: 4 } });
      cycle = found.cycle!;
    });

    test('fills the rest in exactly, a part at a time, without a model', async () => {
      expect(await reread(run)).toMatchObject({ cycleStart: 1, cycleLength: 4, stopReason: null });
      expect(await store.invocations.fillFromCycle(run, cycle, 7, 4, NOW)).toMatchObject({ ended: null });
      expect(await store.invocations.fillFromCycle(run, cycle, 7, 4, NOW)).toMatchObject({ ended: 'length' });
      const rows = await store.invocations.trajectory(run);
      expect(rows.map(({ sequence }) => sequence)).toEqual([...Array(12).keys()]);
      const outputs = rows.map(({ sha256 }) => sha256.toString('hex'));
      for (let at = 5; at < 12; at++) expect(outputs[at]).toBe(outputs[at - 4]);
      expect(rows.slice(6).map(({ source }) => source)).toEqual(Array(6).fill('cycle'));
      expect(rows.slice(0, 6).map(({ source }) => source)).toEqual(Array(6).fill('computed'));
      expect(rows.map(({ cutTokens }) => cutTokens)).toEqual(
        rows.map(({ sequence }) => (sequence === 5 || sequence === 9 ? 9 : null)),
      );
      expect(await reread(run)).toMatchObject({ stopReason: 'length', length: 12 });
    });

    test('is filled in once, however often it is asked for', async () => {
      await Promise.all([1, 2, 3].map(() => store.invocations.fillFromCycle(run, cycle, 7, 100, NOW)));
      expect(await store.invocations.trajectory(run)).toHaveLength(12);
      expect(await store.invocations.fillFromCycle(run, cycle, 7, 100, NOW)).toMatchObject({
        ended: 'length',
      });
    });
  });
});
