import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bringUpToDateForRepair, MIGRATIONS } from '../../db/connection/sqlite.js';
import { contentDigest, DATABASE_FILE, openStore, openStoreReadonly } from '../../db/index.js';
import { rebuildFile } from '../../db/doctor/index.js';
import { config, finishExperiment, finishRun, NOW, temporaryStore } from '../support/small-experiment.js';
import { named, Patient } from './patient.js';
import { sqliteCopy } from './sqlite-place.js';

let sound: ReturnType<typeof temporaryStore>;
let experiment: string;
let digest: string;
let folder: string;
let file: string;

beforeAll(async () => {
  sound = temporaryStore();
  experiment = await finishExperiment(sound.store);
  digest = await contentDigest(sound.store.db, experiment);
  sound.store.db.sqlite.pragma('wal_checkpoint(TRUNCATE)');
});
afterAll(() => sound.remove());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'panic-tda-damaged-'));
  cpSync(sound.folder, folder, { recursive: true });
  file = join(folder, DATABASE_FILE);
});
afterEach(() => rmSync(folder, { recursive: true }));

/**
 * Runs the doctor on the folder, mends the findings, and makes the missing rows. Returns the first findings.
 */
async function mendedAfter(options: { readonly cutBack?: boolean } = {}): Promise<string[]> {
  const patient = new Patient(sqliteCopy(folder), experiment);
  try {
    const found = named(await patient.violations());
    await patient.mend(options);
    expect(await patient.violations()).toEqual([]);
    expect((await patient.resume()).digest).toBe(digest);
    expect(await patient.violations()).toEqual([]);
    return found;
  } finally {
    await patient.discard();
  }
}

/** Fills the first page of a table or index of the closed file with nonsense. */
function breakPage(name: string): void {
  const sqlite = new Database(file);
  const page = Number(sqlite.prepare('select rootpage from sqlite_master where name = ?').pluck().get(name));
  const size = Number(sqlite.pragma('page_size', { simple: true }));
  sqlite.close();
  const bytes = readFileSync(file);
  bytes.fill(0xff, (page - 1) * size, page * size);
  writeFileSync(file, bytes);
}

async function violationsOf(): Promise<string[]> {
  const patient = new Patient(sqliteCopy(folder), experiment);
  try {
    return named(await patient.violations());
  } finally {
    await patient.discard();
  }
}

test('a damaged page is a finding, not an error', async () => {
  breakPage('invocations');
  expect(await violationsOf()).toContainEqual(expect.stringMatching(/^6 database .*panic-tda\.sqlite$/));
});

describe('a file with a damaged', () => {
  test.each(['invocations_step', 'artifacts_content', 'runs_identity'])(
    'index (%s) is copied without loss',
    async (index) => {
      breakPage(index);
      expect(await violationsOf()).not.toEqual([]);
      const { kept, cutShort } = rebuildFile(file, NOW);
      expect(cutShort).toEqual([]);
      expect(statSync(kept).size).toBeGreaterThan(0);
      expect(await mendedAfter()).toEqual([]);
    },
  );

  test.each(['vectors', 'embeddings', 'diagrams', 'diagram_dimensions'])(
    'table of derived rows (%s) is copied without them, and they are made again',
    async (table) => {
      breakPage(table);
      const { cutShort } = rebuildFile(file, NOW);
      expect(cutShort).toEqual([table]);
      expect(await mendedAfter()).not.toEqual([]);
    },
  );

  test.each(['runs', 'invocations', 'artifacts', 'models'])(
    'table that nothing makes again (%s) stays as it is, and is named',
    (table) => {
      breakPage(table);
      const before = readFileSync(file);
      expect(() => rebuildFile(file, NOW)).toThrow(
        expect.objectContaining({
          kind: 'StoreConflict',
          message: expect.stringContaining(
            `the table ${table} of ${file} cannot be read to its end`,
          ) as unknown,
        }),
      );
      expect(readFileSync(file).equals(before)).toBe(true);
      expect(existsSync(`${file}.rebuilt`)).toBe(false);
    },
  );

  test('index that disagrees with its table is named and rebuilt', async () => {
    const sqlite = new Database(file);
    const page = Number(
      sqlite.prepare(`select rootpage from sqlite_master where name = 'invocations_output'`).pluck().get(),
    );
    // An index of the same columns that lacks some rows replaces the good one.
    sqlite.exec('create index other on invocations (run_id, output_id) where sequence < 5');
    const other = Number(
      sqlite.prepare(`select rootpage from sqlite_master where name = 'other'`).pluck().get(),
    );
    sqlite.unsafeMode(true);
    sqlite.pragma('writable_schema = ON');
    const swap = sqlite.prepare('update sqlite_master set rootpage = ? where name = ?');
    swap.run(other, 'invocations_output');
    swap.run(page, 'other');
    sqlite.exec(`delete from sqlite_master where name = 'other'`);
    sqlite.close();
    const clean = new Database(file);
    clean.close();
    expect(await violationsOf()).toContain('6 invocations_output integrity_check');
    rebuildFile(file, NOW);
    expect(await mendedAfter()).toEqual([]);
  });
});

