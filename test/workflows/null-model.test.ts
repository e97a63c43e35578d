import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { surrogateSeed } from '../../experiment/ids.js';
import {
  longestLifetime,
  nullRank,
  persistenceEntropy,
  ripsPersistence,
  surrogate,
  totalPersistence,
} from '../../tda/index.js';
import { openLaboratory } from '../support/laboratory.js';
import type { Laboratory } from '../support/laboratory.js';
import { violations, withStore } from '../support/store-checks.js';
import { CLI } from '../support/worker-process.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

const KINDS = ['shuffled_increments', 'sphere'] as const;

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [-1],
  embedding_models: ['Dummy', 'HashedNgram'],
  max_length: 24,
  max_dimension: 1,
  null_model: { surrogates: 4 },
};

const Shown = z.object({ diagrams: z.array(z.object({ nullModel: z.array(z.looseObject({})) })) });

let laboratory: Laboratory;
let experiment: string;

beforeAll(async () => {
  laboratory = await openLaboratory();
  ({ experiment } = await laboratory.run(EXPERIMENT, 'null-model'));
});
afterAll(() => laboratory.close());

function panicTda(...command: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [CLI, ...command, '--data', laboratory.data],
    { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } },
  );
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

test('a finished run has the surrogates of every diagram, and the test can make them again from the points', async () => {
  expect(await violations(laboratory.data)).toEqual([]);
  await withStore(laboratory.data, async (store) => {
    const run = await store.runs.get(experiment, 0);
    expect(run.status).toBe('finished');
    const diagrams = await store.diagrams.ofRun(run);
    expect(diagrams.map(({ model }) => model)).toEqual(['Dummy', 'HashedNgram']);
    for (const { diagram, dimensions } of diagrams) {
      const rows = await store.surrogates.ofDiagram(diagram.id);
      expect(rows).toHaveLength(KINDS.length * 4 * 2);
      const [{ points }, dimension] = await cloudOf(store, diagram);
      for (const { kind, surrogateIndex, dimension: degree, ...row } of rows) {
        const seed = surrogateSeed(diagram.pointsSha256, kind, surrogateIndex);
        const made = await ripsPersistence(
          { points: surrogate(points, dimension, kind, seed), dimension },
          { maxDimension: 1 },
        );
        const bars = made.diagrams[degree]!;
        const longest = longestLifetime(bars);
        const total = totalPersistence(bars);
        expect(row).toEqual({
          diagramId: diagram.id,
          barCount: bars.length / 2,
          longestBar: longest,
          totalPersistence: total,
          entropy: persistenceEntropy(bars),
        });
      }
      // Surrogates are not copies of the diagram.
      const observed = totalPersistence(dimensions[0]!.bars);
      expect(rows.map((row) => row.totalPersistence)).not.toContain(observed);
    }
  });
});

async function cloudOf(
  store: Parameters<Parameters<typeof withStore>[1]>[0],
  { runId, modelId }: { readonly runId: number; readonly modelId: number },
) {
  const run = await store.runs.get(experiment, 0);
  expect(run.id).toBe(runId);
  const dimension = Number(
    store.db.sqlite.prepare('select dimension from models where id = ?').pluck().get(modelId),
  );
  return [await store.vectors.pointCloud(run, modelId, dimension), dimension] as const;
}

test('show ranks the longest bar of each dimension among those of its surrogates', async () => {
  const { diagrams } = readJson(panicTda('show', experiment, '0', '--json'), Shown);
  const expected = await withStore(laboratory.data, async (store) => {
    const made = await store.diagrams.ofRun(await store.runs.get(experiment, 0));
    const ranked = made.map(async ({ diagram, dimensions }) => {
      const rows = await store.surrogates.ofDiagram(diagram.id);
      const longestBar = longestLifetime(dimensions[1]!.bars);
      return KINDS.map((kind) => {
        const others = rows.filter((row) => row.kind === kind && row.dimension === 1);
        const values = others.map((row) => row.longestBar);
        return { dimension: 1, kind, surrogates: 4, longestBar, ...nullRank(longestBar, values) };
      });
    });
    return Promise.all(ranked);
  });
  expect(diagrams.map(({ nullModel }) => nullModel)).toEqual(expected);

  const text = panicTda('show', experiment, '0');
  const lines = text.match(/^H1 +(shuffled increments|sphere) +\d\.\d{3} +\d of 5 +\d\.\d{3}$/gm);
  expect(lines).toHaveLength(4);
  expect(lines![1]).toMatch(new RegExp(` ${expected[0]![1]!.rank} of 5 +${expected[0]![1]!.p.toFixed(3)}$`));
});

/** The activities of the run of an experiment. */
async function activitiesOf(id: string): Promise<string[]> {
  const { events } = await laboratory.client.workflow.getHandle(`run-${id}-0`).fetchHistory();
  return events!.flatMap((event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? []);
}

test('only the activity of the diagrams makes surrogates, however short the run', async () => {
  expect(await activitiesOf(experiment)).toEqual(['advanceRun', 'diagramRun', 'diagramRun']);
});

test('without a null model, no surrogates are made or shown, and a short run needs no other activity for its vectors and its diagrams', async () => {
  const without = await laboratory.run({ ...EXPERIMENT, null_model: null, name: 'without' }, 'without');
  await withStore(laboratory.data, async (store) => {
    for (const { diagram } of await store.diagrams.ofRun(await store.runs.get(without.experiment, 0))) {
      expect(await store.surrogates.ofDiagram(diagram.id)).toEqual([]);
    }
  });
  expect(panicTda('show', without.experiment, '0')).not.toMatch(/surrogate/);
  const { diagrams } = readJson(panicTda('show', without.experiment, '0', '--json'), Shown);
  expect(diagrams.map(({ nullModel }) => nullModel)).toEqual([[], []]);
  expect(await activitiesOf(without.experiment)).toEqual(['advanceRun']);
});
