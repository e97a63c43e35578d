import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { cpSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { acquireRunLock, dataFolderAt, joinWorkers } from '../../workers/settings/data-folder.js';
import { digestOf, invocationCount, violations } from '../support/store-checks.js';
import { finishedIn } from '../support/built-in-experiment.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { keepDecoders } from '../support/kept-decoders.js';
import { withWorker } from '../support/resumed.js';
import { runCommand } from '../support/standing-program.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

/** Two runs of a fixed seed and two of drawn seeds, each with a diagram and its surrogates. */
const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a', 'b'],
  seeds: [3, -1],
  embedding_models: ['Dummy'],
  max_length: 12,
  null_model: { surrogates: 2, kinds: ['sphere'] },
};

const Found = z.object({
  invariant: z.number(),
  rule: z.string(),
  table: z.string(),
  id: z.union([z.string(), z.number()]),
  remedy: z.string(),
});

const Fixed = z.object({
  healthy: z.boolean(),
  violationCount: z.number(),
  rounds: z.array(
    z.object({ done: z.number(), repairs: z.array(z.object({ kind: z.string(), count: z.number() })) }),
  ),
  unfinished: z.array(z.string()),
});

let sound: string;
let experiment: string;
let digest: string;
let folder: string;
let data: string;

beforeAll(async () => {
  sound = folderWith();
  experiment = await finishedIn(join(sound, 'panic-tda-data'), EXPERIMENT);
  digest = await digestOf(join(sound, 'panic-tda-data'), experiment);
});
beforeEach(() => {
  folder = folderWith();
  data = join(folder, 'panic-tda-data');
  cpSync(join(sound, 'panic-tda-data'), data, { recursive: true });
});
afterAll(cleanUp);
keepDecoders();

/** Changes rows in a way that no connection of panic-tda would. */
function corrupt(...statements: readonly string[]): void {
  const sqlite = new Database(join(data, 'panic-tda.sqlite'));
  sqlite.pragma('foreign_keys = OFF');
  sqlite.pragma('ignore_check_constraints = ON');
  for (const statement of statements) sqlite.exec(statement);
  sqlite.close();
}

function flipByteOfAnObject(): void {
  const objects = join(data, 'objects');
  const [first] = readdirSync(objects).sort();
  const [name] = readdirSync(join(objects, first!)).sort();
  const file = join(objects, first!, name!);
  const bytes = readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(file, bytes);
}

async function fix(...options: readonly string[]) {
  return await runCommand(folder, ['doctor', '--fix', ...options]);
}

test('doctor --fix asks, repairs what the rows prove, leaves the rest with exit code 1 until --cut-back deletes it, and resume makes what was deleted', async () => {
  corrupt(
    'delete from vectors where id in (1, 2)',
    `update diagram_dimensions set entropy = -1.0 where diagram_id = 2 and dimension = 0`,
    `delete from surrogates where diagram_id = 3 and dimension = 1`,
    'drop trigger runs_end_complete',
    `update runs set length = 7 where run_index = 1`,
    `update experiments set status = 'running'`,
    'drop trigger invocations_are_immutable',
  );
  flipByteOfAnObject();
  const { code, stdout } = await runCommand(folder, ['doctor', '--json']);
  expect(code).toBe(1);
  const { findings } = readJson(
    stdout,
    z.object({ findings: z.array(z.object({ violation: Found.optional() })) }),
  );
  const found = findings.flatMap(({ violation }) => violation ?? []);
  expect(new Set(found.map(({ invariant }) => invariant))).toEqual(new Set([1, 3, 4, 5, 6]));
  for (const { rule, remedy } of found) {
    expect(rule).not.toBe('');
    expect(remedy).toContain('doctor --fix');
  }

  const asked = await fix();
  expect(asked.code).toBe(2);
  expect(asked.stdout).toMatch(/This will\n[^]*delete diagram 2 with its surrogates, to be made again/);
  expect(asked.stderr).toContain('give --yes, since there is no terminal to ask at');
  expect((await violations(data)).length).toBe(found.length);

  const fixed = await fix('--yes');
  expect(fixed.stdout).toMatch(/Every invariant holds\.\n.*resume .* makes what experiment .* lacks/);
  expect(fixed.code).toBe(0);
  expect(await violations(data)).toEqual([]);

  // The last output of a run: no later row says what it was.
  corrupt(
    `delete from artifacts where id = (select output_id from invocations order by run_id desc, sequence desc limit 1)`,
  );
  const steps = invocationCount(data);
  const kept = await fix('--yes');
  expect(kept.code).toBe(1);
  expect(kept.stdout).toMatch(/could not make step 11 of the run of row \d+ again/);
  expect(invocationCount(data)).toBe(steps);
  expect(kept.stdout).toMatch(/doctor --fix --cut-back" cuts runs back to their last good steps/);
  const cut = await fix('--cut-back', '--yes', '--json');
  expect(cut.code).toBe(0);
  const document = readJson(cut.stdout, Fixed);
  expect(document.healthy).toBe(true);
  expect(document.rounds[0]!.repairs.map(({ kind }) => kind)).toContain('recompute steps');
  expect(document.unfinished).toEqual([experiment]);
  expect(invocationCount(data)).toBeLessThan(steps);

  expect((await withWorker(data, ['resume', experiment])).code).toBe(0);
  expect(await violations(data)).toEqual([]);
  expect(await digestOf(data, experiment)).toBe(digest);
});

test('doctor copies a file with a damaged index, and keeps the damaged one', async () => {
  const file = join(data, 'panic-tda.sqlite');
  const sqlite = new Database(file);
  const page = Number(
    sqlite.prepare(`select rootpage from sqlite_master where name = 'invocations_output'`).pluck().get(),
  );
  const size = Number(sqlite.pragma('page_size', { simple: true }));
  sqlite.close();
  const bytes = readFileSync(file);
  bytes.fill(0xff, (page - 1) * size, page * size);
  writeFileSync(file, bytes);
  const { stdout, stderr, code } = await fix('--yes');
  expect(stdout).toMatch(/FAIL +invocations_output integrity_check|FAIL +database/);
  expect(stderr).toContain(`The damaged file is kept as ${file}.damaged-`);
  expect(code).toBe(0);
  expect(await digestOf(data, experiment)).toBe(digest);
});

test('doctor looks beside runs and workers, and --fix does not wait for them: it refuses with 2', async () => {
  const place = dataFolderAt(data);
  const workers = joinWorkers(place);
  expect((await runCommand(folder, ['doctor'])).code).toBe(0);
  const besideWorkers = await fix('--yes');
  workers.release();
  const run = await acquireRunLock(place);
  const besideRun = await fix('--yes');
  run.release();
  expect([besideWorkers.code, besideRun.code]).toEqual([2, 2]);
  expect(besideWorkers.stderr).toMatch(/workers use .*; stop them/);
  expect(besideRun.stderr).toMatch(/is already running experiments/);
  expect((await fix('--yes')).code).toBe(0);
});

test('a meaningless request is refused with 2', async () => {
  const empty = folderWith();
  const refused = await Promise.all([
    runCommand(empty, ['doctor', '--fix', '--yes']),
    runCommand(folder, ['doctor', '--yes']),
    runCommand(folder, ['doctor', '--fix', '--yes', '--experiment', 'nobody']),
    runCommand(folder, ['doctor', '--limit', 'many']),
  ]);
  expect(refused.map(({ code }) => code)).toEqual([2, 2, 2, 2]);
  expect(readdirSync(empty)).toEqual([]);
});
