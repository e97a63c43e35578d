import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contentDigest, openStoreReadonly } from '../../db/index.js';
import { finishedIn } from '../support/built-in-experiment.js';
import { type Fleet, openFleet } from '../support/fleet.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { runCommand, runJson } from '../support/standing-program.js';
import { z } from 'zod';
import { experimentIn, readJson } from '../support/json.js';

afterAll(async () => {
  await fleet.close();
  await cleanUp();
});

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog', 'an owl'],
  seeds: [3, -1],
  embedding_models: ['HashedNgram'],
  max_length: 6,
};

/** Both folders draw its seeds. */
const APART = { ...EXPERIMENT, name: 'apart' };

/** Loose, since the tests write the other fields to new files. */
const File = z.looseObject({
  name: z.string().nullable(),
  prompts: z.array(z.string()),
  drawn_seeds: z.array(z.number().nullable()),
});

let folder: string;
let id: string;
let file: z.output<typeof File>;

/** A worker for the data folder `two`. */
let fleet: Fleet;

beforeAll(async () => {
  folder = folderWith({ 'apart.json': APART });
  fleet = await openFleet();
  await fleet.worker([]);
  id = await finishedIn(dataOf('one'), EXPERIMENT);
  const shown = await runCommand(folder, ['show', id, '--experiment-file', '--data', dataOf('one')]);
  file = readJson(shown.stdout, File);
});

function dataOf(name: 'one' | 'two'): string {
  return name === 'two' ? fleet.data : join(folder, name);
}

/** Each merge has a target of its own. */
function copyOfOne(name: string): string {
  const copy = join(folder, name);
  cpSync(dataOf('one'), copy, { recursive: true });
  return copy;
}

/** Writes the file of the finished experiment, with changes. */
function again(name: string, changes: object = {}): string {
  writeFileSync(join(folder, name), JSON.stringify({ ...file, ...changes }));
  return name;
}

/** Runs the file with the data folder `two`. */
async function run(path: string): Promise<{ readonly experiment: string }> {
  const { code, stdout, stderr } = await runCommand(
    folder,
    ['run', path, '--data', dataOf('two'), '--json'],
    fleet.env,
  );
  if (code !== 0) throw new Error(stderr);
  return { experiment: experimentIn(stdout) };
}

async function digestOf(data: string, experiment: string): Promise<string> {
  const store = openStoreReadonly(data)!;
  try {
    return await contentDigest(store.db, experiment);
  } finally {
    await store.close();
  }
}

/** The source of each step of a run. */
async function sourcesOf(experiment: string, index: number): Promise<string[]> {
  const words = ['show', experiment, String(index), '--data', dataOf('two')];
  const { trajectory } = z
    .object({ trajectory: z.array(z.object({ source: z.string() })) })
    .parse(await runJson(folder, words));
  return trajectory.map(({ source }) => source);
}

test('the file that show prints makes the same experiment in another folder, and both merge as equal', async () => {
  expect(file.drawn_seeds).toHaveLength(2);
  expect(await run(again('again.json'))).toMatchObject({ experiment: id });
  expect(await digestOf(dataOf('two'), id)).toBe(await digestOf(dataOf('one'), id));
  const merged = await runCommand(folder, ['merge', dataOf('two'), '--data', copyOfOne('merged'), '--json']);
  expect(JSON.parse(merged.stdout)).toMatchObject({ experiments: [{ outcome: 'equal' }] });
  expect(merged.code).toBe(0);
});

test('plan and run refuse other drawn seeds than the stored ones before anything starts', async () => {
  const other = again('other.json', { drawn_seeds: [file.drawn_seeds[0], 5] });
  for (const verb of ['plan', 'run']) {
    const { code, stderr } = await runCommand(folder, [verb, other, '--data', dataOf('one')]);
    expect(stderr).toMatch(
      /stored with other drawn seeds: run 3 has \d+, and drawn_seeds\[1\] of the file is 5.*"name"/,
    );
    expect(stderr).not.toMatch(/Web UI/);
    expect(code).toBe(2);
  }
});

test('merge names each run of folders that drew other seeds, and its advice brings both together', async () => {
  const apart = await finishedIn(dataOf('one'), APART);
  expect(await run('apart.json')).toMatchObject({ experiment: apart });
  const [target, source] = [copyOfOne('both'), dataOf('two')];
  const told = await runCommand(folder, ['merge', source, '--data', target]);
  expect(told.code).toBe(1);
  expect(told.stderr).toMatch(/\(2 runs disagree with the target's, 2 agree\)/);
  expect(told.stderr.match(/^ {2}run \d+: the drawn seed is/gm)).toHaveLength(2);
  const shows = `npx panic-tda show ${apart} --experiment-file --data ${source} > named.json`;
  expect(told.stderr).toContain(shows);
  expect(told.stderr).toContain(`npx panic-tda run named.json --data ${source}`);
  const shown = await runCommand(folder, ['show', apart, '--experiment-file', '--data', source]);
  expect(shown.stdout).toContain('"name": "apart"');
  writeFileSync(join(folder, 'named.json'), shown.stdout.replace('"name": "apart"', '"name": "laptop"'));
  const { experiment } = await run('named.json');
  const merged = await runCommand(folder, ['merge', source, '--data', target, '--json']);
  const { experiments } = readJson(
    merged.stdout,
    z.object({ experiments: z.array(z.looseObject({ experiment: z.string() })) }),
  );
  expect(experiments.find((one) => one.experiment === apart)).toMatchObject({
    outcome: 'conflict',
    conflictingRuns: 2,
    agreeingRuns: 2,
  });
  expect(experiments.find((one) => one.experiment === experiment)).toMatchObject({ outcome: 'new' });
  expect(await digestOf(target, experiment)).toBe(await digestOf(source, experiment));
});

test('a file with one more prompt and seed copies the stored work', async () => {
  await run(again('again.json'));
  const [first, second] = file.drawn_seeds;
  const more = again('more.json', {
    prompts: [...file.prompts, 'a third one'],
    seeds: [3, -1, 4],
    drawn_seeds: [first, second, null],
  });
  const { experiment } = await run(more);
  expect(experiment).not.toBe(id);
  for (const stored of [0, 1, 3, 4]) {
    expect(new Set(await sourcesOf(experiment, stored))).toEqual(new Set(['reused']));
  }
  for (const fresh of [2, 5, 8]) expect(await sourcesOf(experiment, fresh)).toContain('computed');
});

test('drawn seeds are refused unless there is one for each run of seed -1', async () => {
  const bad = again('bad.json', { drawn_seeds: [1, 2, 3] });
  const { code, stderr } = await runCommand(folder, ['plan', bad]);
  expect(stderr).toMatch(/drawn_seeds: found 3 drawn seeds; allowed: 2, one for each run of seed -1/);
  expect(code).toBe(2);
  const fixed = again('fixed.json', { seeds: [3, 4] });
  expect((await runCommand(folder, ['plan', fixed])).stderr).toMatch(
    /allowed: none, since no run has seed -1/,
  );
  const negative = again('negative.json', { drawn_seeds: [1, -1] });
  expect((await runCommand(folder, ['plan', negative])).stderr).toMatch(
    /drawn_seeds\[1\]: found -1; allowed: an integer from 0 .* or null/,
  );
});
