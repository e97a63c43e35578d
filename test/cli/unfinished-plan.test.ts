import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contentDigest, openStoreReadonly } from '../../db/index.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { experimentId } from '../../experiment/ids.js';
import { validateExperiment } from '../../experiment/index.js';
import { catalogue } from '../../models/index.js';
import { violations, withStore } from '../support/store-checks.js';
import { cleanUp, folderWith, startPanicTda, until } from '../support/cli-process.js';
import { runCommand, runJson } from '../support/standing-program.js';
import { suiteAddress, takeNamespace } from '../support/suite-server.js';
import { startWorkerProcess } from '../support/worker-process.js';
import { isFullRange } from '../support/range.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

afterAll(cleanUp);

/**
 * 2,500 runs, which are planned in three transactions. Every drawn seed is given, so two plans of it are equal.
 */
const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: Array.from({ length: 50 }, (_, k) => `prompt ${k}`),
  seed_count: 50,
  drawn_seeds: Array.from({ length: 2500 }, (_, k) => 1000 + k),
  embedding_models: [],
  max_length: 1,
};

/** The death of the plan that most tests look at: 2,000 runs are there. */
const CUT_OFF_AT = 'plan:after-commit@2';

let folder: string;
let config: ExperimentConfig;
let id: string;
let undisturbed: string;

beforeAll(async () => {
  folder = folderWith({ 'wide.json': EXPERIMENT });
  const validated = validateExperiment(EXPERIMENT, catalogue);
  if (!validated.ok) throw new Error('the experiment of this file is not valid');
  ({ config } = validated);
  id = experimentId(config);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  undisturbed = await withStore(join(folder, 'undisturbed'), async (store) => {
    await store.experiments.plan(id, config, 0);
    return await contentDigest(store.db, id);
  });
  await planUntil(CUT_OFF_AT, 'cut-off');
});

/** Plans the experiment in a process that dies at a fault. */
async function planUntil(fault: string, data: string): Promise<void> {
  const marker = join(folder, `${data}.marker`);
  const dist = new URL('../../dist/', import.meta.url).href;
  const program = `
    import { readFileSync } from 'node:fs';
    import { openStore } from '${dist}db/index.js';
    import { armFault } from '${dist}common/fault.js';
    armFault(${JSON.stringify(`${fault}@${marker}`)});
    const config = JSON.parse(readFileSync(${JSON.stringify(join(folder, 'config.json'))}, 'utf8'));
    await openStore(${JSON.stringify(join(folder, data))}).experiments.plan('${id}', config, 0);`;
  const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  expect({ signal, fired: existsSync(marker), stderr }).toEqual({
    signal: 'SIGKILL',
    fired: true,
    stderr: '',
  });
}

/** Runs a command on the plan that was cut off after 2,000 runs. */
function onCutOff(...words: readonly string[]) {
  return runCommand(folder, [...words, '--data', 'cut-off']);
}

async function runsIn(data: string): Promise<number> {
  const store = openStoreReadonly(join(folder, data));
  try {
    return store === null ? 0 : (await store.experiments.runsByStatus(id)).pending;
  } finally {
    await store?.close();
  }
}

/** Deaths, and how many runs each leaves. */
const BY_DAY: readonly (readonly [string, number])[] = [
  ['plan:before-commit@1', 0],
  ['plan:before-commit@2', 1000],
  [CUT_OFF_AT, 2000],
  ['plan:after-commit@3', 2500],
];
const BY_NIGHT: typeof BY_DAY = [
  ['plan:after-commit@1', 1000],
  ['plan:before-commit@3', 2000],
];

test.each([...BY_DAY, ...(isFullRange() ? BY_NIGHT : [])])(
  'SIGKILL at %s leaves a sound store with the first %i runs, and the next plan adds those of an undisturbed one',
  async (fault, runs) => {
    const data = fault.replaceAll(/\W/g, '-');
    const own = join(folder, data);
    if (fault === CUT_OFF_AT) cpSync(join(folder, 'cut-off'), own, { recursive: true });
    else await planUntil(fault, data);
    expect(await violations(own)).toEqual([]);
    expect(await runsIn(data)).toBe(runs);
    await withStore(own, async (store) => {
      // A resume does so: it has the stored config and no file.
      const stored = (await store.experiments.find(id))?.config ?? config;
      await store.experiments.plan(id, stored, 1);
      expect(await contentDigest(store.db, id)).toBe(undisturbed);
      expect((await store.experiments.get(id)).config).toEqual({ ...config, drawn_seeds: undefined });
    });
    expect(await violations(own)).toEqual([]);
  },
);

