import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { join } from 'node:path';
import { experimentId } from '../../experiment/ids.js';
import { generative } from '../support/small-catalogue.js';
import { config, fingerprint, NOW } from '../support/small-experiment.js';
import { withStore } from '../support/store-checks.js';
import { cleanUp, folderWith, panicTda } from '../support/cli-process.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

jest.setTimeout(180_000);
afterAll(cleanUp);

/** More than the arguments that a call takes, and more than the heap below holds. */
const STEPS = 150_000;
/** Enough for Node, the command line and its libraries, and little more. */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=64' };

let folder: string;
let id: string;

/** Stores a run of 150,000 steps. The input of each step was cut. */
beforeAll(async () => {
  folder = folderWith();
  const long = {
    ...config,
    networks: [['Echo']],
    prompts: ['p'],
    seeds: [7],
    embedding_models: [],
    max_length: STEPS,
  };
  id = experimentId(long);
  await withStore(join(folder, 'panic-tda-data'), async (store) => {
    await store.experiments.plan(id, long, NOW);
    const model = await store.provenance.modelId(generative('Echo', 'text', 'text'));
    const hostId = await store.provenance.hostId(fingerprint);
    store.db.sqlite.exec(`
      with recursive numbers(k) as (select 0 union all select k + 1 from numbers where k < ${STEPS - 1})
      insert into invocations (run_id, sequence, model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms,
        created_at, cut_tokens)
      select id, k, ${model}, prompt_id, prompt_id, 7, 'computed', ${hostId}, 1, 1, 1, 1 + k % 9 from runs, numbers order by k`);
  });
});

test('show writes a run of 150,000 steps as it reads it, and says how much of them was cut', async () => {
  const { code, stdout, stderr } = await panicTda(folder, ['show', id, '0'], SMALL_HEAP);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^length +150,000 of at most 150,000$/m);
  expect(stdout).toMatch(/^cut +150,000 steps of 150,000, by up to 9 tokens/m);
  const lines = stdout.split('\n');
  expect(lines.filter((line) => /^ *\d+ {2}Echo +7 {2}computed {2}p$/.test(line))).toHaveLength(STEPS);
});

test('its JSON is one document with every step, indented as other documents are', async () => {
  const { code, stdout } = await panicTda(folder, ['show', id, '0', '--json'], SMALL_HEAP);
  expect(code).toBe(0);
  const document = readJson(
    stdout,
    z.looseObject({ trajectory: z.array(z.looseObject({ sequence: z.number() })) }),
  );
  expect(document.trajectory.every(({ sequence }, index) => sequence === index)).toBe(true);
  expect(document.trajectory).toHaveLength(STEPS);
  expect(stdout === `${JSON.stringify(JSON.parse(stdout), undefined, 2)}\n`).toBe(true);
});
