import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contentDigest, DATABASE_FILE, driverOf, openStore, openStoreReadonly } from '../../db/index.js';
import { checkInvariants } from '../../db/doctor/index.js';
import { isPanicError } from '../../common/errors.js';
import { makeOlder, migrationsBefore } from '../support/older-store.js';
import { dist, runModule } from '../support/child-processes.js';
import { config, finishExperiment, NOW, rejection } from '../support/small-experiment.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'panic-tda-opening-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function pragma(name: string): Promise<unknown> {
  const store = openStore(folder);
  try {
    return store.db.sqlite.pragma(name, { simple: true });
  } finally {
    await store.close();
  }
}

describe('opening a store', () => {
  test('makes its folders and tables, and finds them there the next time', async () => {
    const inside = join(folder, 'deep', 'inside');
    const first = openStore(inside);
    await first.experiments.plan('e', config, NOW);
    await first.close();
    const second = openStore(inside);
    expect((await second.experiments.list()).map(({ id }) => id)).toEqual(['e']);
    await second.close();
  });

  test('twice in one process makes the tables once', async () => {
    const [one, other] = [openStore(folder), openStore(folder)];
    await one.experiments.plan('e', config, NOW);
    expect((await other.experiments.get('e')).runCount).toBe(4);
    await one.close();
    await other.close();
  });

  test('from several processes at once makes the tables once, and none of them fails', async () => {
    const text = `
      import { openStore } from ${dist('db/index.js')};
      const store = openStore(process.argv.at(-1));
      console.log(store.db.sqlite.prepare('select count(*) from __drizzle_migrations').pluck().get());`;
    const children = Array.from({ length: 6 }, () => runModule(text, [folder]));
    const ends = await Promise.all(children.map((child) => once(child, 'exit')));
    expect(ends.map(([code]: unknown[]) => code)).toEqual([0, 0, 0, 0, 0, 0]);
    const store = openStore(folder);
    const { migrations, distinct } = store.db.sqlite
      .prepare<[], { migrations: number; distinct: number }>(
        'select count(*) as migrations, count(distinct created_at) as "distinct" from __drizzle_migrations',
      )
      .get()!;
    expect(migrations).toBe(distinct);
    await store.close();
  });

  test('judges the tables as they are at one moment, although another process makes them meanwhile', async () => {
    const made = mkdtempSync(join(folder, 'made-'));
    await openStore(made).close();
    const source = new Database(join(made, DATABASE_FILE), { readonly: true });
    const tables = source.prepare<[], string>('select sql from sqlite_master where sql is not null').pluck();
    const statements = tables.all().filter((sql) => !sql.startsWith('CREATE TABLE sqlite_'));
    source.close();
    const other = new Database(join(folder, DATABASE_FILE), { timeout: 0 });
    let attempts = 0;
    // The opening asks for the encoding after it counted the migrations, and before it compares the tables.
    const original: Database.Database['pragma'] = Reflect.get(Database.prototype, 'pragma');
    const spy = jest.spyOn(Database.prototype, 'pragma').mockImplementation(function (
      this: Database.Database,
      source,
      options,
    ) {
      if (source === 'encoding' && attempts++ === 0) {
        expect(() => other.exec(`begin; ${statements.join('; ')}; commit`)).toThrow('locked');
        other.close();
      }
      return original.call(this, source, options);
    });
    try {
      await openStore(folder).close();
    } finally {
      spy.mockRestore();
    }
    expect(attempts).toBeGreaterThan(1);
  });

  test('uses a write-ahead log, waits until every commit is on disk, and enforces foreign keys', async () => {
    expect(await pragma('journal_mode')).toBe('wal');
    expect(await pragma('synchronous')).toBe(2);
    expect(await pragma('foreign_keys')).toBe(1);
  });

  test('of the version before null models brings it up to date, and keeps its experiments and their ids', async () => {
    const store = openStore(folder);
    const id = await finishExperiment(store);
    store.db.sqlite.exec(`update experiments set config = json_remove(config, '$.null_model')`);
    await store.close();
    makeOlder(join(folder, DATABASE_FILE), migrationsBefore('surrogates'));
    expect(() => openStoreReadonly(folder)).toThrow(/older panic-tda \(2 of \d+ migrations\)/);
    const again = openStore(folder);
    expect(await again.experiments.config(id)).toEqual(config);
    await again.experiments.plan(id, config, NOW);
    expect(await again.experiments.list()).toHaveLength(1);
    for await (const violation of checkInvariants(again.db, again.objects))
      throw new Error(violation.message);
    await again.close();
  });

  test('of the version before cut prompts were recorded keeps its steps, and they stay as they are', async () => {
    const store = openStore(folder);
    const id = await finishExperiment(store);
    const before = await contentDigest(store.db, id);
    await store.close();
    makeOlder(join(folder, DATABASE_FILE), migrationsBefore('cut_tokens'));
    expect(() => openStoreReadonly(folder)).toThrow(/older panic-tda \(4 of \d+ migrations\)/);
    const again = openStore(folder);
    expect(await contentDigest(again.db, id)).toBe(before);
    expect(() => again.db.sqlite.exec('update invocations set cut_tokens = 1')).toThrow(/never changed/);
    await again.close();
  });

  test('of the version before drivers had a service keeps them', async () => {
    const store = openStore(folder);
    await store.experiments.plan('e', config, NOW);
    const driver = { workflowId: 'w', runId: 'r' };
    await store.experiments.claim('e', driver, null, NOW);
    await store.close();
    makeOlder(join(folder, DATABASE_FILE), migrationsBefore('driver_service'));
    expect(() => openStoreReadonly(folder)).toThrow(/older panic-tda \(7 of \d+ migrations\)/);
    const again = openStore(folder);
    expect(driverOf(await again.experiments.get('e'))).toEqual({ ...driver, service: null });
    await again.close();
  });

  test('of the version before rests were recorded has none, and its figures stay', async () => {
    const store = openStore(folder);
    const id = await finishExperiment(store);
    const before = [await contentDigest(store.db, id), await store.summaries.summary(id)];
    await store.close();
    makeOlder(join(folder, DATABASE_FILE), migrationsBefore('rests'));
    const again = openStore(folder);
    expect((await again.experiments.get(id)).rests).toEqual([]);
    expect([await contentDigest(again.db, id), await again.summaries.summary(id)]).toEqual(before);
    await again.close();
  });

  test('of a newer panic-tda that this one cannot read is refused, and leaves it as it is', async () => {
    const store = openStore(folder);
    store.db.sqlite.exec(`insert into __drizzle_migrations (hash, created_at) values ('of the future', 9e15);
      update databases set readable_from = readable_from + 9, writable_from = writable_from + 9`);
    await store.close();
    expect(() => openStore(folder)).toThrow(/written by a newer panic-tda .* update panic-tda/);
    expect(() => openStoreReadonly(folder)).toThrow(/written by a newer panic-tda/);
  });

  test('whose tables were made by other migrations is refused, for reading, too', async () => {
    const store = openStore(folder);
    store.db.sqlite.exec(`update __drizzle_migrations set hash = 'of a draft' where rowid = 1`);
    await store.close();
    expect(() => openStore(folder)).toThrow(/did not make \(migration 0 differs\).* another data folder/);
    expect(() => openStoreReadonly(folder)).toThrow(/did not make/);
  });

  test.each([
    ['a text', 'not a database, but long enough to be looked at. '.repeat(200)],
    ['a few bytes', 'hi'],
  ])('whose file is %s is refused with its path, for reading, too, and the file stays', (_, content) => {
    const file = join(folder, DATABASE_FILE);
    writeFileSync(file, content);
    for (const open of [openStore, openStoreReadonly]) {
      const error = thrownBy(() => open(folder));
      expect(isPanicError(error, 'InvalidInput')).toBe(true);
      expect(String(error)).toContain(`${file} is not a database of SQLite`);
    }
    expect(readFileSync(file, 'utf8')).toBe(content);
  });

  test.each([DATABASE_FILE, `${DATABASE_FILE}.migrate-lock`])(
    'where %s is a folder is refused with its path',
    (name) => {
      const path = join(folder, name);
      mkdirSync(path);
      const error = thrownBy(() => openStore(folder));
      expect(isPanicError(error, 'InvalidInput')).toBe(true);
      expect(String(error)).toContain(`${path} is a folder, and panic-tda keeps an SQLite file there`);
      if (name === DATABASE_FILE) expect(() => openStoreReadonly(folder)).toThrow(`${path} is a folder`);
    },
  );
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('opening a store for reading', () => {
  test('makes nothing if there is none', () => {
    expect(openStoreReadonly(folder)).toBeNull();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('sees what another connection commits, and writes nothing', async () => {
    const writer = openStore(folder);
    const reader = openStoreReadonly(folder)!;
    await writer.experiments.plan('e', config, NOW);
    expect((await reader.experiments.get('e')).config).toEqual(config);
    expect(await rejection(reader.experiments.plan('f', config, NOW))).toMatch(/readonly/);
    await reader.close();
    await writer.close();
  });
});
