import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  accessTo,
  plannedMigration,
  RELEASES,
  statedAfter,
  type Access,
  type Dialect,
  type Migration,
  type StatedVersions,
} from '../../db/versions/compatibility.js';
import { migrationFiles } from '../../db/versions/migration-files.js';
import { contentDigest, DATABASE_FILE, openStore, openStoreReadonly } from '../../db/index.js';
import { releases } from '../support/released-version.js';
import { repositoryPath } from '../support/child-processes.js';
import { config, finishExperiment } from '../support/small-experiment.js';
import { columnsAdded, effectOf, tablesMade, type Effect } from './additive.js';

/** The number of migrations before the rule existed. */
const BEFORE_THE_RULE: Readonly<Record<Dialect, number>> = { sqlite: 12, postgres: 9 };
const FOLDERS: Readonly<Record<Dialect, string>> = {
  sqlite: repositoryPath('db/migrations'),
  postgres: repositoryPath('db/postgres/migrations'),
};
const DIALECTS = ['sqlite', 'postgres'] as const;

/**
 * The parts of the rule that a migration breaks, given its number and the statements of the tables before it.
 */
function broken(
  dialect: Dialect,
  before: StatedVersions | null,
  migration: Migration,
  number: number,
): string[] {
  const after = statedAfter(before, migration)!;
  const made = tablesMade(migration.statements);
  const added = columnsAdded(migration.statements);
  const problems = migration.statements.flatMap((statement) => {
    const effect = effectOf(dialect, statement, made, added);
    const told = statement.slice(0, 80);
    if (effect === 'changes reads' && after.readableFrom < number) {
      return [
        `${migration.tag}: versions before may read it wrongly, and readable_from is not ${number}: ${told}`,
      ];
    }
    if (effect !== 'adds' && after.writableFrom < number) {
      return [
        `${migration.tag}: versions before may write it wrongly, and writable_from is not ${number}: ${told}`,
      ];
    }
    return [];
  });
  if (before !== null && after.version === before.version && number > RELEASES.at(-1)![dialect]) {
    problems.push(`${migration.tag} does not say in "databases" from which version on it is there`);
  }
  return problems;
}

/** A column, and an update that gives it its values from another one. */
const FILLS = `ALTER TABLE "runs" ADD "telescope" text;
UPDATE "runs" SET "telescope" = substr(told."words", 1, 2) || ', "seed" = 1' FROM (SELECT 1 AS "words") AS told`;
const KNOWN = migrationFiles(FOLDERS.sqlite).length;

describe.each(DIALECTS)('migrations of %s', (dialect) => {
  const migrations = migrationFiles(FOLDERS[dialect]);

  test('add to the tables, or raise the versions that may read or write them', () => {
    let stated: StatedVersions | null = null;
    for (const [index, migration] of migrations.entries()) {
      if (index < BEFORE_THE_RULE[dialect]) continue;
      expect(broken(dialect, stated, migration, index + 1)).toEqual([]);
      stated = statedAfter(stated, migration);
    }
    expect(stated).not.toBeNull();
  });

  test('know what the releases list says', () => {
    const { version }: { readonly version: string } = JSON.parse(
      readFileSync(repositoryPath('package.json'), 'utf8'),
    );
    for (const release of RELEASES) expect(release[dialect]).toBeLessThanOrEqual(migrations.length);
    // A further migration belongs to another version: the first one raises the version in package.json.
    const own = RELEASES.find((release) => release.version === version);
    if (own !== undefined) expect(own[dialect]).toBe(migrations.length);
    for (const recorded of releases) {
      const listed = RELEASES.find((release) => release.version === recorded.version);
      expect([recorded.version, listed?.[dialect]]).toEqual([
        recorded.version,
        Object.keys(recorded.migrations[dialect]).length,
      ]);
    }
  });

  const stated = { readableFrom: 9, writableFrom: 9, version: '0.2.0' };
  const next = RELEASES.at(-1)![dialect] + 1;
  const raised = (column: string): string =>
    (dialect === 'sqlite'
      ? `UPDATE \`databases\` SET \`X\` = ${next}, \`version\` = '0.3.0'`
      : `UPDATE "databases" SET "X" = ${next}, "version" = '0.3.0'`
    ).replace('X', column);

  test.each([
    ['ALTER TABLE "runs" ADD COLUMN "telescope" text', 'adds'],
    ['ALTER TABLE "runs" ADD "brightness" integer DEFAULT 7 NOT NULL', 'adds'],
    ['ALTER TABLE "runs" ADD "brightness" integer NOT NULL', 'changes writes'],
    ['ALTER TABLE "runs" ADD "brightness" integer GENERATED ALWAYS AS (1)', 'changes reads'],
    ['CREATE TABLE "telescopes" ("id" integer PRIMARY KEY)', 'adds'],
    ['CREATE TABLE "telescopes" ("id" integer REFERENCES "runs"("id") ON DELETE CASCADE)', 'adds'],
    ['CREATE TABLE "telescopes" ("id" integer REFERENCES "runs"("id"))', 'changes writes'],
    ['CREATE INDEX "by_seed" ON "runs" ("seed")', 'adds'],
    ['CREATE INDEX "by_seed" ON "runs" (abs("seed"))', 'changes writes'],
    ['CREATE UNIQUE INDEX "by_seed" ON "runs" ("seed")', 'changes writes'],
    ['CREATE TRIGGER "t" BEFORE INSERT ON "runs" BEGIN SELECT 1; END', 'changes writes'],
    ['DROP TRIGGER "runs_end_complete"', 'changes writes'],
    ['ALTER TABLE "runs" DROP COLUMN "seed"', 'changes reads'],
    ['ALTER TABLE "runs" RENAME COLUMN "seed" TO "seeds"', 'changes reads'],
    ['DROP TABLE "runs"', 'changes reads'],
    ['UPDATE "runs" SET "seed" = 1', 'changes reads'],
    [FILLS, 'adds'],
    [FILLS.replace('"telescope" =', '"seed" ='), 'changes reads'],
    [`INSERT INTO "models" VALUES (1)`, 'changes reads'],
  ] as const)('%s %s', (statement, effect: Effect) => {
    const of = (...more: string[]) =>
      broken(dialect, stated, { tag: 'one', statements: [...statement.split(';\n'), ...more] }, next);
    const additive = raised('readable_from').replace(String(next), '9');
    expect(of(additive)).toHaveLength(effect === 'adds' ? 0 : 1);
    expect(of(raised('writable_from'))).toHaveLength(effect === 'changes reads' ? 1 : 0);
    // The migration says nothing about the version.
    expect(of()).toHaveLength(effect === 'adds' ? 1 : 2);
  });
});

