import { afterAll, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DATABASE_FILE, openStore } from '../../db/index.js';
import { knownMigrations } from '../../db/versions/own-schema.js';
import { knownMigrations as knownToPostgres } from '../../db/postgres/migrate.js';
import { bundleSha256, splitBundle, workflowBundle } from '../../workers/workflow-bundle.js';
import { cleanUp, panicTda } from './cli-process.js';
import { nextLine, runModule } from './child-processes.js';
import { sharedTemporaryFolder } from './temporary-folder.js';
import { builtVersion } from './built-version.js';

const later = builtVersion({
  version: '9.8.7',
  workflows: (code) => `${code}// other code\n`,
  migrations: {
    sqlite: [
      { tag: 'telescopes', sql: 'CREATE TABLE `telescopes` (`id` integer PRIMARY KEY NOT NULL) STRICT;' },
    ],
    postgres: [{ tag: 'telescopes', sql: 'CREATE TABLE "telescopes" ("id" bigint PRIMARY KEY NOT NULL)' }],
  },
});
afterAll(async () => {
  await cleanUp();
  later.remove();
});

/** Address of a module of that version, as a JavaScript literal. */
function moduleOf(path: string): string {
  return JSON.stringify(pathToFileURL(join(later.folder, 'dist', path)).href);
}

test('a built version calls itself what the test says', async () => {
  const { code, stdout } = await panicTda(later.folder, ['--version'], {}, later.main);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '9.8.7\n' });
});

test('it makes its migration in a store of this version, and reads the store afterwards', async () => {
  const data = sharedTemporaryFolder();
  const file = join(data, DATABASE_FILE);
  await openStore(data).close();
  for (const command of ['upgrade', 'list']) {
    const { code, stderr } = await panicTda(data, [command, '--data', data], {}, later.main);
    if (code !== 0) throw new Error(stderr);
  }
  const sqlite = new Database(file, { readonly: true });
  const tables = sqlite.prepare(`select name from sqlite_schema where name = 'telescopes'`).pluck().all();
  sqlite.close();
  expect(tables).toEqual(['telescopes']);
});

test('it knows its migrations, and has a bundle of another digest', async () => {
  const child = runModule(`
    import { readFileSync } from 'node:fs';
    const { knownMigrations } = await import(${moduleOf('db/versions/own-schema.js')});
    const postgres = await import(${moduleOf('db/postgres/migrate.js')});
    const { bundleSha256, splitBundle, workflowBundle } = await import(${moduleOf('workers/workflow-bundle.js')});
    const told = { sqlite: knownMigrations(), postgres: postgres.knownMigrations().length, sha256: bundleSha256() };
    const { sourceMap } = splitBundle(readFileSync(workflowBundle(), 'utf8'));
    console.log(JSON.stringify({ ...told, sourceMap: sourceMap.length }));
  `);
  const told = JSON.parse(await nextLine(child)) as unknown;
  const { sourceMap } = splitBundle(readFileSync(workflowBundle(), 'utf8'));
  expect(told).toEqual({
    sqlite: knownMigrations() + 1,
    postgres: knownToPostgres().length + 1,
    sha256: expect.not.stringMatching(bundleSha256()),
    sourceMap: sourceMap.length,
  });
});

test('a change that finds nothing to change is refused', () => {
  expect(() => builtVersion({ workflows: (code) => code.replaceAll('no such code', '') })).toThrow(
    /nothing of what is to be changed/,
  );
});
