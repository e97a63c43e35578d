import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contentDigest, openStore, openStoreReadonly } from '../../db/index.js';
import { finishExperiment } from '../support/small-experiment.js';
import { dataFolderAt, joinWorkers } from '../../workers/settings/data-folder.js';
import { CAN_MOUNT, toldWhy } from '../support/mounts.js';
import { makeOlder, migrationsBefore } from '../support/older-store.js';
import { suiteAddress, takeNamespace } from '../support/suite-server.js';
import { cleanUp, folderWith, panicTda, startPanicTda, until } from '../support/cli-process.js';
import { runCommand } from '../support/standing-program.js';

afterAll(cleanUp);

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [3],
  embedding_models: [],
  max_length: 2,
};

let folder: string;
let data: string;
let id: string;
let digest: string;
/** The number of migrations of this version. */
let known: number;

/** A finished experiment in tables of the version before catalogues were recorded, for copies. */
let original: string;
/** The same in tables of this version. */
let current: string;
beforeAll(async () => {
  original = join(folderWith(), 'original');
  current = join(folderWith(), 'current');
  const store = openStore(original);
  id = await finishExperiment(store);
  digest = await contentDigest(store.db, id);
  known = store.schemaVersion;
  await store.close();
  cpSync(original, current, { recursive: true });
  makeOlder(join(original, 'panic-tda.sqlite'), migrationsBefore('catalogue'));
});
beforeEach(() => {
  folder = folderWith({ 'experiment.json': EXPERIMENT });
  data = join(folder, 'panic-tda-data');
  cpSync(original, data, { recursive: true });
});

function migrationsOf(file: string): number {
  const sqlite = new Database(file, { readonly: true });
  try {
    return Number(sqlite.prepare('select count(*) from __drizzle_migrations').pluck().get());
  } finally {
    sqlite.close();
  }
}

/** The copies that upgrades made, and the remains of unfinished ones. */
function copies(): string[] {
  return readdirSync(data)
    .filter((name) => name.includes('before-upgrade'))
    .map((name) => join(data, name));
}

async function digestNow(): Promise<string> {
  const store = openStoreReadonly(data)!;
  try {
    return await contentDigest(store.db, id);
  } finally {
    await store.close();
  }
}

const file = (): string => join(data, 'panic-tda.sqlite');

test('commands that look refuse an older database and name upgrade, which copies it and brings it up to date', async () => {
  const before = migrationsOf(file());
  for (const words of [['list'], ['show', id], ['status'], ['plan', 'experiment.json'], ['pause']]) {
    expect(await runCommand(folder, words)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/older panic-tda .*"panic-tda upgrade"/) as unknown,
    });
  }
  expect((await runCommand(folder, ['doctor'])).stdout).toMatch(/FAIL .*"panic-tda upgrade"/);

  const check = await runCommand(folder, ['upgrade', '--check']);
  expect(check.stdout).toMatch(/is of an older version \(\d+ of \d+ migrations\)[^]*"npx panic-tda upgrade"/);
  expect(check.stdout).toMatch(
    /version 0\.1\.0 \(12 migrations\) uses them once it has brought them up to date; afterwards it can do nothing with them\n/,
  );
  expect(check.stdout).toMatch(/Missing: 0009_catalogue \(changes\), .*0012_fleet/);
  expect(check.code).toBe(1);
  expect(migrationsOf(file())).toBe(before);
  expect(copies()).toEqual([]);

  const upgraded = await runCommand(folder, ['upgrade']);
  const [copy, ...others] = copies();
  expect(upgraded.code).toBe(0);
  expect(others).toEqual([]);
  expect(copy).toMatch(
    new RegExp(`before-upgrade-${before}-migrations-\\d{4}-\\d\\d-\\d\\dT\\d{6}Z\\.sqlite$`),
  );
  expect(upgraded.stdout).toContain(copy!);
  expect(migrationsOf(copy!)).toBe(before);
  expect(migrationsOf(file())).toBe(known);
  expect(await digestNow()).toBe(digest);
  expect(await runCommand(folder, ['list'])).toMatchObject({ code: 0 });

  const again = await runCommand(folder, ['upgrade', '--json']);
  expect(JSON.parse(again.stdout)).toMatchObject({ upToDate: true, copy: null });
  expect(again.code).toBe(0);
  expect(copies()).toEqual([copy]);
});

test('the copy also has what only the write-ahead log had', async () => {
  const writer = new Database(file());
  writer.pragma('journal_mode = WAL');
  writer.exec(`update experiments set name = 'in the log'`);
  expect(existsSync(`${file()}-wal`)).toBe(true);
  expect((await runCommand(folder, ['upgrade'])).code).toBe(0);
  writer.close();
  const copy = new Database(copies()[0], { readonly: true });
  expect(copy.prepare('select name from experiments').pluck().get()).toBe('in the log');
  copy.close();
  // The copy is one file.
  expect(copies()).toHaveLength(1);
});

test.each(['upgrade:before-copy', 'upgrade:after-copy', 'upgrade:after-commit'])(
  'SIGKILL at %s leaves the old version or the new one, whole, and the same command continues',
  async (point) => {
    const marker = join(folder, 'marker');
    const killed = await panicTda(folder, ['upgrade'], { PANIC_TDA_FAULT: `${point}@1@${marker}` });
    expect(killed.code).toBeNull();
    expect(existsSync(marker)).toBe(true);
    expect((await runCommand(folder, ['upgrade'])).code).toBe(0);
    expect(copies().filter((name) => !name.endsWith('.sqlite'))).toEqual([]);
    expect(copies().length).toBeGreaterThan(0);
    expect(await digestNow()).toBe(digest);
  },
);

