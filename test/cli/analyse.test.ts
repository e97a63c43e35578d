import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { storeRunStatistics } from '../../activities/run-statistics.js';
import { connectStore, openReader, openStore, setUpDatabase } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { experimentId } from '../../experiment/ids.js';
import { cleanUp, folderWith, startPanicTda } from '../support/cli-process.js';
import { readJson } from '../support/json.js';
import { config as small, finishExperiment, finishRun, textPoints } from '../support/small-experiment.js';
import { runCommand } from '../support/standing-program.js';
import { createDatabase, suitePostgres } from '../support/suite-postgres.js';

afterAll(cleanUp);

/** Runs of fixed seeds stop at exact cycles; those of seed -1 go on to the end. */
const CONFIG: ExperimentConfig = {
  ...small,
  networks: [
    ['Painter', 'Describer'],
    ['Painter', 'Describer', 'Painter', 'Describer'],
  ],
  prompts: ['a red apple', 'the sea', 'snow, in "May"'],
  seeds: [7, 8, -1],
  max_length: 24,
};
const NETWORKS = CONFIG.networks.map((network) => network.join(' → '));

const Curve = z.array(z.number());
const Effect = z.object({ etaSquared: z.number().nullable() });
const Test = z.object({
  model: z.string().nullable(),
  network: z.string().nullable(),
  statistic: z.string(),
  compares: z.string(),
  value: z.number().nullable(),
  p: z.number().nullable(),
  floor: z.number().nullable(),
  atFloor: z.boolean().nullable(),
  q: z.number().nullable(),
  holm: z.number().nullable(),
  reason: z.string().nullable(),
});
const Document = z.object({
  analysis: z.literal('runs'),
  revision: z.number(),
  horizonInvocations: z.number(),
  experiments: z.array(z.object({ experiment: z.string() })),
  leftOut: z.array(z.object({ experiment: z.string(), run: z.number().nullable(), reason: z.string() })),
  models: z.array(
    z.object({
      model: z.string(),
      networks: z.array(
        z.object({
          network: z.string(),
          askedSteps: z.number(),
          steps: z.number(),
          cutBy: z.object({ experiment: z.string(), run: z.number() }).nullable(),
          runs: z.array(
            z.object({
              experiment: z.string(),
              run: z.number(),
              prompt: z.string(),
              seed: z.number(),
              storedSteps: z.number(),
              absorbedAt: z.number().nullable(),
              pointsSha256: z.string(),
            }),
          ),
          divergence: z.array(
            z.object({
              pairs: z.string(),
              pairCount: z.number(),
              reason: z.string().nullable(),
              curve: Curve.nullable(),
            }),
          ),
          convergence: z.object({
            within: Curve.nullable(),
            between: Curve.nullable(),
            recovered: Curve.nullable(),
            chance: z.number().nullable(),
            halfLife: z.number().nullable(),
            reasons: z.array(z.string()),
          }),
        }),
      ),
      absorption: z.object({
        horizonSteps: z.number(),
        networks: z.array(z.object({ network: z.string(), runs: z.number(), absorbed: z.number() })),
      }),
      runsWithoutNumbers: z.number(),
      factors: z.array(
        z.object({
          statistic: z.string(),
          runs: z.number(),
          runsWithout: z.number(),
          incomplete: z.boolean(),
          effects: z
            .object({ network: Effect, prompt: Effect, interaction: Effect, residual: Effect.nullable() })
            .nullable(),
        }),
      ),
    }),
  ),
  tests: z.array(Test),
  warnings: z.array(z.string()),
});
type Document = z.output<typeof Document>;

/** Makes finished experiments in a new folder. Returns the folder and their ids. */
async function folderOf(...configs: readonly ExperimentConfig[]): Promise<{ folder: string; ids: string[] }> {
  const folder = folderWith();
  const store = openStore(join(folder, 'panic-tda-data'));
  const ids: string[] = [];
  for (const one of configs) ids.push(await finishExperiment(store, one));
  await store.close();
  return { folder, ids };
}