test('doctor, list, status and show say how far a cut-off plan got, and that resume continues it', async () => {
  const { code, stdout } = await onCutOff('doctor', '--experiment', id);
  expect(stdout).toMatch(/^ +experiment \w+ has 2,000 of its 2,500 runs: .*resume \w+.* plans the rest/m);
  expect(stdout).toContain('every invariant holds');
  expect(code).toBe(0);
  expect((await onCutOff('list')).stdout).toMatch(/interrupted +0\/2,500/);
  const status = await onCutOff('status', id);
  expect(status.stdout).toMatch(/^status +interrupted/m);
  expect(status.stdout).toMatch(/^runs +0 of 2,500 finished, 2,000 planned/m);
  expect((await onCutOff('show', id)).stdout).toMatch(/These are 2,000 of its 2,500 runs; .*resume/);
  const later = await onCutOff('show', id, '2400');
  expect(later.stderr).toMatch(/run 2400 of experiment \w+ is not planned yet/);
  expect(later.code).toBe(2);
});

test('the experiment file of a cut-off plan has every drawn seed of its source file', async () => {
  const { stdout } = await runCommand(folder, ['show', id, '--experiment-file', '--data', 'cut-off']);
  expect(readJson(stdout, z.object({ drawn_seeds: z.array(z.number()) })).drawn_seeds).toEqual(
    EXPERIMENT.drawn_seeds,
  );
});

test('a cut-off plan can be merged, and resumed there', async () => {
  const words = ['merge', 'cut-off', '--data', 'merged'];
  expect(await runJson(folder, words)).toMatchObject({
    experiments: [{ outcome: 'new', added: { run: 2000 } }],
  });
  expect(await violations(join(folder, 'merged'))).toEqual([]);
  await withStore(join(folder, 'merged'), async (store) => {
    const { config: stored, status } = await store.experiments.get(id);
    expect(status).toBe('planned');
    await store.experiments.plan(id, stored, 1);
    expect(await contentDigest(store.db, id)).toBe(undisturbed);
  });
});

test('a merge of the whole experiment completes a cut-off plan', async () => {
  cpSync(join(folder, 'cut-off'), join(folder, 'completed'), { recursive: true });
  const words = ['merge', 'undisturbed', '--data', 'completed'];
  expect(await runJson(folder, words)).toMatchObject({
    experiments: [{ outcome: 'extended', added: { run: 500 } }],
  });
  await withStore(join(folder, 'completed'), async (store) => {
    expect(await contentDigest(store.db, id)).toBe(undisturbed);
    expect((await store.experiments.get(id)).config).toEqual({ ...config, drawn_seeds: undefined });
  });
});

test('a cut-off plan can be deleted', async () => {
  cpSync(join(folder, 'cut-off'), join(folder, 'deleted'), { recursive: true });
  expect((await runCommand(folder, ['delete', id, '--yes', '--data', 'deleted'])).code).toBe(0);
  expect(await runJson(folder, ['list', '--data', 'deleted'])).toEqual([]);
  expect(await violations(join(folder, 'deleted'))).toEqual([]);
});

test('resume plans the rest, and begins', async () => {
  cpSync(join(folder, 'cut-off'), join(folder, 'resumed'), { recursive: true });
  const namespace = takeNamespace();
  const service = { TEMPORAL_ADDRESS: suiteAddress(), TEMPORAL_NAMESPACE: namespace };
  const worker = startWorkerProcess({ namespace, data: join(folder, 'resumed') });
  const running = startPanicTda(folder, ['resume', id, '--data', 'resumed'], service);
  try {
    await until(
      async () => {
        const store = openStoreReadonly(join(folder, 'resumed'))!;
        try {
          return (await store.experiments.get(id)).startedAt !== null;
        } finally {
          await store.close();
        }
      },
      () => running.stderr(),
    );
  } finally {
    running.process.kill('SIGINT');
    await running.ended;
    await worker.stop();
  }
  await withStore(join(folder, 'resumed'), async (store) => {
    const counts = await store.experiments.runsByStatus(id);
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(2500);
    expect(await store.experiments.drawnSeeds(id)).toEqual(EXPERIMENT.drawn_seeds);
  });
  expect(await violations(join(folder, 'resumed'))).toEqual([]);
});
