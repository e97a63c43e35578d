import { barStatistics } from '../../tda/index.js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { PendingOutput, RunRow, Store } from '../../db/index.js';
import { experimentId } from '../../experiment/ids.js';
import {
  config,
  configWithSurrogates,
  diagram,
  embed,
  fingerprint,
  imagePoints,
  NOW,
  step,
  rejection,
  textPoints,
  vectorOf,
} from '../support/small-experiment.js';
import { emptyPlace } from './places.js';
import type { Place } from './place.js';

let place: Place;
let store: Store;
let run: RunRow;
let hostId: number;

beforeEach(async () => {
  place = await emptyPlace();
  ({ store } = place);
  await store.experiments.plan(experimentId(config), config, NOW);
  run = await store.runs.get(experimentId(config), 0);
  while (await step(store, run, 'stop'));
  hostId = await store.provenance.hostId(fingerprint);
});
afterEach(async () => place.remove());

const model = (of: typeof textPoints) => store.provenance.modelId(of);
const pending = async (of: typeof textPoints) => store.vectors.pending(run, await model(of), of.input);
const invocations = (outputs: readonly PendingOutput[]) =>
  outputs.flatMap(({ invocationIds }) => invocationIds);

describe('vectors', () => {
  test('are wanted for every output of the modality, once for equal ones', async () => {
    const captions = (await store.invocations.trajectory(run)).filter(({ modality }) => modality === 'text');
    expect(invocations(await pending(textPoints))).toHaveLength(captions.length);
    const distinct = new Set(captions.map(({ text }) => text)).size;
    expect(distinct).toBeLessThan(captions.length);
    expect(await pending(textPoints)).toHaveLength(distinct);
  });

  test.each([
    ['NaN', [1, NaN, 1, 1], /constraint.*vectors[._]norm/],
    ['an infinity', [1, 1, Infinity, 1], /constraint.*vectors_norm/],
    ['nothing but zeros', [0, -0, 0, 0], /constraint.*vectors_norm/],
    ['too few numbers', [1, 1, 1], /its length is not the dimension of its model/],
    ['too many numbers', [1, 1, 1, 1, 1], /its length is not the dimension of its model/],
    ['no numbers', [], /its length is not the dimension of its model/],
  ])('of %s are refused with their whole batch', async (_, values, message) => {
    const [first, second] = await pending(textPoints);
    const batch = [
      { pending: first!, vector: Float32Array.of(1, 2, 3, 4), computeMs: 1, cutTokens: 0 },
      { pending: second ?? first!, vector: new Float32Array(values), computeMs: 1, cutTokens: 0 },
    ];
    const before = invocations(await pending(textPoints));
    expect(await rejection(store.vectors.commit(batch, await model(textPoints), hostId))).toMatch(message);
    expect(invocations(await pending(textPoints))).toEqual(before);
  });

  test('of a model for the other modality are refused', async () => {
    const [picture] = await pending(imagePoints);
    const batch = [{ pending: picture!, vector: Float32Array.of(1, 2, 3, 4), computeMs: 1, cutTokens: 0 }];
    expect(await rejection(store.vectors.commit(batch, await model(textPoints), hostId))).toContain(
      'does not take this modality',
    );
  });

  test('stay once they are stored, whatever a late attempt brings', async () => {
    const batch = (await pending(textPoints)).map((output) => ({
      pending: output,
      vector: Float32Array.of(1, 2, 3, 4),
      computeMs: 1,
      cutTokens: 0,
    }));
    await store.vectors.commit(batch, await model(textPoints), hostId);
    const before = await store.vectors.pointCloud(run, await model(textPoints), 4);
    const late = batch.map((entry) => ({ ...entry, vector: Float32Array.of(4, 3, 2, 1) }));
    await store.vectors.commit(late, await model(textPoints), hostId);
    expect(await store.vectors.pointCloud(run, await model(textPoints), 4)).toEqual(before);
  });

  test('are taken from equal outputs of other runs', async () => {
    await embed(store, run, textPoints);
    const again = { ...config, name: 'again' };
    await store.experiments.plan(experimentId(again), again, NOW);
    const other = await store.runs.get(experimentId(again), 0);
    while (await step(store, other, 'stop'));
    const wanted = await store.vectors.pending(other, await model(textPoints), 'text');
    expect(wanted.length).toBeGreaterThan(0);
    expect(await store.vectors.reuse(wanted, await model(textPoints))).toEqual([]);
    expect(await store.vectors.pending(other, await model(textPoints), 'text')).toEqual([]);
    const cloud = async (of: RunRow) => store.vectors.pointCloud(of, await model(textPoints), 4);
    expect(await cloud(other)).toEqual(await cloud(run));
  });

  test('of another revision of the model do not count', async () => {
    await embed(store, run, textPoints);
    const revised = await store.provenance.modelId({ ...textPoints, revision: '2' });
    const wanted = await store.vectors.pending(run, revised, 'text');
    expect(await store.vectors.reuse(wanted, revised)).toEqual(wanted);
  });

  test('make a point for every step, in order, repeats included', async () => {
    await embed(store, run, textPoints);
    const { points, count } = await store.vectors.pointCloud(run, await model(textPoints), 4);
    const captions = (await store.invocations.trajectory(run)).filter(({ modality }) => modality === 'text');
    expect(count).toBe(captions.length);
    const rows = captions.map((_, row) => points.slice(4 * row, 4 * row + 4));
    const first = captions.findIndex(({ text }) => text === captions.at(-1)!.text);
    expect(first).toBeLessThan(captions.length - 1);
    expect(rows[first]).toEqual(rows.at(-1));
  });

  test('of a long run are read in portions, and come out in order', async () => {
    const long = { ...config, name: 'long', seeds: [7], max_length: 4400 };
    await store.experiments.plan(experimentId(long), long, NOW);
    const longRun = await store.runs.get(experimentId(long), 0);
    while (await step(store, longRun, 'continue'));
    await embed(store, longRun, textPoints);
    const cloud = await store.vectors.pointCloud(longRun, await model(textPoints), 4);
    const captions = (await store.invocations.trajectory(longRun)).flatMap(({ text }) => text ?? []);
    expect(captions).toHaveLength(2200);
    const expected = captions.map((text) => [...vectorOf(textPoints, { modality: 'text', text })]);
    expect(
      Array.from({ length: cloud.count }, (_, row) => [...cloud.points.subarray(4 * row, 4 * row + 4)]),
    ).toEqual(expected);
    const distinct = [...new Set(captions)];
    expect(cloud.distinctRows).toEqual(distinct.map((text) => captions.indexOf(text)));
    expect(await store.vectors.countDistinct(longRun, await model(textPoints))).toBe(distinct.length);
  });
});

