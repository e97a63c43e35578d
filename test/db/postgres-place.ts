import { rmSync } from 'node:fs';
import { getTableName } from 'drizzle-orm';
import { DatabaseError } from 'pg';
import type { PoolClient } from 'pg';
import { TABLES } from '../../db/doctor/row-keys.js';
import { connectStore, setUpDatabase } from '../../db/index.js';
import type { ObjectsPlace } from '../../db/index.js';
import type { PostgresDatabase } from '../../db/postgres/connection.js';
import { errorCode } from '../../common/error-code.js';
import { errorMessage } from '../../common/errors.js';
import { asSuperuser, createDatabase } from '../support/suite-postgres.js';
import type { DroppedCheck, Place, Trial } from './place.js';
import { copiedFolder } from './sqlite-place.js';
import type { Database } from '../../db/connection/database.js';

/** A database with the tables, and with functions for the raw SQL of the tests. */
export async function migratedTemplate(urlOf: (database: string) => string): Promise<string> {
  const name = await createDatabase(urlOf);
  await setUpDatabase({ url: urlOf(name), poolSize: 2 }, []);
  await asSuperuser(urlOf(name), (client) => client.query(SQLITE_WORDS));
  return name;
}

const databases = new WeakMap<Place, string>();

/** A copy of a place whose store is closed. */
export function postgresCopy(urlOf: (database: string) => string, place: Place): Promise<Place> {
  return postgresPlace(urlOf, databases.get(place)!, copiedFolder(place.folder), null);
}

/** The connections of a Postgres database. Throws for a database of another kind. */
export function poolOf(db: Database): PostgresDatabase['pool'] {
  if (!isPostgres(db)) throw new Error(`${db.name} is no Postgres database`);
  return db.pool;
}

function isPostgres(db: Database): db is PostgresDatabase {
  return 'pool' in db;
}

