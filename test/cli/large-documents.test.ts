import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { experimentId } from '../../experiment/ids.js';
import { generative } from '../support/small-catalogue.js';
import { config, fingerprint, NOW } from '../support/small-experiment.js';
import { withStore } from '../support/store-checks.js';
import { isFullRange } from '../support/range.js';
import { cleanUp, folderWith, startPanicTda } from '../support/cli-process.js';
import type { Ended } from '../support/cli-process.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

afterAll(cleanUp);

/**
 * Of runs or of steps: more than the arguments that a call takes, and more than the heap below holds. By day, a third of the stack, which
 * bounds the arguments, and a third of the heap are enough to show both.
 */
const MANY = isFullRange() ? 150_000 : 50_000;
/** Enough for Node, the command line and its libraries, and little more. The stack of a process has 984 kB. */
const LIMITS = isFullRange() ? ['--max-old-space-size=64'] : ['--max-old-space-size=24', '--stack-size=328'];

const many = MANY.toLocaleString('en');

async function limited(folder: string, ...args: readonly string[]): Promise<Ended> {
  return await startPanicTda(folder, args, {}, undefined, LIMITS).ended;
}

test('a call takes no such number of arguments', () => {
  const call = `Math.max(...new Array(${MANY}).fill(0))`;
  const { status, stderr } = spawnSync(process.execPath, [...LIMITS, '-e', call], { encoding: 'utf8' });
  expect(stderr).toContain('RangeError: Maximum call stack size exceeded');
  expect(status).toBe(1);
});

describe(`an experiment of ${many} runs`, () => {
  let folder: string;
  let id: string;

  /**
   * Stores runs of two steps: the first has failed, the second has one step and waits for a retry, the third is
   * paused, and the others have ended.
   */
  beforeAll(async () => {
    folder = folderWith();
    const wide = {
      ...config,
      networks: [['Echo']],
      prompts: ['p'],
      seeds: [7],
      embedding_models: [],
      max_length: 2,
    };
    id = experimentId(wide);
    await withStore(join(folder, 'panic-tda-data'), async (store) => {
      await store.experiments.plan(id, wide, NOW);
      const model = await store.provenance.modelId(generative('Echo', 'text', 'text'));
      const hostId = await store.provenance.hostId(fingerprint);
      const seeds = Array.from({ length: MANY }, (_, k) => k + 1);
      store.db.sqlite.exec(`
        update experiments set run_count = ${MANY}, config = json_set(config, '$.seeds', json('[${seeds.join()}]'));
        update runs set seed = 1;
        with recursive numbers(k) as (select 1 union all select k + 1 from numbers where k < ${MANY - 1})
        insert into runs (experiment_id, run_index, network, seed, prompt_id, max_length)
          select experiment_id, k, network, k + 1, prompt_id, max_length from runs, numbers;
        insert into invocations (run_id, sequence, model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms, created_at)
          select id, 0, ${model}, prompt_id, prompt_id, seed, 'computed', ${hostId}, 1, 1, 1 from runs;
        insert into invocations (run_id, sequence, model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms, created_at)
          select id, 1, ${model}, prompt_id, prompt_id, seed, 'computed', ${hostId}, 1, 1, 2 from runs where run_index > 2;
        update runs set stop_reason = 'length', length = 2, status = 'finished' where run_index > 2;
        update runs set status = 'failed', error_kind = 'ModelOutputInvalid', error_message = 'm' where run_index = 0;
        update runs set attempt = 2 where run_index = 1;
        update runs set status = 'running', hold = 'paused' where run_index = 2`);
    });
  });

  test('show writes all as it reads them, in columns', async () => {
    const { code, stdout, stderr } = await limited(folder, 'show', id);
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout.split('\n');
    const header = lines.findIndex((line) => line.includes('prompt'));
    const pad = (text: string | number) => String(text).padStart(String(MANY).length);
    expect(lines.slice(header, header + 5)).toEqual([
      `${pad('run')}  net  ${pad('seed')}  status    length  end                 prompt`,
      `${pad(0)}    0  ${pad(1)}  failed         1  ModelOutputInvalid  p`,
      `${pad(1)}    0  ${pad(2)}  pending        1                      p`,
      `${pad(2)}    0  ${pad(3)}  paused         1                      p`,
      `${pad(3)}    0  ${pad(4)}  finished       2  length              p`,
    ]);
    expect(lines[header + MANY]).toBe(
      `${pad(MANY - 1)}    0  ${pad(MANY)}  finished       2  length              p`,
    );
  });

  test('its JSON is one document with every run, indented as any other', async () => {
    const { code, stdout } = await limited(folder, 'show', id, '--json');
    expect(code).toBe(0);
    const document = readJson(
      stdout,
      z.looseObject({ runs: z.array(z.looseObject({ run: z.number(), invocations: z.number() })) }),
    );
    expect(document.runs).toHaveLength(MANY);
    expect(document.runs.every(({ run }, index) => run === index)).toBe(true);
    expect(document.runs.slice(0, 4).map(({ invocations }) => invocations)).toEqual([1, 1, 1, 2]);
    expect(stdout === `${JSON.stringify(JSON.parse(stdout), undefined, 2)}\n`).toBe(true);
  });
});

describe(`a run of ${many} steps`, () => {
  let folder: string;
  let id: string;

  /** Stores the run. The input of each step was cut. */
  beforeAll(async () => {
    folder = folderWith();
    const long = {
      ...config,
      networks: [['Echo']],
      prompts: ['p'],
      seeds: [7],
      embedding_models: [],
      max_length: MANY,
    };
    id = experimentId(long);
    await withStore(join(folder, 'panic-tda-data'), async (store) => {
      await store.experiments.plan(id, long, NOW);
      const model = await store.provenance.modelId(generative('Echo', 'text', 'text'));
      const hostId = await store.provenance.hostId(fingerprint);
      store.db.sqlite.exec(`
        with recursive numbers(k) as (select 0 union all select k + 1 from numbers where k < ${MANY - 1})
        insert into invocations (run_id, sequence, model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms,
          created_at, cut_tokens)
        select id, k, ${model}, prompt_id, prompt_id, 7, 'computed', ${hostId}, 1, 1, 1, 1 + k % 9 from runs, numbers order by k`);
    });
  });

  test('show writes all as it reads them, and says how much of them was cut', async () => {
    const { code, stdout, stderr } = await limited(folder, 'show', id, '0');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^length +${many} of at most ${many}$`, 'm'));
    expect(stdout).toMatch(new RegExp(`^cut +${many} steps of ${many}, by up to 9 tokens`, 'm'));
    const lines = stdout.split('\n');
    expect(lines.filter((line) => /^ *\d+ {2}Echo +7 {2}computed {2}p$/.test(line))).toHaveLength(MANY);
  });

  test('its JSON is one document with every step, indented as other documents are', async () => {
    const { code, stdout } = await limited(folder, 'show', id, '0', '--json');
    expect(code).toBe(0);
    const document = readJson(
      stdout,
      z.looseObject({ trajectory: z.array(z.looseObject({ sequence: z.number() })) }),
    );
    expect(document.trajectory.every(({ sequence }, index) => sequence === index)).toBe(true);
    expect(document.trajectory).toHaveLength(MANY);
    expect(stdout === `${JSON.stringify(JSON.parse(stdout), undefined, 2)}\n`).toBe(true);
  });
});