const BOTH_DIAGRAMS = { diagrams: 2, surrogates: 0 };

const stored = () => store.diagrams.ofRun(run);
const key = (sha256: Buffer) => ({
  pointsSha256: sha256,
  maxDimension: config.max_dimension,
  maxEdgeLength: config.max_edge_length,
});

describe('a diagram', () => {
  beforeEach(async () => {
    await embed(store, run, textPoints);
    await diagram(store, run, textPoints, config);
  });

  test('is current for its points and settings only', async () => {
    const { sha256 } = await store.vectors.pointCloud(run, await model(textPoints), 4);
    const current = async (changes: object) =>
      (await store.diagrams.find(run, await model(textPoints), { ...key(sha256), ...changes })) !== null;
    expect(await current({})).toBe(true);
    expect(await current({ pointsSha256: Buffer.alloc(32) })).toBe(false);
    expect(await current({ maxDimension: 2 })).toBe(false);
    expect(await current({ maxEdgeLength: 1 })).toBe(false);
    expect(await store.diagrams.find(run, await model(imagePoints), key(sha256))).toBeNull();
  });

  test('of the same points and settings stays', async () => {
    const before = await stored();
    await diagram(store, run, textPoints, config);
    expect(await stored()).toEqual(before);
  });

  test('of other settings is replaced as a whole', async () => {
    const [before] = await stored();
    await diagram(store, run, textPoints, { ...config, max_dimension: 0, max_edge_length: 1e6 });
    const [after, ...others] = await stored();
    expect(others).toEqual([]);
    expect(after!.diagram).toMatchObject({ maxDimension: 0, maxEdgeLength: 1e6 });
    expect(before!.dimensions).toHaveLength(2);
    expect(after!.dimensions).toHaveLength(1);
    const rows = await place.one('select count(*) from diagram_dimensions');
    expect(rows).toBe(1);
  });

  test('that cannot be stored leaves the previous one', async () => {
    const before = await stored();
    const { diagram: row, dimensions } = before[0]!;
    const { bars } = dimensions[0]!;
    const statistics = { ...barStatistics(bars), entropy: Infinity };
    const bad = { ...row, maxDimension: 0, dimensions: [{ bars, statistics }] };
    expect(await rejection(store.diagrams.commit(run, await model(textPoints), bad, NOW))).toContain(
      'diagram_dimensions_entropy',
    );
    expect(await stored()).toEqual(before);
  });

  test('finishes its run only together with those of the other models', async () => {
    expect(await store.diagrams.finishRun(run, BOTH_DIAGRAMS, NOW)).toBe(false);
    // A leftover of an earlier revision counts once with its successor.
    const revised = await store.provenance.modelId({ ...textPoints, revision: '2' });
    const {
      diagram: { id: _, ...row },
      dimensions,
    } = (await stored())[0]!;
    const measured = dimensions.map(({ bars }) => ({ bars, statistics: barStatistics(bars) }));
    await store.diagrams.commit(run, revised, { ...row, dimensions: measured }, NOW);
    expect(await store.diagrams.finishRun(run, BOTH_DIAGRAMS, NOW)).toBe(false);
    await embed(store, run, imagePoints);
    await diagram(store, run, imagePoints, config);
    expect(await store.diagrams.finishRun(run, BOTH_DIAGRAMS, NOW + 5)).toBe(true);
    expect(await store.diagrams.finishRun(run, BOTH_DIAGRAMS, NOW + 9)).toBe(true);
    expect(await store.runs.get(run.experimentId, 0)).toMatchObject({
      status: 'finished',
      finishedAt: NOW + 5,
    });
  });

  test('does not finish its run before all its surrogates are stored, and the first commit of each stays', async () => {
    const asking = configWithSurrogates;
    const experiment = experimentId(asking);
    await store.experiments.plan(experiment, asking, NOW);
    run = await store.runs.get(experiment, 0);
    while (await step(store, run, 'stop'));
    await embed(store, run, textPoints);
    await diagram(store, run, textPoints, { ...asking, null_model: null });
    const { id } = (await stored())[0]!.diagram;
    const expected = { diagrams: 1, surrogates: 4 };
    const missing = await store.surrogates.missing(id, asking.null_model!);
    expect(missing).toEqual([
      { kind: 'shuffled_increments', index: 0 },
      { kind: 'shuffled_increments', index: 1 },
      { kind: 'sphere', index: 0 },
      { kind: 'sphere', index: 1 },
    ]);
    const components = { barCount: 2, longestBar: 2, totalPersistence: 3, entropy: 0.5 };
    const loops = { barCount: 0, longestBar: 0, totalPersistence: 0, entropy: 0 };
    for (const [made, key] of missing.entries()) {
      expect(await store.diagrams.finishRun(run, expected, NOW)).toBe(false);
      await store.surrogates.commit(id, key, [components, loops]);
      await store.surrogates.commit(id, key, [{ ...components, barCount: 1 }, loops]);
      expect(await store.surrogates.missing(id, asking.null_model!)).toEqual(missing.slice(made + 1));
    }
    expect(await store.diagrams.finishRun(run, expected, NOW)).toBe(true);
    const rows = await store.surrogates.ofDiagram(id);
    expect(rows).toHaveLength(8);
    expect(rows[7]).toEqual({ ...loops, diagramId: id, kind: 'sphere', surrogateIndex: 1, dimension: 1 });
    expect(rows.filter(({ dimension }) => dimension === 0).map(({ barCount }) => barCount)).toEqual([
      2, 2, 2, 2,
    ]);
    // The surrogates of a stale diagram go with it.
    await diagram(store, run, textPoints, { ...asking, null_model: null, max_edge_length: 1e6 });
    expect(await store.surrogates.ofDiagram(id)).toEqual([]);
    expect(await store.surrogates.missing((await stored())[0]!.diagram.id, asking.null_model!)).toHaveLength(
      4,
    );
  });

  test('of which a surrogate cannot be stored has none of its dimensions', async () => {
    const asking = configWithSurrogates;
    await store.experiments.plan(experimentId(asking), asking, NOW);
    run = await store.runs.get(experimentId(asking), 0);
    while (await step(store, run, 'stop'));
    await embed(store, run, textPoints);
    await diagram(store, run, textPoints, { ...asking, null_model: null });
    const { id } = (await stored())[0]!.diagram;
    const good = { barCount: 2, longestBar: 2, totalPersistence: 3, entropy: 0.5 };
    for (const bad of [{ entropy: NaN }, { longestBar: Infinity }, { totalPersistence: -1 }]) {
      const commit = store.surrogates.commit(id, { kind: 'sphere', index: 0 }, [good, { ...good, ...bad }]);
      expect(await rejection(commit)).toMatch(/constraint.*surrogates/);
    }
    expect(await store.surrogates.ofDiagram(id)).toEqual([]);
  });

  test('does not finish a run whose trajectory has not ended', async () => {
    const open = await store.runs.get(run.experimentId, 1);
    expect(await store.diagrams.finishRun(open, { diagrams: 0, surrogates: 0 }, NOW)).toBe(false);
    expect((await store.runs.get(run.experimentId, 1)).status).toBe('pending');
  });
});