test('a trigger of Postgres only adds if the migration declares that the writes of earlier versions satisfy it', () => {
  const trigger = 'CREATE TRIGGER "t" BEFORE INSERT ON "runs" FOR EACH ROW EXECUTE FUNCTION "f"()';
  const declared = `-- What versions before write satisfies it: it looks at a column that they do not know.\n${trigger}`;
  expect(effectOf('postgres', trigger, new Set(), new Set())).toBe('changes writes');
  expect(effectOf('postgres', declared, new Set(), new Set())).toBe('adds');
  expect(effectOf('sqlite', declared, new Set(), new Set())).toBe('changes writes');
});

describe('a version', () => {
  const stated = { readableFrom: 10, writableFrom: 12, version: '0.4.0' };
  test.each([
    [15, 'after migration'],
    [14, 'writing'],
    [12, 'writing'],
    [11, 'reading'],
    [10, 'reading'],
    [9, 'none'],
  ] as const)('that knows %i of 14 migrations has the access: %s', (known, access: Access) => {
    expect(accessTo({ applied: 14, known, stated })).toBe(access);
  });

  test('that knows less than tables without such a row has none', () => {
    expect(accessTo({ applied: 9, known: 8, stated: null })).toBe('none');
  });

  test('plans the missing migrations, and whether other versions may continue meanwhile', () => {
    const all = [
      { tag: '0000_tables', statements: [] },
      { tag: '0001_more', statements: [`UPDATE "databases" SET "version" = '0.3.0'`] },
      { tag: '0002_less', statements: [`UPDATE "databases" SET "writable_from" = 3, "version" = '0.4.0'`] },
    ];
    const before = { readableFrom: 1, writableFrom: 1, version: '0.2.0' };
    const tables = { applied: 1, known: 3, stated: before };
    expect(plannedMigration({ ...tables, known: 2 }, all.slice(0, 2))).toEqual({
      missing: [{ name: '0001_more', additive: true }],
      after: { ...before, version: '0.3.0' },
      besideWriters: true,
    });
    expect(plannedMigration(tables, all)).toEqual({
      missing: [
        { name: '0001_more', additive: true },
        { name: '0002_less', additive: false },
      ],
      after: { readableFrom: 1, writableFrom: 3, version: '0.4.0' },
      besideWriters: false,
    });
  });
});