export async function postgresPlace(
  urlOf: (database: string) => string,
  template: string,
  folder: string,
  objects: ObjectsPlace | null,
): Promise<Place> {
  const name = await createDatabase(urlOf, template);
  const store = await connectStore({ folder, database: { url: urlOf(name), poolSize: 5 }, objects });
  const pool = poolOf(store.db);
  const column = async (query: string, ...values: readonly unknown[]): Promise<unknown[]> => {
    const text = numbered(asPostgres(query));
    const { rows } = await pool.query<unknown[]>({ text, values: [...values], rowMode: 'array' });
    return rows.map(([first]) => first);
  };
  const run = async (statement: string, ...values: readonly unknown[]): Promise<number> =>
    (await pool.query(numbered(asPostgres(statement)), [...values])).rowCount ?? 0;
  const place: Place = {
    folder,
    store,
    async sql(statements) {
      await pool.query(asPostgres(statements));
    },
    trial: async () => postgresTrial(await pool.connect()),
    async fault(change, condition = 'true') {
      await pool.query(`
        create trigger fault before ${change} for each row when (${condition})
        execute function pulled_out()`);
    },
    async mend() {
      await pool.query('drop trigger fault on runs');
    },
    run,
    async unguarded(statement, ...values) {
      const dropped: DroppedCheck[] = [];
      for (;;) {
        const client = await pool.connect();
        try {
          await client.query('begin; set local session_replication_role = replica');
          const { rowCount } = await client.query(numbered(asPostgres(statement)), [...values]);
          await client.query('commit');
          return { changes: rowCount ?? 0, dropped };
        } catch (error) {
          await client.query('rollback');
          const broken = await brokenChecks(client, statement, error);
          for (const { table, check } of broken) {
            await client.query(`alter table ${table} drop constraint ${check}`);
          }
          dropped.push(...broken);
        } finally {
          client.release();
        }
      }
    },
    one: async (query, ...values) => (await column(query, ...values))[0],
    column: (query) => column(query),
    async rows() {
      const all: Record<string, unknown[]> = {};
      for (const table of TABLES.map(getTableName)) {
        all[table] = (await pool.query(`select * from "${table}" t order by t::text collate "C"`)).rows;
      }
      return all;
    },
    async remove() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
  databases.set(place, name);
  return place;
}

/** Translates the raw SQL of tests, which is written for SQLite. */
function asPostgres(statements: string): string {
  return statements
    .replaceAll('9e999', `'Infinity'`)
    .replaceAll('char(9, 10, 13)', String.raw`E'\t\n\r'`)
    .replaceAll(/\browid\b/g, 'ctid')
    .replaceAll(/\bjson\(('[^']*')\)/g, '$1::jsonb')
    .replaceAll(/drop trigger ((\w+)_are_immutable)(?! on)/g, 'drop trigger $1 on $2');
}

async function postgresTrial(client: PoolClient): Promise<Trial> {
  await client.query('begin; set local idle_in_transaction_session_timeout = 0');
  const sql = async (statements: string): Promise<void> => {
    await client.query(asPostgres(statements));
  };
  return {
    sql,
    async column(query) {
      const { rows } = await client.query<unknown[]>({ text: query, rowMode: 'array' });
      return rows.map(([first]) => first);
    },
    async refusal(statements) {
      await client.query('savepoint trial');
      try {
        await sql(statements);
        return '';
      } catch (error) {
        await client.query('rollback to trial');
        return inWordsOfSqlite(error);
      }
    },
    async only(check, table) {
      await client.query(`do $$ declare name text; begin
        for name in select conname from pg_constraint
          where contype = 'c' and conrelid = '${table}'::regclass and conname <> '${check}'
        loop execute format('alter table ${table} drop constraint %I', name); end loop;
      end $$`);
    },
    async rollback() {
      await client.query('rollback');
      client.release();
    },
  };
}

/**
 * The checks that refuse a statement: the one that the error names, or those that read JSON and found none.
 */
async function brokenChecks(client: PoolClient, statement: string, error: unknown): Promise<DroppedCheck[]> {
  if (!(error instanceof DatabaseError)) throw error;
  const { code, table, constraint } = error;
  if (code === '23514') return [{ table: table!, check: constraint! }];
  if (code !== '22P02' && code !== '22023') throw error;
  const changed = /^update (\w+)/.exec(statement)?.[1] ?? '';
  const { rows } = await client.query<DroppedCheck>(
    `select conrelid::regclass::text as table, conname as check from pg_constraint
     where contype = 'c' and conrelid = $1::regclass and pg_get_constraintdef(oid) like '%json%'`,
    [changed],
  );
  if (rows.length === 0) throw error;
  return rows;
}

const RULES: Readonly<Record<string, string>> = {
  '23502': 'NOT NULL constraint failed',
  '23503': 'FOREIGN KEY constraint failed',
  '23505': 'UNIQUE constraint failed',
  '23514': 'CHECK constraint failed',
};

function inWordsOfSqlite(error: unknown): string {
  const rule = RULES[errorCode(error) ?? ''];
  if (rule === undefined || !(error instanceof DatabaseError)) return errorMessage(error);
  return `${rule}: ${error.constraint ?? error.column ?? ''}`;
}

/** Functions of SQLite that the raw SQL of tests uses, and a trigger that makes a row fail. */
const SQLITE_WORDS = `
  create function json_set(document text, path text, value jsonb) returns text language sql immutable as
    $$ select jsonb_set(document::jsonb, array[substr(path, 3)], value)::text $$;
  create function json_set(document text, path text, value integer) returns text language sql immutable as
    $$ select jsonb_set(document::jsonb, array[substr(path, 3)], to_jsonb(value))::text $$;
  create function json_remove(document text, path text) returns text language sql immutable as
    $$ select (document::jsonb - substr(path, 3))::text $$;
  create function zeroblob(length bigint) returns bytea language sql immutable as
    $$ select decode(repeat('00', length::integer), 'hex') $$;
  create function pulled_out() returns trigger language plpgsql as
    $$ begin raise exception 'pulled out'; end $$`;

/** Turns each `?` into Postgres's numbered form; text within quotes stays as it is. */
function numbered(query: string): string {
  let count = 0;
  return query.replaceAll(/'[^']*'|"[^"]*"|\?/g, (part) => (part === '?' ? `$${++count}` : part));
}
