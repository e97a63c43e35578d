import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../db/index.js';
import { experimentId } from '../../experiment/ids.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { runCommand, runJson } from '../support/standing-program.js';
import { z } from 'zod';
import { DoctorDocument, ListDocument } from '../support/documents.js';

afterAll(cleanUp);

const EXPERIMENT = {
  name: 'looked at',
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a b', 'c d', 'e f'],
  seeds: [1, -1],
  embedding_models: ['Dummy'],
  max_length: 41,
};

describe('without a data folder', () => {
  const folder = folderWith({
    'good.json': EXPERIMENT,
    'null-model.json': { ...EXPERIMENT, null_model: { surrogates: 19 } },
    'bad.json': { ...EXPERIMENT, networks: [['DumyT2I']], max_length: 0 },
    'broken.json': '{"networks": [',
  });

  test('plan says what would be done', async () => {
    const plan = z.looseObject({}).parse(await runJson(folder, ['plan', 'good.json']));
    expect(plan).toMatchObject({
      runs: 6,
      invocations: 246,
      embeddings: 120,
      diagrams: 6,
      largestDiagramPoints: 20,
    });
    expect(plan['largestDiagramBytes']).toBeGreaterThan(0);
    expect(plan['largestDiagramMs']).toBeGreaterThan(0);
    expect(plan['stored']).toBeNull();
    const { code, stdout } = await runCommand(folder, ['plan', 'good.json']);
    expect(stdout).toMatch(/runs +6 /);
    expect(stdout).toMatch(/largest diagram +20 points/);
    expect(stdout).toMatch(/^diagrams +6$/m);
    expect(code).toBe(0);
  });

  test('plan counts the diagrams of surrogates', async () => {
    const { stdout } = await runCommand(folder, ['plan', 'null-model.json']);
    expect(stdout).toMatch(/^diagrams +6, and 228 of surrogates$/m);
  });

  test('a wrong file ends plan and run with 2, and they name every problem', async () => {
    const answers = await Promise.all(
      ['plan', 'run'].map((command) => runCommand(folder, [command, 'bad.json'])),
    );
    for (const { code, stdout, stderr } of answers) {
      expect(stderr).toMatch(/networks\[0\]\[0\].*DummyT2I/);
      expect(stderr).toMatch(/max_length/);
      expect(stdout).toBe('');
      expect(code).toBe(2);
    }
    const unreadable = ['broken.json', 'no-such.json'].map((file) => runCommand(folder, ['run', file]));
    for (const { code } of await Promise.all(unreadable)) expect(code).toBe(2);
  });

  test('list is empty; status, show, resume and cancel say so with 2', async () => {
    expect(await runJson(folder, ['list'])).toEqual([]);
    const requests = [['status'], ['show', 'abc'], ['resume', 'abc'], ['retry', 'abc'], ['cancel', 'abc']];
    for (const { code, stderr } of await Promise.all(requests.map((args) => runCommand(folder, args)))) {
      expect(stderr).toMatch(/the data folder .* does not exist; "npx panic-tda run FILE" makes the first/);
      expect(code).toBe(2);
    }
  });

  test('a Temporal address without a server is named at once', async () => {
    const { code, stderr } = await runCommand(folder, ['run', 'good.json'], {
      TEMPORAL_ADDRESS: '127.0.0.1:2',
    });
    expect(stderr).toMatch(
      /nothing listens at 127\.0\.0\.1:2, .*; start the service, correct TEMPORAL_ADDRESS/,
    );
    expect(code).toBe(2);
  });

  test('doctor checks the machine and finds nothing wrong', async () => {
    const { healthy, findings } = DoctorDocument.parse(await runJson(folder, ['doctor']));
    expect(findings.filter(({ level }) => level === 'problem')).toEqual([]);
    expect(healthy).toBe(true);
    const texts = findings.map(({ section, text }) => `${section}: ${text}`).join('\n');
    expect(texts).toMatch(/Node: Node 20/);
    expect(texts).toMatch(/Temporal: Temporal CLI \d/);
    expect(texts).toMatch(/Temporal: .*used, version/);
    expect(texts).toMatch(/Database: no database yet/);
  });

  test('none of these commands wrote anything', () => {
    expect(readdirSync(folder).sort()).toEqual(['bad.json', 'broken.json', 'good.json', 'null-model.json']);
  });
});