test('the loss of the end of the write-ahead log loses whole steps, which are made again', async () => {
  const live = temporaryStore();
  try {
    const id = await finishExperiment(live.store, config);
    live.store.db.sqlite.pragma('wal_checkpoint(TRUNCATE)');
    // The run begins anew from the plan, so that everything after it is in the log alone.
    live.store.db.sqlite.exec(`
      update runs set status = 'pending', stop_reason = null, length = null, cycle_start = null, cycle_length = null, finished_at = null;
      delete from diagrams; delete from invocations; delete from prompt_vectors; delete from vectors;
      delete from artifacts where id not in (select prompt_id from runs);
      update experiments set status = 'running', finished_at = null, driver_workflow_id = 'w', driver_run_id = 'r'`);
    live.store.db.sqlite.pragma('wal_checkpoint(TRUNCATE)');
    for (const index of [0, 1, 2]) await finishRun(live.store, await live.store.runs.get(id, index), config);
    rmSync(folder, { recursive: true });
    cpSync(live.folder, folder, { recursive: true });
  } finally {
    await live.remove();
  }
  const log = `${file}-wal`;
  rmSync(`${file}-shm`, { force: true });
  const size = statSync(log).size;
  for (const share of [0.9, 0.5, 0.1]) {
    truncateSync(log, Math.floor(size * share));
    const copy = mkdtempSync(join(tmpdir(), 'panic-tda-log-'));
    cpSync(folder, copy, { recursive: true });
    const patient = new Patient(sqliteCopy(copy), experiment);
    try {
      expect(await patient.violations()).toEqual([]);
      await patient.change(
        `update experiments set driver_workflow_id = null, driver_run_id = null, status = 'planned'`,
      );
      expect((await patient.resume()).digest).toBe(digest);
      expect(await patient.violations()).toEqual([]);
    } finally {
      await patient.discard();
      rmSync(copy, { recursive: true });
    }
  }
});

/**
 * Makes the file one of the first version with triggers: the tables of its migrations with these rows, and
 * rows from statements that only that version accepted.
 */
function asOlderVersion(...statements: readonly string[]): void {
  const newer = `${file}.newer`;
  renameSync(file, newer);
  const sqlite = new Database(file);
  sqlite.exec(
    'CREATE TABLE "__drizzle_migrations" (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)',
  );
  const insert = sqlite.prepare('insert into __drizzle_migrations (hash, created_at) values (?, ?)');
  for (const migration of readMigrationFiles({ migrationsFolder: MIGRATIONS }).slice(0, 1)) {
    for (const statement of migration.sql) sqlite.exec(statement);
    insert.run(migration.hash, migration.folderMillis);
  }
  sqlite.pragma('ignore_check_constraints = ON');
  sqlite.pragma('foreign_keys = OFF');
  sqlite.exec(`attach '${newer}' as newer`);
  const tables = sqlite
    .prepare<[], string>(
      `select name from main.sqlite_master where type = 'table' and name not like '\\_\\_%' escape '\\' and name not like 'sqlite%'`,
    )
    .pluck()
    .all();
  for (const table of tables) {
    const columns = sqlite.prepare('select name from pragma_table_info(?)').pluck().all(table).join(', ');
    sqlite.exec(`insert into main.${table} (${columns}) select ${columns} from newer.${table}`);
  }
  for (const statement of statements) sqlite.exec(statement);
  sqlite.close();
  rmSync(newer);
}

describe('a row that an older version left half-written', () => {
  test.each([
    ['an end without its last step', 'delete from invocations where sequence = 11', 'mended'],
    [
      'an output that was never stored',
      'delete from artifacts where id = (select output_id from invocations where run_id = 3 and sequence = 11)',
      'cut',
    ],
    ['a vector without a norm that fits', 'update vectors set norm = -1.0', 'mended'],
    ['a diagram without its dimensions', 'delete from diagram_dimensions', 'mended'],
    [
      'a run that failed without saying why',
      `update runs set status = 'failed' where run_index = 1`,
      'mended',
    ],
    [
      'a blank caption',
      `update artifacts set text = '' where id = (select output_id from invocations where run_id = 3 and sequence = 5)`,
      'mended',
    ],
  ])('(%s) survives the migration, is named, and is mended', async (_, statement, prospect) => {
    asOlderVersion(statement);
    expect(() => openStoreReadonly(folder)).toThrow(/older panic-tda \(1 of/);
    bringUpToDateForRepair(file);
    expect(await mendedAfter({ cutBack: prospect === 'cut' })).not.toEqual([]);
  });

  test('keeps other commands from opening the file if newer rules refuse it, and the message says what helps', () => {
    asOlderVersion('update vectors set norm = -1.0');
    expect(() => openStore(folder)).toThrow(/could not be brought up to date: CHECK.*doctor --fix/s);
    expect(() => openStoreReadonly(folder)).toThrow(/older panic-tda \(1 of/);
  });
});

function tables(): unknown[] {
  const sqlite = new Database(file, { readonly: true });
  try {
    return sqlite.prepare('select name, sql from sqlite_master').all();
  } finally {
    sqlite.close();
  }
}

test('a file that breaks newer rules stays as it is, and a message says so', () => {
  asOlderVersion('create table surrogates (diagram_id integer)');
  const before = tables();
  expect(() => openStore(folder)).toThrow(/has what no version of panic-tda put there: the table surrogates/);
  expect(tables()).toEqual(before);
});
