import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { parseCsv } from '../../cli/analysis/csv.js';
import { openReader, openStore } from '../../db/index.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { readJson } from '../support/json.js';
import { config as small, finishExperiment } from '../support/small-experiment.js';
import { runCommand } from '../support/standing-program.js';

afterAll(cleanUp);

/** Runs of seed 7 stop at exact cycles; those of seed -1 go on to the end. */
const CONFIG: ExperimentConfig = {
  ...small,
  networks: [
    ['Painter', 'Describer'],
    ['Painter', 'Describer', 'Painter', 'Describer'],
  ],
  prompts: ['a red apple', 'the sea'],
  seeds: [7, -1],
  embedding_models: ['TextPoints'],
  max_length: 24,
};
const STEPS = 12;

const Document = z.object({
  analysis: z.literal('symbols'),
  by: z.literal('output'),
  symbols: z.number(),
  heaviest: z.array(z.object({ symbol: z.number(), text: z.string().nullable(), steps: z.number() })),
  networks: z.array(
    z.object({
      network: z.string(),
      modality: z.string(),
      steps: z.number(),
      totalSteps: z.number(),
      states: z.number(),
      transitions: z.number(),
      runs: z.array(
        z.object({
          run: z.number(),
          inCycle: z.boolean(),
          storedSteps: z.number(),
          outputsSha256: z.string(),
        }),
      ),
      closedClasses: z.array(z.object({ states: z.array(z.number()) })),
      dwells: z.object({
        whole: z.number(),
        censored: z.number(),
        longest: z.number(),
        mean: z.number().nullable(),
      }),
      entropy: z.object({ informationP: z.number().nullable(), fewCounts: z.boolean() }).nullable(),
    }),
  ),
  tests: z.array(z.object({ network: z.string(), p: z.number().nullable(), q: z.number().nullable() })),
  warnings: z.array(z.string()),
});
type Document = z.output<typeof Document>;

let folder: string;
let id: string;
/** The captions of each run, continued by its cycle to the horizon, read from the rows. */
const captions: string[][] = [];
beforeAll(async () => {
  folder = folderWith();
  const store = openStore(join(folder, 'panic-tda-data'));
  id = await finishExperiment(store, CONFIG);
  const reader = await openReader(store.db);
  for await (const { id: run, cycleStart, cycleLength } of reader.runsOf(id)) {
    const own: string[] = [];
    for await (const step of reader.stepsOf(run, ['output.text'])) {
      if (step['output.text'] !== null) own.push(step['output.text']);
    }
    if (cycleStart !== null && cycleLength !== null) {
      for (let step = own.length; step < STEPS; step++) own.push(own[step - cycleLength / 2]!);
    }
    captions.push(own.slice(0, STEPS));
  }
  await reader.close();
  await store.close();
});