test('models shows the catalogue, and one model with the folders for its files', async () => {
  const folder = folderWith();
  expect(await runJson(folder, ['models'])).toContainEqual(expect.objectContaining({ name: 'DummyT2I' }));
  const { stdout } = await runCommand(folder, ['models', 'AllMiniLML6v2'], { PANIC_TDA_MODELS: folder });
  expect(stdout).toContain(join(folder, 'AllMiniLML6v2'));
  expect(stdout).toMatch(/Missing:\n.*config\.json/);
});

describe('an id', () => {
  // With seventeen experiments, two ids begin with the same digit, by the pigeonhole principle.
  const folder = folderWith();
  const data = join(folder, 'panic-tda-data');
  const ids: string[] = [];
  beforeAll(async () => {
    const store = openStore(data);
    for (let k = 0; k < 17; k++) {
      const config: ExperimentConfig = {
        ...EXPERIMENT,
        name: `number ${k}`,
        on_cycle: 'stop',
        max_dimension: 1,
        max_edge_length: null,
        null_model: null,
        reuse: true,
        concurrency: 1,
        weight: 1,
      };
      ids.push(experimentId(config));
      await store.experiments.plan(ids[k]!, config, 1_700_000_000_000 + k);
    }
    await store.close();
  });

  test('may be any beginning that only one experiment has', async () => {
    const id = ids[3]!;
    const shortest = Array.from({ length: 12 }, (_, k) => id.slice(0, k + 1)).find(
      (prefix) => ids.filter((other) => other.startsWith(prefix)).length === 1,
    )!;
    const status = await runJson(folder, ['status', shortest]);
    expect(status).toMatchObject({ experiment: id, status: 'interrupted', name: 'number 3' });
  });

  test('that several experiments share is refused with their ids', async () => {
    const byFirst = ids.map((id) => ids.filter((other) => other.startsWith(id[0]!)));
    const shared = byFirst.find((group) => group.length > 1)!;
    const { code, stderr } = await runCommand(folder, ['show', shared[0]![0]!]);
    for (const id of shared.slice(0, 10)) expect(stderr).toContain(id);
    expect(code).toBe(2);
  });

  test('that no experiment has is refused', async () => {
    const { code, stderr } = await runCommand(folder, ['show', 'zz']);
    expect(stderr).toMatch(/no experiment "zz"/);
    expect(code).toBe(2);
  });

  test('list shows all of them, newest first', async () => {
    const list = ListDocument.parse(await runJson(folder, ['list']));
    expect(list.map(({ id }) => id)).toEqual(ids.toReversed());
    expect(list[0]!.runs).toBe(6);
  });
});

test('plan gives times before there is any history: for built-in models, diagrams and surrogates, with their source', async () => {
  const folder = folderWith({
    'experiment.json': {
      networks: [['ProceduralPainter', 'ProceduralDescriber']],
      prompts: ['a red fox'],
      seeds: [3],
      embedding_models: ['HashedNgram', 'ColourGradient'],
      max_length: 400,
      null_model: { surrogates: 99 },
    },
  });
  const { stdout, code } = await runCommand(folder, ['plan', 'experiment.json']);
  expect(stdout).toMatch(/^model time +about [\d.]+ (ms|s)/m);
  expect(stdout).toMatch(/^diagram time +at most about .* of one core, and .* for surrogates/m);
  expect(stdout).toMatch(/^ProceduralPainter +200 +about .* +once, on another machine/m);
  expect(code).toBe(0);
  const plan = z
    .looseObject({ surrogatesMs: z.number(), diagramsMs: z.number() })
    .parse(await runJson(folder, ['plan', 'experiment.json']));
  expect(plan).toMatchObject({ modelsWithoutHistory: [], modelMs: expect.any(Number) });
  expect(plan.surrogatesMs).toBeGreaterThan(99 * plan.diagramsMs);
});
