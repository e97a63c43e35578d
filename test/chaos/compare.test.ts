import { beforeAll, describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { compareStores } from '../../faults/chaos/compare.js';
import { failedAttempts, judge } from '../../faults/chaos/judge.js';
import type { StorePlace } from '../../db/index.js';
import { DATABASE_FILE, OBJECTS_FOLDER } from '../../db/layout.js';
import { configWithSurrogates, finishExperiment, temporaryStore } from '../support/small-experiment.js';
import { sharedTemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';

let sound: string;
let id: string;

beforeAll(async () => {
  const made = temporaryStore();
  id = await finishExperiment(made.store, configWithSurrogates);
  await made.store.close();
  sound = join(sharedTemporaryFolder(), 'sound');
  cpSync(made.folder, sound, { recursive: true });
  rmSync(made.folder, { recursive: true });
});

function place(folder: string): StorePlace {
  return { folder, database: null, objects: null };
}

/** A copy of the sound data folder, with rows changed as no program of ours would change them. */
function damaged(sql: string): string {
  const folder = join(temporaryFolder(), 'damaged');
  cpSync(sound, folder, { recursive: true });
  const db = new Database(join(folder, DATABASE_FILE));
  db.pragma('foreign_keys = off');
  db.pragma('ignore_check_constraints = on');
  const triggers = db.prepare("select name from sqlite_master where type = 'trigger'").pluck().all();
  for (const name of triggers) db.exec(`drop trigger "${String(name)}"`);
  db.exec(sql);
  db.close();
  return folder;
}

async function differences(folder: string): Promise<string[]> {
  const compared = await compareStores(place(sound), place(folder), id);
  return compared.differences.map(({ how, row }) => `${row}: ${how}`);
}

const IN_RUN_0 = 'run_id = (select id from runs where run_index = 0)';
const LAST_OF_RUN_0 = `${IN_RUN_0} and sequence = (select max(sequence) from invocations where ${IN_RUN_0})`;

function copyOfLastStep(sequence: string): string {
  const same = 'model_id, input_id, output_id, seed, source, host_id, batch_size, compute_ms, created_at';
  return `insert into invocations (id, run_id, sequence, ${same})
    select (select max(id) + 1 from invocations), run_id, ${sequence}, ${same} from invocations where ${LAST_OF_RUN_0}`;
}

describe('the rows of a round are compared with those of the undisturbed run', () => {
  test('and equal rows have no difference', async () => {
    const { rows, differences: found } = await compareStores(place(sound), place(sound), id);
    expect(found).toEqual([]);
    expect(rows).toBeGreaterThan(50);
  });

  test.each([
    ['a lost step', `delete from invocations where ${LAST_OF_RUN_0}`, /^run 0, step \d+: missing$/],
    [
      'a step with another output',
      `update invocations set output_id = input_id where ${IN_RUN_0} and sequence = 1`,
      /^run 0, step 1: different$/,
    ],
    ['one step too many', copyOfLastStep('sequence + 1'), /^run 0, step \d+: unexpected$/],
    [
      'a lost vector',
      `delete from embeddings where invocation_id = (select id from invocations where ${IN_RUN_0} and sequence = 0)`,
      /^run 0, step 0, vector of .*: missing$/,
    ],
    [
      'a lost diagram',
      `delete from diagram_dimensions where dimension = 1`,
      /diagram of .*, dimension 1: missing$/,
    ],
    [
      'other bars',
      `update diagram_dimensions set bars = zeroblob(8) where dimension = 0`,
      /dimension 0: different$/,
    ],
    ['a lost surrogate', `delete from surrogates where surrogate_index = 1`, /surrogate 1 .*: missing$/],
    [
      'a run that ended otherwise',
      `update runs set status = 'cancelled' where run_index = 2`,
      /^run 2: different$/,
    ],
  ])('and %s is named', async (_what, sql, expected) => {
    const found = await differences(damaged(sql));
    expect(found.length).toBeGreaterThan(0);
    for (const one of found) expect(one).toMatch(/^run \d+.*: (missing|doubled|different|unexpected)$/);
    expect(found.some((one) => expected.test(one))).toBe(true);
  });

  test('and the comparison names a step that is stored twice', async () => {
    const folder = damaged(`drop index invocations_step; ${copyOfLastStep('sequence')}`);
    expect(await differences(folder)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^run 0, step \d+: doubled$/)]),
    );
  });
});

function failure(number: number, kind: string, message: string): string {
  return `insert into failures values (${number}, (select min(id) from runs), 0, 'invocation', 1, '${kind}', '${message}', 0);`;
}

describe('the judge of a round', () => {
  test('finds nothing wrong with a sound store', async () => {
    expect(await judge(place(sound), place(sound), [id])).toEqual([]);
  });

  test('names a lost object, although all rows are equal', async () => {
    const folder = damaged('select 1');
    const objects = join(folder, OBJECTS_FOLDER);
    const [shelf] = readdirSync(objects).filter((name) => name.length === 2);
    rmSync(join(objects, shelf!), { recursive: true });
    expect(await differences(folder)).toEqual([]);
    expect((await judge(place(folder), place(sound), [id])).join('\n')).toMatch(/artifacts .*invariant 5/);
  });

  test('names an experiment that was not asked for, and a missing one', async () => {
    const wrong = await judge(place(sound), place(sound), []);
    expect(wrong).toEqual([`the experiments are ${id}; expected `]);
  });

  test('counts failed attempts, and names those that no fault explains', async () => {
    const folder = damaged(
      failure(1, 'StoreUnavailable', 'the database does not answer') +
        failure(2, 'SqliteError', 'database or disk is full') +
        failure(3, 'StoreConflict', 'step 1 is there with another output'),
    );
    const attempts = await failedAttempts(place(folder));
    expect([...attempts.byKind.values()]).toEqual([1, 1, 1]);
    expect(attempts.metFullDisk).toBe(true);
    expect(attempts.unexplained).toEqual(['StoreConflict: step 1 is there with another output']);
  });
});
