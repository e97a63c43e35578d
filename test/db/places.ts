import { test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PostgresDatabase } from '../../db/postgres/connection.js';
import { connectStore, openStore, setUpDatabase } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import { asSuperuser, createDatabase, suitePostgres } from '../support/suite-postgres.js';

/** An empty store that is removed with `remove`, and its database by raw SQL. */
export interface Place {
  readonly folder: string;
  readonly store: Store;
  /** Runs statements. */
  sql(statements: string): Promise<void>;
  /** Lets every such change of a row fail (`insert on runs`), where the condition holds; until `mend`. */
  fault(change: string, condition?: string): Promise<void>;
  mend(): Promise<void>;
  /** The first column of the first row. */
  one(query: string): Promise<unknown>;
  remove(): Promise<void>;
}

/**
 * Which database the tests of this file are about. The same tests are run on both: `postgres/NAME.test.ts` chooses Postgres and
 * imports `NAME.test.ts`.
 */
let make: () => Promise<Place> = sqlitePlace;

export function emptyPlace(): Promise<Place> {
  return make();
}

/** Makes tests about Postgres; where no server can run here, one that is skipped and says why. */
export async function onPostgres(tests: () => Promise<unknown>): Promise<void> {
  const server = await suitePostgres();
  if (server.available) {
    const template = await migratedTemplate(server.urlOf);
    make = () => postgresPlace(server.urlOf, template);
    await tests();
  } else {
    test.skip(`Postgres cannot run here: ${server.reason}`, () => undefined);
  }
}

async function sqlitePlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-db-'));
  const store = openStore(folder);
  const { sqlite } = store.db;
  return {
    folder,
    store,
    async sql(statements) {
      sqlite.exec(statements);
    },
    async fault(change, condition = 'true') {
      sqlite.exec(
        `create trigger fault before ${change} when ${condition} begin select raise(abort, 'pulled out'); end`,
      );
    },
    async mend() {
      sqlite.exec('drop trigger fault');
    },
    one: async (query) => sqlite.prepare(query).pluck().get(),
    async remove() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function migratedTemplate(urlOf: (database: string) => string): Promise<string> {
  const name = await createDatabase(urlOf);
  await setUpDatabase({ url: urlOf(name), poolSize: 2 }, []);
  await asSuperuser(urlOf(name), (client) => client.query(SQLITE_WORDS));
  return name;
}

async function postgresPlace(urlOf: (database: string) => string, template: string): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-db-'));
  const name = await createDatabase(urlOf, template);
  const store = await connectStore({ folder, database: { url: urlOf(name), poolSize: 5 }, objects: null });
  const { pool } = store.db as PostgresDatabase;
  return {
    folder,
    store,
    async sql(statements) {
      const translated = statements
        .replaceAll('9e999', `'Infinity'`)
        .replaceAll(/drop trigger ((\w+)_are_immutable)/g, 'drop trigger $1 on $2');
      await pool.query(translated);
    },
    async fault(change, condition = 'true') {
      await pool.query(`
        create trigger fault before ${change} for each row when (${condition})
        execute function pulled_out()`);
    },
    async mend() {
      await pool.query('drop trigger fault on runs');
    },
    async one(query) {
      const { rows } = await pool.query<unknown[]>({ text: query, rowMode: 'array' });
      return rows[0]?.[0];
    },
    async remove() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** What the raw SQL of tests uses of SQLite's, and what makes a row fail. */
const SQLITE_WORDS = `
  create function zeroblob(length bigint) returns bytea language sql immutable as
    $$ select decode(repeat('00', length::integer), 'hex') $$;
  create function pulled_out() returns trigger language plpgsql as
    $$ begin raise exception 'pulled out'; end $$`;
