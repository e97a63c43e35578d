import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { Column, DrizzleQueryError, is, sql, SQL } from 'drizzle-orm';
import type { Param, SQLChunk } from 'drizzle-orm';
import { SQLiteAsyncDialect } from 'drizzle-orm/sqlite-core';
import { SqliteRemoteDatabase, SQLiteRemoteSession } from 'drizzle-orm/sqlite-proxy';
import type { ClientBase } from 'pg';
import { PanicError } from '../../common/errors.js';
import type { Builder } from '../connection/database.js';
import { all } from '../connection/work.js';
import type { Call, Work } from '../connection/work.js';

/** Longer statements (lists of ids) differ from each other, so a name would not save any planning. */
const NAMED_LENGTH = 2000;

/** All connections share the prepared statements; each call receives its connection through this storage. */
const connection = new AsyncLocalStorage<ClientBase>();

/**
 * Adapts Drizzle's text for SQLite to Postgres. The two differ in the marks for values and in the way to
 * leave an id to the database.
 */
class PostgresText extends SQLiteAsyncDialect {
  override escapeParam(index: number): string {
    return `$${index + 1}`;
  }

  override buildInsertQuery(config: InsertConfig): SQL {
    const { table, values, onConflict } = config;
    const generated = 'id' in table && Array.isArray(values) ? values.map(withGeneratedId) : values;
    const changed = { ...config, values: generated };
    return super.buildInsertQuery(
      onConflict === undefined ? changed : { ...changed, onConflict: onConflict.map(withPlainTarget) },
    );
  }
}

function withGeneratedId(row: Readonly<Record<string, Param | SQL>>): Record<string, Param | SQL> {
  return { id: sql`default`, ...row };
}

/**
 * The clause has ` on conflict `, the target, and the rest. In the target Postgres accepts only names of
 * columns without their table.
 */
function withPlainTarget(clause: SQL): SQL {
  const [words, target, ...rest] = clause.queryChunks;
  return target instanceof SQL && rest.length > 0 ? new SQL([words!, plain(target), ...rest]) : clause;
}

function plain(chunk: SQLChunk): SQLChunk {
  if (is(chunk, Column)) return sql.identifier(chunk.name);
  if (Array.isArray(chunk)) return chunk.map(plain);
  return chunk instanceof SQL ? new SQL(chunk.queryChunks.map(plain)) : chunk;
}

type InsertConfig = Parameters<SQLiteAsyncDialect['buildInsertQuery']>[0];

const dialect = new PostgresText();

/** Makes statements for Postgres from the tables of `schema.ts`. */
export function postgresBuilder(): Builder;
// The overload states the type of the SQLite builder, which has the same methods.
export function postgresBuilder(): object {
  const session = new SQLiteRemoteSession(execute, dialect, undefined);
  // The answers come later than the type says; `runOn` waits for each of them.
  return new SqliteRemoteDatabase('async', dialect, session, undefined);
}

async function execute(text: string, values: unknown[], method: string) {
  refuseUnfit(values);
  const result = await clientOfCall().query<unknown[]>({ ...named(text), values, rowMode: 'array' });
  if (method === 'run') return { rows: [], changes: result.rowCount ?? 0 };
  // For one row Drizzle expects the row itself.
  return { rows: method === 'get' ? result.rows[0]! : result.rows };
}

/** The rows of hand-written SQL, with the column names that it gives. */
export function rowsOf<T>(query: SQL): Work<T[]> {
  const { sql: text, params } = dialect.sqlToQuery(query);
  const read = async (): Promise<T[]> => {
    refuseUnfit(params);
    const { rows } = await clientOfCall().query({ ...named(text), values: params });
    return rows;
  };
  return all({ all: read });
}

/** Runs work on one connection, statement by statement. */
export async function runOn<T>(client: ClientBase, work: Work<T>): Promise<T> {
  let step = work.next();
  while (!step.done) {
    let answered: unknown;
    try {
      answered = await answer(client, step.value);
    } catch (error) {
      step = work.throw(error);
      continue;
    }
    step = work.next(answered);
  }
  return step.value;
}

async function answer(client: ClientBase, call: Call): Promise<unknown> {
  try {
    // Some calls begin only when they are awaited.
    return await connection.run(client, async () => await call());
  } catch (error) {
    throw error instanceof DrizzleQueryError ? error.cause : error;
  }
}

/** The number of characters that the message shows on each side of the refused one. */
const TOLD = 40;

/**
 * Throws InvalidInput for a text that no Postgres database can hold: Postgres refuses U+0000, and half of a
 * surrogate pair would become U+FFFD.
 */
function refuseUnfit(values: readonly unknown[]): void {
  for (const value of values) {
    if (typeof value !== 'string') continue;
    const at = value.search(/[\0\p{Surrogate}]/u);
    if (at < 0) continue;
    const what = value[at] === '\0' ? 'the character U+0000' : 'half of a surrogate pair';
    const around = JSON.stringify(value.slice(Math.max(0, at - TOLD), at + TOLD));
    throw new PanicError(
      'InvalidInput',
      `Postgres cannot store ${what}, which a text has at position ${at}: ${around}. Take it out.`,
    );
  }
}

function clientOfCall(): ClientBase {
  const client = connection.getStore();
  if (client === undefined) throw new Error('a statement was run outside of a read or a write');
  return client;
}

/** Postgres parses and plans a statement with a name once for each connection. */
function named(text: string): { text: string; name?: string } {
  if (text.length > NAMED_LENGTH) return { text };
  let name = names.get(text);
  if (name === undefined) {
    name = createHash('sha1').update(text).digest('base64url');
    names.set(text, name);
  }
  return { text, name };
}

const names = new Map<string, string>();