async function analysed(...words: readonly string[]): Promise<Document> {
  const { code, stdout, stderr } = await runCommand(folder, ['analyse', id, 'symbols', ...words, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return readJson(stdout, Document);
}

/** How often each caption follows each other one in a run. */
function bigramsOf(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (let step = 1; step < texts.length; step++) {
    const bigram = `${texts[step - 1]} > ${texts[step]}`;
    counts.set(bigram, (counts.get(bigram) ?? 0) + 1);
  }
  return counts;
}

function table(target: string, name: string): string[][] {
  return parseCsv(readFileSync(join(target, `${name}.csv`), 'utf8')).map(({ cells }) => [...cells]);
}

test('bigrams are counted within runs, those of a stopped run up to the horizon by its cycle', async () => {
  const target = join(folder, 'tables');
  const { code } = await runCommand(folder, ['analyse', id, 'symbols', '--by', 'output', '--csv', target]);
  expect(code).toBe(0);
  expect(readdirSync(target).sort()).toEqual([
    'bigrams.csv',
    'dwells.csv',
    'symbols.csv',
    'tests.csv',
    'transitions.csv',
  ]);
  const textOf = new Map(
    table(target, 'symbols')
      .slice(1)
      .map((row) => [row[0], row[4]!]),
  );
  expect(new Set(textOf.values())).toEqual(new Set(captions.flat()));
  const found = captions.map(() => new Map<string, number>());
  for (const [, experiment, run, from, to, count] of table(target, 'bigrams').slice(1)) {
    expect(experiment).toBe(id);
    found[Number(run)]!.set(`${textOf.get(from)} > ${textOf.get(to)}`, Number(count));
  }
  expect(found).toEqual(captions.map(bigramsOf));
  expect(captions.every(({ length }) => length === STEPS)).toBe(true);
  const dwellSteps = table(target, 'dwells')
    .slice(1)
    .reduce((sum, row) => sum + Number(row[4]), 0);
  expect(dwellSteps).toBe(8 * STEPS);
});

test('each network has a matrix of its own, whose rows are shares of its own runs', async () => {
  const rows = table(join(folder, 'tables'), 'transitions').slice(1);
  const sums = new Map<string, number>();
  for (const [network, from, , , probability] of rows) {
    const row = `${network} ${from}`;
    sums.set(row, (sums.get(row) ?? 0) + Number(probability));
  }
  for (const sum of sums.values()) expect(sum).toBeCloseTo(1, 12);
  const { networks } = await analysed();
  expect(networks.map(({ network }) => network)).toEqual(
    CONFIG.networks.map((network) => network.join(' → ')),
  );
  for (const { transitions, totalSteps, modality } of networks) {
    expect({ transitions, totalSteps, modality }).toEqual({
      transitions: 4 * (STEPS - 1),
      totalSteps: 4 * STEPS,
      modality: 'text',
    });
  }
});

test('symbol 0 is the caption with the most steps, and the document has its text', async () => {
  const { heaviest, symbols } = await analysed();
  const steps = new Map<string, number>();
  for (const caption of captions.flat()) steps.set(caption, (steps.get(caption) ?? 0) + 1);
  expect(symbols).toBe(steps.size);
  expect(heaviest.map(({ symbol }) => symbol)).toEqual([0, 1, 2, 3, 4].slice(0, steps.size));
  for (const { text, steps: found } of heaviest) expect(found).toBe(steps.get(text!));
  expect(heaviest[0]!.steps).toBe(Math.max(...steps.values()));
});

test('the end of a run cuts off its last dwell, except in a cycle', async () => {
  const { networks } = await analysed();
  for (const { runs, dwells } of networks) {
    expect(runs.filter(({ inCycle }) => inCycle).length).toBeGreaterThan(0);
    expect(dwells.censored).toBe(runs.filter(({ inCycle }) => !inCycle).length);
  }
});

test('the order of symbols has a p in one family, and few counts are said', async () => {
  const { tests, networks, warnings } = await analysed();
  expect(tests.map(({ network }) => network)).toEqual(networks.map(({ network }) => network));
  for (const { p, q } of tests) expect(q).toBeGreaterThanOrEqual(p!);
  for (const { network, entropy } of networks) {
    const few = warnings.some((line) => line.startsWith(`${network}: fewer than 5 transitions`));
    expect(few).toBe(entropy!.fewCounts);
  }
  const { code, stdout } = await runCommand(folder, ['analyse', id, 'symbols']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/fewer than 5 transitions to each used cell/);
  expect(stdout).not.toMatch(/NaN|undefined|Infinity/);
});

test('a horizon of one step has no transition: null with its reason', async () => {
  const { tests, networks } = await analysed('--horizon', '2');
  for (const { steps, transitions, entropy } of networks) {
    expect({ steps, transitions, entropy }).toEqual({ steps: 1, transitions: 0, entropy: null });
  }
  for (const one of tests) expect(one).toMatchObject({ p: null, q: null });
  const { stdout } = await runCommand(folder, ['analyse', id, 'symbols', '--horizon', '2']);
  expect(stdout).toMatch(/no run has two steps, so there is no transition/);
});

test.each([
  [['--horizon', '1'], /no run has such an output up to the horizon; take a higher --horizon/],
  [['--groups', 'x.csv'], /--groups belongs to "analyse ID runs"/],
  [['--by', 'cluster'], /Allowed choices are output/],
  [['--model', 'TextPoint'], /did you mean TextPoints/],
] as const)('%j is refused with exit code 2', async (words, told) => {
  const { code, stderr } = await runCommand(folder, ['analyse', id, 'symbols', ...words]);
  expect({ code, told: told.test(stderr) ? 'this' : stderr }).toEqual({ code: 2, told: 'this' });
});