async function analysed(
  folder: string,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Document> {
  const { code, stdout, stderr } = await runCommand(folder, ['analyse', ...words, '--json'], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return readJson(stdout, Document);
}

async function refused(folder: string, words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(folder, ['analyse', ...words]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).not.toMatch(/NaN|\n\s+at /);
  return stderr;
}

let folder: string;
let id: string;
let document: Document;
beforeAll(async () => {
  const made = await folderOf(CONFIG);
  folder = made.folder;
  id = made.ids[0]!;
  document = await analysed(folder, [id, 'runs']);
});

/** The points of each run of a network by steps, read from the table, and continued by the cycle up to a horizon. */
async function pointsOf(store: Store, network: number, steps: number) {
  const modelId = await store.provenance.modelId(textPoints);
  const runs = [];
  for (let index = network * 9; index < network * 9 + 9; index++) {
    const run = await store.runs.get(id, index);
    const { points, count, sha256 } = await store.vectors.pointCloud(run, modelId, 4);
    const { cycleStart, cycleLength } = run;
    const stepAt = (step: number): number => {
      if (cycleStart === null || cycleLength === null) return step;
      // Each second invocation makes a caption.
      const onset = Math.ceil((cycleStart - 1) / 2);
      const period = cycleLength / 2;
      return step < onset ? step : onset + ((step - onset) % period);
    };
    const at = Array.from({ length: steps }, (_, step) => {
      const row = stepAt(step);
      return [...points.subarray(4 * row, 4 * row + 4)];
    });
    runs.push({ run, at, count, sha256: sha256.toString('hex') });
  }
  return runs;
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(...a.map((value, k) => value - b[k]!));
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

describe('analyse runs', () => {
  test('takes each embedding model by itself, and within it each network', () => {
    expect(document.models.map(({ model }) => model)).toEqual(['ImagePoints', 'TextPoints']);
    for (const { networks } of document.models) {
      expect(networks.map(({ network }) => network)).toEqual(NETWORKS);
      expect(networks.map(({ runs }) => runs.length)).toEqual([9, 9]);
    }
    expect(document.horizonInvocations).toBe(24);
  });

  test('extends a run that stopped at a cycle exactly, and compares what the table of vectors has', async () => {
    const store = openStore(join(folder, 'panic-tda-data'));
    const { networks } = document.models[1]!;
    for (const [number, { steps, runs, divergence, convergence }] of networks.entries()) {
      expect(steps).toBe(12);
      const stored = await pointsOf(store, number, steps);
      expect(runs.some(({ storedSteps }) => storedSteps < steps)).toBe(true);
      expect(runs.map(({ pointsSha256 }) => pointsSha256)).toEqual(stored.map(({ sha256 }) => sha256));
      expect(runs.map(({ storedSteps }) => storedSteps)).toEqual(stored.map(({ count }) => count));
      const pairs = stored.flatMap((a, i) => stored.slice(0, i).map((b) => [a, b] as const));
      const curve = (kind: (a: (typeof stored)[0], b: (typeof stored)[0]) => boolean): number[] => {
        const chosen = pairs.filter(([a, b]) => kind(a, b));
        return Array.from({ length: steps }, (_, step) =>
          mean(chosen.map(([a, b]) => distance(a.at[step]!, b.at[step]!))),
        );
      };
      const samePrompt = curve((a, b) => a.run.promptId === b.run.promptId);
      const identical = divergence.find(({ pairs: kind }) => kind === 'identical')!;
      expect(identical.pairCount).toBe(9);
      for (const [step, value] of samePrompt.entries()) {
        expect(identical.curve![step]).toBeCloseTo(value, 9);
        expect(convergence.within![step]).toBeCloseTo(value, 9);
      }
      const other = curve((a, b) => a.run.promptId !== b.run.promptId);
      for (const [step, value] of other.entries()) expect(convergence.between![step]).toBeCloseTo(value, 9);
      expect(convergence.chance).toBeCloseTo(2 / 8, 12);
    }
    await store.close();
  });

  test('puts every p-value of the call into one family, and says which are at their floor', () => {
    const { tests } = document;
    const names = ['PERMANOVA', 'PERMDISP', 'energy'];
    const ofRuns = tests.filter(({ compares }) => !compares.endsWith('by a number of each run'));
    expect(ofRuns.map(({ statistic }) => statistic)).toEqual([
      ...names,
      ...names,
      'log-rank',
      ...names,
      ...names,
      'log-rank',
    ]);
    const made = tests.filter(({ p }) => p !== null);
    expect(made.length).toBeGreaterThanOrEqual(20);
    const sorted = made.toSorted((a, b) => a.p! - b.p!);
    for (const [rank, { p, q, holm, floor, atFloor }] of sorted.entries()) {
      const later = sorted.slice(rank).map((one, k) => (one.p! * sorted.length) / (rank + k + 1));
      expect(q).toBeCloseTo(Math.min(1, ...later), 12);
      // Holm's correction is left out of families of 20 tests and more.
      expect(holm).toBeNull();
      expect(atFloor).toBe(p! <= floor! * (1 + 1e-9));
    }
    for (const { p, value, reason } of tests) expect(p === null || value === null).toBe(reason !== null);
  });

  test('says where a run of seed -1 ended, in people’s words, and never NaN', async () => {
    const { code, stdout, stderr } = await runCommand(folder, ['analyse', id.slice(0, 8), 'runs']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/18 finished runs, horizon 24 invocations/);
    expect(stdout).toMatch(/stopped at an exact cycle; the cycle extends (them|it) exactly to 12 steps/);
    for (const network of NETWORKS) expect(stdout).toContain(`${network}: 9 runs, 3 prompts, 12 steps`);
    expect(stdout).not.toMatch(/NaN|undefined|null|Infinity/);
  });

  test('writes tables with a row for each run, and each step of a curve, all or none', async () => {
    const target = join(folder, 'made', 'tables');
    const { code } = await runCommand(folder, [
      'analyse',
      id,
      'runs',
      '--model',
      'TextPoints',
      '--csv',
      target,
    ]);
    expect(code).toBe(0);
    expect(readdirSync(join(folder, 'made'))).toEqual(['tables']);
    const lines = (name: string): string[] =>
      readFileSync(join(target, `${name}.csv`), 'utf8')
        .trimEnd()
        .split('\n');
    expect(readdirSync(target).sort()).toEqual([
      'absorption.csv',
      'convergence.csv',
      'divergence.csv',
      'factors.csv',
      'runs.csv',
      'tests.csv',
    ]);
    expect(lines('runs')).toHaveLength(1 + 18);
    expect(lines('runs').filter((line) => line.includes('"snow, in ""May"""'))).toHaveLength(6);
    expect(lines('convergence')).toHaveLength(1 + 2 * 12);
    expect(lines('factors')).toHaveLength(1 + document.models[1]!.factors.length);
    expect(lines('divergence')).toHaveLength(1 + 2 * 2 * 12);
    expect(lines('tests')).toHaveLength(
      1 + document.tests.filter(({ model }) => model === 'TextPoints').length,
    );
    const { within } = document.models[1]!.networks[0]!.convergence;
    expect(
      lines('convergence')
        .slice(1, 13)
        .map((line) => Number(line.split(',')[3])),
    ).toEqual(within);
  });

  test('with --model and --horizon analyses that model up to there', async () => {
    const { models, horizonInvocations } = await analysed(folder, [
      id,
      'runs',
      '--model',
      'TextPoints',
      '--horizon',
      '5',
    ]);
    expect(horizonInvocations).toBe(5);
    expect(models.map(({ model }) => model)).toEqual(['TextPoints']);
    const whole = document.models[1]!.networks[0]!;
    const cut = models[0]!.networks[0]!;
    expect(cut.steps).toBe(2);
    expect(cut.convergence.within).toEqual(whole.convergence.within!.slice(0, 2));
  });

  test('cuts at the shortest run that is in no cycle, if the horizon is beyond it, and says so', async () => {
    const { models, warnings } = await analysed(folder, [
      id,
      'runs',
      '--model',
      'TextPoints',
      '--horizon',
      '1000',
    ]);
    const [network] = models[0]!.networks;
    expect(network).toMatchObject({ askedSteps: 500, steps: 12, cutBy: { experiment: id } });
    expect(warnings).toContainEqual(
      expect.stringMatching(
        /ends after 12 steps and is in no cycle, so all runs are compared up to there, not up to the 500/,
      ),
    );
  });

  test('extends beyond the length of the experiment where every run is in a cycle', async () => {
    const cyclic = { ...CONFIG, networks: CONFIG.networks.slice(0, 1), seeds: [7, 8] };
    const made = await folderOf(cyclic, { ...cyclic, on_cycle: 'continue' });
    const [stopped, continued] = await Promise.all(
      made.ids.map((one) =>
        analysed(made.folder, [one, 'runs', '--model', 'TextPoints', '--horizon', '100']),
      ),
    );
    const [network] = stopped!.models[0]!.networks;
    expect(network).toMatchObject({ askedSteps: 50, steps: 50, cutBy: null });
    expect(continued!.models[0]!.networks[0]!.convergence).toEqual(network!.convergence);
    expect(continued!.models[0]!.networks[0]!.divergence).toEqual(network!.divergence);
  });
});

describe('factors', () => {
  test('split a number of the diagrams among network, prompt and seed', async () => {
    const store = openStore(join(folder, 'panic-tda-data'));
    const reader = await openReader(store.db);
    const values: number[] = [];
    for await (const { id: run } of reader.runsOf(id)) {
      for await (const row of reader.dimensionsOf({ run }, ['model.name', 'dimension', 'barCount'])) {
        if (row['model.name'] === 'TextPoints' && row.dimension === 0) values.push(row.barCount);
      }
    }
    await reader.close();
    await store.close();
    const all = mean(values);
    // Prompts vary fastest, then seeds, then networks.
    const cellOf = (network: number, prompt: number) =>
      values.filter((_, run) => Math.floor(run / 9) === network && run % 3 === prompt);
    const squares = (groups: readonly (readonly number[])[]): number =>
      groups.reduce((sum, group) => sum + group.length * (mean(group) - all) ** 2, 0);
    const total = squares(values.map((value) => [value]));
    const network = squares([values.slice(0, 9), values.slice(9)]) / total;
    const prompt = squares([0, 1, 2].map((k) => values.filter((_, run) => run % 3 === k))) / total;
    const cells = squares([0, 1].flatMap((n) => [0, 1, 2].map((k) => cellOf(n, k)))) / total;
    const { effects, runs, incomplete } = document.models[1]!.factors.find(
      ({ statistic }) => statistic === 'H0 bar_count',
    )!;
    expect({ runs, incomplete }).toEqual({ runs: 18, incomplete: false });
    expect(effects!.network.etaSquared).toBeCloseTo(network, 9);
    expect(effects!.prompt.etaSquared).toBeCloseTo(prompt, 9);
    expect(effects!.interaction.etaSquared).toBeCloseTo(cells - network - prompt, 9);
    expect(effects!.residual!.etaSquared).toBeCloseTo(1 - cells, 9);
  });

  test('take the numbers of trajectories where the store has them, and say where it has none', async () => {
    expect(document.models[1]!.runsWithoutNumbers).toBe(18);
    expect(document.warnings).toContainEqual(
      expect.stringMatching(
        /TextPoints: the store has no numbers of the trajectories of 18 of 18 runs; .*doctor --fix/,
      ),
    );
    const made = await folderOf({ ...CONFIG, embedding_models: ['TextPoints'] });
    const store = openStore(join(made.folder, 'panic-tda-data'));
    // The last run stays without.
    for (let index = 0; index < 17; index++) {
      const run = await store.runs.get(made.ids[0]!, index);
      const stored = await store.provenance.embeddedWith(run.id, 'TextPoints');
      await storeRunStatistics({ store, now: () => 1 }, run, stored!, new AbortController().signal);
    }
    // One has numbers of a revision that this version does not compute.
    await store.db.write(() =>
      store.db.rows(sql`update run_statistics set revision = revision + 1 where id = 1 returning id`),
    );
    await store.close();
    const { models, tests } = await analysed(made.folder, [made.ids[0]!, 'runs']);
    expect(models[0]!.runsWithoutNumbers).toBe(2);
    expect(models[0]!.factors.find(({ statistic }) => statistic === 'step_mean')).toMatchObject({
      runs: 16,
      runsWithout: 2,
      incomplete: true,
    });
    expect(tests.filter(({ statistic }) => statistic === 'step_mean')).toHaveLength(2);
  });
});

describe('several experiments', () => {
  test('are analysed together; a run that both have counts once', async () => {
    const { folder: both, ids } = await folderOf(
      { ...CONFIG, networks: CONFIG.networks.slice(0, 1), seeds: [7, 8] },
      { ...CONFIG, networks: CONFIG.networks.slice(0, 1), seeds: [8, 9], name: 'other' },
    );
    const { experiments, leftOut, models } = await analysed(both, [...ids, 'runs', '--model', 'TextPoints']);
    expect(experiments.map(({ experiment }) => experiment)).toEqual(ids);
    expect(models[0]!.networks[0]!.runs.map(({ seed }) => seed)).toEqual([7, 7, 7, 8, 8, 8, 9, 9, 9]);
    expect(leftOut).toHaveLength(3);
    for (const one of leftOut) {
      expect(one).toMatchObject({
        experiment: ids[1],
        reason: expect.stringMatching(/it is the same run as run \d/),
      });
    }
  });

  test('one that has not ended is named and left out, and alone it is refused', async () => {
    const { folder: both, ids } = await folderOf(CONFIG);
    const store = openStore(join(both, 'panic-tda-data'));
    const half = { ...CONFIG, name: 'half' };
    const open = experimentId(half);
    await store.experiments.plan(open, half, 0);
    await finishRun(store, await store.runs.get(open, 0), half);
    await store.close();
    const { leftOut } = await analysed(both, [open, ids[0]!, 'runs', '--model', 'TextPoints']);
    expect(leftOut).toEqual([
      { experiment: open, run: null, reason: expect.stringMatching(/^it has not ended \(planned\)/) },
    ]);
    expect(await refused(both, [open, 'runs'])).toMatch(
      new RegExp(`no finished run to analyse\\n  experiment ${open}: it has not ended`),
    );
  });
});

/** The analysis of one network with some other fields. */
async function analysisWith(of: Partial<ExperimentConfig>): Promise<Document> {
  const { folder: place, ids } = await folderOf({
    ...CONFIG,
    networks: CONFIG.networks.slice(0, 1),
    embedding_models: ['TextPoints'],
    ...of,
  });
  const told = await runCommand(place, ['analyse', ids[0]!, 'runs']);
  expect({ code: told.code, stderr: told.stderr }).toEqual({ code: 0, stderr: '' });
  expect(told.stdout).not.toMatch(/NaN|undefined|Infinity/);
  return await analysed(place, [ids[0]!, 'runs']);
}

describe('too few runs give a sentence each, and null', () => {
  test.each([
    ['one run', { prompts: ['the sea'], seeds: [7] }, /there is one run/],
    ['one prompt', { prompts: ['the sea'] }, /there is one prompt/],
    ['no repeats', { seeds: [7] }, /the prompt "a red apple" has one run; .* add a seed/],
  ])('%s', async (_, of, reason) => {
    const { tests, models } = await analysisWith(of);
    for (const statistic of ['PERMANOVA', 'PERMDISP', 'energy']) {
      expect(tests.find((one) => one.statistic === statistic)).toMatchObject({
        p: null,
        q: null,
        reason: expect.stringMatching(reason),
      });
    }
    expect(tests.find((one) => one.statistic === 'log-rank')!.reason).toMatch(/there is one network/);
    const { convergence, divergence } = models[0]!.networks[0]!;
    expect(convergence.reasons.length).toBeGreaterThan(0);
    for (const { curve, reason: why } of divergence) expect(curve === null).toBe(why !== null);
  });
});

describe('a request that is wrong is refused with exit code 2', () => {
  test.each([
    [['zzz', 'runs'], /no experiment "zzz" in /],
    [['ID'], /say what to analyse after the ids: runs/],
    [['runs'], /an id of an experiment is missing/],
    [
      ['ID', 'runs', '--model', 'TextPoint'],
      /"TextPoint"; did you mean TextPoints\?; there are ImagePoints, TextPoints/,
    ],
    [['ID', 'runs', '--horizon', '0'], /Expected a number of invocations, 1 to 1000000/],
    [['ID', 'runs', '--csv', '.'], /--csv: \. holds files; name a folder that is empty or not there yet/],
    [['ID', 'runs', '--csv', 'groups.csv'], /--csv: groups\.csv is a file/],
    [['ID', 'runs', '--csv', 's3://bucket'], /--csv is an address and no path/],
    [['ID', 'runs', '--groups', 'missing.csv'], /missing\.csv: 1 problem\n.*found no file of that name/],
    [['ID', 'runs', '--groups', 'groups.csv'], /groups\.csv: 4 problems/],
  ] as const)('%s', async (words, told) => {
    writeFileSync(
      join(folder, 'groups.csv'),
      'prompt,group\na red apple,fruit\nthe lake,water\n"snow, in ""May""",\na red apple,red\nthe sea\n',
    );
    expect(
      await refused(
        folder,
        words.map((word) => (word === 'ID' ? id : word)),
      ),
    ).toMatch(told);
  });

  test('a groups file has every problem with its line', async () => {
    const told = await refused(folder, [id, 'runs', '--groups', 'groups.csv']);
    expect(told).toMatch(/line 3: found the prompt "the lake", which no run here has/);
    expect(told).toMatch(/line 4: found no name of a group/);
    expect(told).toMatch(/line 5: found the prompt "a red apple" again, after line 2/);
    expect(told).toMatch(/line 6: found 1 cells/);
  });
});

test('--groups adds pairs of prompts of one group, and of two', async () => {
  writeFileSync(
    join(folder, 'good.csv'),
    'prompt,group\r\na red apple,one\r\nthe sea,one\r\n"snow, in ""May""",two\r\n',
  );
  const { models } = await analysed(folder, [id, 'runs', '--model', 'TextPoints', '--groups', 'good.csv']);
  const kinds = models[0]!.networks[0]!.divergence.map(({ pairs, pairCount }) => [pairs, pairCount]);
  expect(kinds).toEqual([
    ['identical', 9],
    ['same_seed', 6],
    ['paraphrase', 9],
    ['distant', 18],
  ]);
});

// Sends the signal when the command begins to listen for it, so that it arrives during the work.
const INTERRUPT = `
  const on = process.on;
  process.on = function (name, listener) {
    const result = on.call(this, name, listener);
    if (name === 'SIGINT') process.kill(process.pid, 'SIGINT');
    return result;
  };`;

test('Ctrl-C ends it with 130, and no table is written', async () => {
  writeFileSync(join(folder, 'interrupt.mjs'), INTERRUPT);
  mkdirSync(join(folder, 'none'), { recursive: true });
  const target = join(folder, 'none', 'tables');
  const stopped = await startPanicTda(folder, ['analyse', id, 'runs', '--json', '--csv', target], {
    NODE_OPTIONS: `--import=${join(folder, 'interrupt.mjs')}`,
  }).ended;
  expect(stopped.code).toBe(130);
  expect(stopped.stderr).toMatch(/Stopped\. Nothing was written\./);
  expect(JSON.parse(stopped.stdout)).toMatchObject({ error: { kind: 'Stopped', exitCode: 130 } });
  expect(existsSync(target)).toBe(false);
  expect(readdirSync(join(folder, 'none'))).toEqual([]);
});

const server = await suitePostgres();
const onServer = server.available ? test : test.skip;

onServer(
  `on Postgres finds the same${server.available ? '' : ` (Postgres cannot run here: ${server.reason})`}`,
  async () => {
    if (!server.available) return;
    const place = folderWith();
    const url = server.urlOf(await createDatabase(server.urlOf));
    await setUpDatabase({ url, poolSize: 2 }, []);
    const store = await connectStore({ folder: place, database: { url, poolSize: 2 }, objects: null });
    await finishExperiment(store, CONFIG);
    await store.close();
    expect(await analysed(place, [id, 'runs'], { PANIC_TDA_DATABASE: url })).toEqual(document);
  },
);