describe('an SQLite file of a newer version', () => {
  const finished = mkdtempSync(join(tmpdir(), 'panic-tda-newer-'));
  let folder: string;
  let id: string;
  let digest: string;
  beforeAll(async () => {
    const store = openStore(finished);
    id = await finishExperiment(store);
    digest = await contentDigest(store.db, id);
    await store.close();
  });
  afterAll(() => rmSync(finished, { recursive: true }));
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'panic-tda-newer-'));
    cpSync(finished, folder, { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Makes the file newer by these statements. */
  function change(...statements: readonly string[]): void {
    const sqlite = new Database(join(folder, DATABASE_FILE));
    try {
      sqlite.unsafeMode();
      sqlite.exec(`insert into __drizzle_migrations (hash, created_at) values ('of the future', 9e15)`);
      for (const statement of statements) sqlite.exec(statement);
    } finally {
      sqlite.close();
    }
  }

  /** Whether the file can be used; if not, the reason. */
  async function used(open: typeof openStoreReadonly): Promise<string> {
    let store;
    try {
      store = open(folder)!;
    } catch (error) {
      return String(error);
    }
    try {
      return (await contentDigest(store.db, id)) === digest ? 'yes' : 'another content';
    } finally {
      await store.close();
    }
  }

  async function access(): Promise<readonly [reading: string, writing: string]> {
    return [await used(openStoreReadonly), await used(openStore)];
  }

  const PLAIN = [
    `alter table invocations add column brightness integer default 7 not null`,
    `alter table runs add column telescope text`,
    `create table telescopes (id integer primary key, run_id integer references runs(id) on delete cascade) strict`,
    `create index telescopes_run on telescopes (run_id)`,
  ];

  test('is read and written where its changes allow it', async () => {
    change(...PLAIN);
    expect(await access()).toEqual(['yes', 'yes']);
    const store = openStore(folder);
    await finishExperiment(store, { ...config, seeds: [8] });
    expect(store.db.sqlite.prepare('select distinct brightness from invocations').pluck().all()).toEqual([7]);
    await store.close();
    expect(await access()).toEqual(['yes', 'yes']);
  });

  test('whose row requires a later version is refused by a sentence', async () => {
    change(`update databases set writable_from = ${KNOWN + 1}, version = '0.3.0'`);
    const [reading, writing] = await access();
    expect(reading).toBe('yes');
    expect(writing).toMatch(
      new RegExp(
        `newer panic-tda \\(version 0\\.3\\.0, ${KNOWN + 1} migrations, this one knows ${KNOWN}\\): this version may look .* update panic-tda`,
      ),
    );
    change(`update databases set readable_from = ${KNOWN + 1}`);
    for (const why of await access()) {
      expect(why).toMatch(
        new RegExp(
          `newer panic-tda \\(version 0\\.3\\.0, ${KNOWN + 2} migrations, .*cannot read its tables; update`,
        ),
      );
    }
  });

  test.each([
    ['a trigger', 'create trigger t after insert on failures begin select 1; end'],
    ['a check', 'alter table runs add column telescope text check (length(telescope) > 0)'],
    ['an index of an expression', 'create index by_seed on runs (abs(seed))'],
    ['a partial index', 'create index by_seed on runs (seed) where abs(seed) > 1'],
    ['a trigger less', 'drop trigger runs_end_complete'],
    [
      'rows that are set to another value',
      'create table t (run_id integer references runs(id) on delete set null)',
    ],
  ])('with %s that this version does not know is read, and not written to', async (_, statement) => {
    change(statement);
    const [reading, writing] = await access();
    expect(reading).toBe('yes');
    expect(writing).toMatch(/has what SQLite would run when this version writes: the \w+ /);
  });

  test.each([
    ['a generated column', 'alter table runs add column g integer generated always as (abs(seed)) virtual'],
    ['a view', 'create view v as select 1'],
    ['a view in the place of a table', 'drop table failures; create view failures as select 1 as id'],
    [
      'a table of other columns',
      'drop table failures; create table failures (id integer primary key) strict',
    ],
    ['a table less', 'drop table failures'],
    ['a virtual table', 'create virtual table f using fts5(words)'],
    [
      'a comment in the place of a check',
      `pragma writable_schema = on; update sqlite_schema set sql = replace(sql, 'CONSTRAINT "databases_id" CHECK(("databases"."id" = 1) is true),',
         '/*,CONSTRAINT "databases_id" CHECK(("databases"."id" = 1) is true),*/') where name = 'databases'`,
    ],
  ])('with %s is not touched', async (_, statement) => {
    change(statement);
    for (const why of await access()) expect(why).toMatch(/what no version of panic-tda put there/);
  });

  test('that became newer while this version writes refuses further writes, and says so', async () => {
    const store = openStore(folder);
    const rename = (name: string): Promise<void> =>
      store.db.write(function* () {
        yield () => store.db.sqlite.prepare('update experiments set name = ?').run(name);
      });
    await rename('before');
    change(`update databases set writable_from = ${KNOWN + 1}, version = '0.3.0'`);
    // The work goes to a worker of another version, and the run does not fail.
    await expect(rename('after')).rejects.toMatchObject({
      kind: 'StoreUnavailable',
      message: expect.stringMatching(/newer panic-tda/) as unknown,
    });
    expect((await store.db.tablesNow()).tables).toMatchObject({
      applied: KNOWN + 1,
      stated: { writableFrom: KNOWN + 1 },
    });
    expect((await store.experiments.get(id)).name).toBe('before');
    await store.close();
  });
});