describe('upgrade is refused', () => {
  const noRoom = 'where the disk has too little room, before anything is written';
  (CAN_MOUNT ? test : test.skip)(toldWhy(noRoom, CAN_MOUNT, 'it mounts a small disk'), () => {
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const size = 2 * statSync(file()).size;
    const script = `mount -t tmpfs -o size=${size} none /mnt && cp "$1" /mnt && "$2" "$3" upgrade --data /mnt; code=$?; ls /mnt; exit $code`;
    const args = ['-m', 'sh', '-c', script, 'sh', file(), process.execPath, main];
    const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
    expect(stderr).toMatch(/its copy and its new tables need \d+ MiB in \/mnt, which has \d+ MiB free/);
    expect(stdout).not.toContain('before-upgrade');
    expect(status).toBe(2);
  });

  test('while a worker uses the folder', async () => {
    const worker = joinWorkers(dataFolderAt(data));
    try {
      const { code, stderr } = await runCommand(folder, ['upgrade']);
      expect(stderr).toMatch(/workers use/);
      expect(code).toBe(2);
    } finally {
      worker.release();
    }
    expect(copies()).toEqual([]);
  });

  test('if there is no database, if no version made its tables, or if they are of a newer version', async () => {
    const nothing = await runCommand(folderWith(), ['upgrade']);
    expect(nothing).toMatchObject({ code: 2, stderr: expect.stringMatching(/does not exist/) as unknown });
    const sqlite = new Database(file());
    const insert = sqlite.prepare(
      `insert into __drizzle_migrations (hash, created_at) values ('of the future', 9e15)`,
    );
    insert.run();
    const other = await runCommand(folder, ['upgrade']);
    expect(other).toMatchObject({ code: 2, stderr: expect.stringMatching(/did not make/) as unknown });
    sqlite.close();
    const ahead = openStore(join(folder, 'ahead'));
    ahead.db.sqlite.exec(`insert into __drizzle_migrations (hash, created_at) values ('of the future', 9e15);
      update databases set readable_from = ${known + 1}, writable_from = ${known + 1}`);
    await ahead.close();
    const newer = await runCommand(folder, ['upgrade', '--data', 'ahead']);
    expect(newer).toMatchObject({ code: 2, stderr: expect.stringMatching(/newer panic-tda/) as unknown });
    expect(copies()).toEqual([]);
  });
});

test('a database with a view and an index of its user continues without them, and the old file keeps them', async () => {
  const sqlite = new Database(file());
  sqlite.exec('create view mine as select seed from runs; create index by_seed on runs (seed)');
  sqlite.close();
  const before = migrationsOf(file());
  for (const command of ['list', 'upgrade']) {
    const { code, stderr } = await runCommand(folder, [command]);
    expect([command, code, stderr]).toEqual([
      command,
      2,
      expect.stringMatching(/the view mine.*panic-tda doctor/),
    ]);
  }
  const doctor = await runCommand(folder, ['doctor']);
  expect(doctor.stdout).toMatch(
    /older panic-tda .* the view mine, the index by_seed of runs.*"panic-tda doctor --fix" copies/,
  );
  const fixed = await runCommand(folder, ['doctor', '--fix', '--yes']);
  expect(fixed).toMatchObject({ code: 0, stdout: expect.stringContaining('Every invariant holds') });
  expect(migrationsOf(file())).toBe(known);
  expect(await digestNow()).toBe(digest);
  const kept = readdirSync(data).find((name) => name.includes('.damaged-'))!;
  expect(fixed.stderr).toContain(`the view mine, the index by_seed of runs is kept as ${join(data, kept)}`);
  expect(migrationsOf(join(data, kept))).toBe(before);
  expect(await runCommand(folder, ['list'])).toMatchObject({ code: 0 });
});

const SAYS_SO = /was of an older version .* brought up to date, without a copy; ".* upgrade"/;

test('`run` also brings it up to date, and says so', async () => {
  const env = { TEMPORAL_ADDRESS: suiteAddress(), TEMPORAL_NAMESPACE: takeNamespace() };
  const running = startPanicTda(folder, ['run', 'experiment.json'], env);
  await until(
    () => SAYS_SO.test(running.stderr()),
    () => running.stderr(),
  );
  // Begun before, the worker could bring it up to date itself.
  const worker = startPanicTda(folder, ['worker'], env);
  expect(await running.ended).toMatchObject({ code: 0 });
  expect(worker.stderr()).not.toMatch(SAYS_SO);
  worker.process.kill('SIGTERM');
  await worker.ended;
  expect(await runCommand(folder, ['list'])).toMatchObject({ code: 0 });
});

test('a `merge` of another folder into it does so too', async () => {
  const { code, stderr } = await runCommand(folder, ['merge', current]);
  expect([code, stderr]).toEqual([0, expect.stringMatching(SAYS_SO)]);
});

test('a worker does so too', async () => {
  const env = { TEMPORAL_ADDRESS: suiteAddress(), TEMPORAL_NAMESPACE: takeNamespace() };
  const worker = startPanicTda(folder, ['worker'], env);
  await until(
    () => SAYS_SO.test(worker.stderr()),
    () => worker.stderr(),
  );
  worker.process.kill('SIGTERM');
  await worker.ended;
});
